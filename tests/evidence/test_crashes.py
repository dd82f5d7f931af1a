"""Killed at any moment, the pipeline finishes to the same bytes; the long form of these tests is `python -m tests.drill`."""

import errno
import fcntl
import os
import random
import signal
import subprocess
import sys
import time

import pytest

from pipeline import files
from pipeline.evidence import processes, records
from pipeline.graph import command, plan
from tests import drill
from tests.drill import SCENARIOS, Kill, Scenario, complaints, forget, strike, undone

EVALUATE = Scenario(
    ("pipeline", "make", "evaluations/local_random_halfcheetah"), forget("results/evaluations/local_random_halfcheetah.json")
)
# Writes in place, with a moment between two halves that the drill's hook takes for a write.


@pytest.mark.parametrize(("name", "ending"), [("collect", signal.SIGKILL), ("train", signal.SIGTERM)])
def test_a_verb_killed_before_a_random_write_finishes_to_the_same_bytes(toy, tmp_path, name, ending):
    victim = undone(toy, SCENARIOS[name], tmp_path / "trial")
    assert strike(victim, SCENARIOS[name].words, Kill(ending, write=random.Random(name).randint(1, 15)))
    assert complaints(victim, SCENARIOS[name].words, toy) == []


def test_doit_killed_alone_takes_its_children_with_it_and_finishes_to_the_same_bytes(toy, tmp_path):
    victim = undone(toy, SCENARIOS["doit"], tmp_path / "trial")
    lock = victim.root / "build/locks/evaluations_local_random_halfcheetah"
    lock.unlink()
    running = victim.start("doit", stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while not lock.exists():
        assert running.poll() is None, "doit ended before it had made anything"
        time.sleep(0.01)
    running.kill()
    running.wait()
    assert complaints(victim, ("doit",), toy) == []


def test_a_reproduction_that_is_killed_goes_on_from_there(toy, tmp_path):
    victim = toy.copy(tmp_path / "trial")
    with open(victim.root / "pipeline/study/runs.py", "a", encoding="utf-8") as file:
        file.write("POOLS = ATTENTIONS = LATENCIES = PLAN_LATENCIES = MEMORIES = ROLLOUTS = IMAGINATIONS = FIGURES = ()\n")
    results, locks = victim.root / "build/reproduce/results", victim.root / "build/reproduce/locks"
    locks.mkdir(parents=True)
    with (locks / "refined_local_leap_go_to_local_s8n7").open(
        "a"
    ) as held:  # one result waits: it cannot end before it is killed
        fcntl.flock(held, fcntl.LOCK_EX)
        running = victim.start("pipeline", "reproduce", "--minutes", "0", stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        while not any(results.rglob("*.json")):
            assert running.poll() is None, "the reproduction ended before it had written anything"
            time.sleep(0.01)
        running.kill()
        running.wait()
    assert not (victim.root / "build/reproduce/verdict.json").exists()
    first = next(results.rglob("*.json"))
    written = first.stat().st_mtime_ns
    done = victim.run("pipeline", "reproduce", "--minutes", "0")
    assert done.returncode == 0, done.stderr
    assert first.stat().st_mtime_ns == written, "what was made before the kill is not made again"
    assert victim.leftovers() == []
    assert {verdict for _, verdict in drill.verdicts(victim)} <= {"identical", "statistically compatible", "not run"}


def test_a_file_is_never_half_there(tmp_path):
    """A writer ended in the midst of writing leaves the old bytes, and its temporary is swept by the next write."""
    path = tmp_path / "kept.json"
    files.write_text(path, "old")
    code = f"""
import os, signal
from pathlib import Path
from pipeline import files
def write(temporary):
    temporary.write_text("new, but not wh")
    os.kill(os.getpid(), signal.SIGKILL)
files.write_whole(Path({str(path)!r}), write)
"""
    subprocess.run([sys.executable, "-c", code], cwd=files.ROOT, check=False)
    assert path.read_text(encoding="utf-8") == "old"
    assert len(list(tmp_path.iterdir())) == 2
    files.write_text(path, "new")
    assert [path.name for path in tmp_path.iterdir()] == ["kept.json"]


def test_a_temporary_of_a_living_process_is_let_be(tmp_path):
    path = tmp_path / "kept.json"
    with subprocess.Popen(["sleep", "infinity"]) as other:
        left = tmp_path / f".kept.json.part{other.pid}"
        left.write_text("half")
        files.write_text(path, "whole")
        assert left.read_text(encoding="utf-8") == "half"
        other.kill()
    files.write_text(path, "whole")
    assert not left.exists()


def test_a_process_that_ended_and_was_not_buried_counts_as_ended():
    with subprocess.Popen([sys.executable, "-c", ""], stdout=subprocess.PIPE) as zombie:
        zombie.stdout.read()  # its end
        os.waitid(os.P_PID, zombie.pid, os.WEXITED | os.WNOWAIT)
        assert not processes.alive(zombie.pid)
    assert processes.alive(os.getpid()) and processes.alive(os.getppid())


def test_a_full_disk_is_named_with_the_file(tmp_path, monkeypatch):
    def fail(*arguments):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OSError, match="No space left") as error:
        files.write_text(tmp_path / "kept.json", "new")
    assert error.value.filename == str(tmp_path / "kept.json") and list(tmp_path.iterdir()) == []


def test_where_the_file_system_knows_no_locks_work_goes_on_and_says_so(tmp_path, monkeypatch, capsys):
    def fail(file, operation):
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(fcntl, "flock", fail)
    assert command.lock(tmp_path / "locks" / "a", "waiting") is False
    command.LOCKS.pop(tmp_path / "locks" / "a").close()
    assert "is on a file system without locks" in capsys.readouterr().err
    monkeypatch.setattr(records, "workshop", lambda: tmp_path / "work")
    (tmp_path / "locks" / "kind_name").touch()
    assert plan.being_made("kind", "name"), "what another process may be making is let be"
    assert not plan.being_made("kind", "other")


def test_the_drill_catches_bytes_that_differ_and_files_that_are_left(own_toy, toy):
    own_toy.edit("pipeline/graph/making.py", "(*recipe.progress(into), *found.left)", "found.left")
    own_toy.edit(
        "pipeline/measures/evaluate.py",
        "first_seed + episode for episode in range(first,",
        "first_seed - episode for episode in range(first,",
    )
    EVALUATE.undo(own_toy)
    found = complaints(own_toy, EVALUATE.words, toy)
    assert "results/evaluations/local_random_halfcheetah.json differs" in found
    assert any("shard_000.json is left" in complaint for complaint in found)

"""doit as its user sees it: progress while it is made, and one sentence when interrupted."""

import os
import pty
import select
import signal
import subprocess
import sys
import time

import pytest

from pipeline import files

DODO = """
import os, runpy, sys
project = runpy.run_path({dodo!r})
DOIT_CONFIG = {{**project["DOIT_CONFIG"], "default_tasks": ["slow"]}}


def task_slow():
    task = project["evidence_task"](next(iter(project["recipes"].EVALUATIONS.values())))
    return {{"io": task["io"], "actions": [[sys.executable, "slow.py"]]}}
"""
SLOW = """
import os, sys, time
import pipeline
for number in range(3):
    print(f"\\rupdate {number}", end="", file=sys.stderr, flush=True)
    while not os.path.exists(f"seen {number}"):
        time.sleep(0.01)
"""
SECONDS = 600  # after which a test that waits has failed, however busy the machine


def start(folder, **streams) -> subprocess.Popen:
    """Start doit on a task that goes on only when its progress was seen."""
    (folder / "dodo.py").write_text(DODO.format(dodo=str(files.ROOT / "dodo.py")))
    (folder / "slow.py").write_text(SLOW)
    surroundings = {**os.environ, "PYTHONPATH": str(files.ROOT)}
    return subprocess.Popen([sys.executable, "-m", "doit"], start_new_session=True, cwd=folder, env=surroundings, **streams)


@pytest.fixture
def slow(tmp_path):
    """Doit at work on a terminal, and that terminal's other end."""
    ours, theirs = pty.openpty()
    with start(tmp_path, stdin=theirs, stdout=theirs, stderr=theirs) as running:
        os.close(theirs)
        yield running, ours
        running.kill()
    os.close(ours)


def read(terminal: int, wanted: str) -> str:
    """What a terminal shows until it shows what is wanted, or, where nothing is, its end."""
    shown = b""
    while not wanted or wanted.encode() not in shown:
        assert select.select([terminal], [], [], SECONDS)[0], f"{wanted} was not seen after {shown!r}"
        try:
            shown += os.read(terminal, 4096)
        except OSError:  # nobody writes any more
            break
    return shown.decode()


def test_progress_is_seen_while_it_is_made(slow, tmp_path):
    running, terminal = slow
    for number in range(3):
        assert f"update {number}" in read(terminal, f"update {number}")
        (tmp_path / f"seen {number}").touch()
    read(terminal, "")
    assert running.wait(SECONDS) == 0


def test_progress_is_seen_while_it_is_made_in_a_log_too(tmp_path):
    log = tmp_path / "log"
    with open(log, "wb") as output, start(tmp_path, stdin=subprocess.DEVNULL, stdout=output, stderr=output) as running:
        try:
            for number in range(3):
                end = time.monotonic() + SECONDS
                while f"update {number}" not in log.read_text(encoding="utf-8"):
                    assert time.monotonic() < end, f"update {number} was not seen"
                    time.sleep(0.05)
                (tmp_path / f"seen {number}").touch()
            assert running.wait(SECONDS) == 0
        finally:
            running.kill()


def test_an_interrupted_doit_says_one_sentence(slow):
    running, terminal = slow
    read(terminal, "update 0")
    os.killpg(running.pid, signal.SIGINT)
    assert running.wait(SECONDS) == 130
    assert read(terminal, "").strip() == "interrupted; finished parts are kept, the same command goes on from there"


@pytest.mark.parametrize("words", [["ignore", "tabulate"], ["source=hub", "forget", "tabulate"], ["reset-dep"]])
def test_what_would_change_only_doits_memory_is_refused(words):
    done = subprocess.run([sys.executable, "-m", "doit", *words], cwd=files.ROOT, capture_output=True, text=True)
    asked = next(word for word in words if "=" not in word)
    assert done.returncode == 1 and done.stdout == ""
    assert done.stderr.startswith(f"error: `doit {asked}` changes nothing here") and len(done.stderr.splitlines()) == 1

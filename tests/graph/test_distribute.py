"""Results made on a cluster: what stands on what, what workers refuse, what comes back, and the same bytes as made alone."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import importlib.util
import json
import os
import pickle
import re
import shutil
import signal
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from pipeline import PipelineError, files
from pipeline.evidence import fingerprints, machines, recipes, records
from pipeline.evidence.records import Recipe
from pipeline.graph import answers, cluster, command, distribute, jobs, pieces, workers
from pipeline.graph.pieces import Piece
from pipeline.statistics import summaries
from tests import toy as toys

EVALUATION = recipes.EVALUATIONS["local_random_halfcheetah"]
LONG = recipes.EVALUATIONS["local_dt_halfcheetah_throttled_q50"]  # in two shards
ROLLOUT = recipes.ROLLOUTS["local_random_halfcheetah"]
POOL = recipes.POOLS["local_bc_halfcheetah"]
LATENCY = next(iter(recipes.LATENCIES.values()))
TRAINING = recipes.TRAINED["local_bc_halfcheetah_s0"]
ENTRY = recipes.SUITE["hopper_medium_bc_s0"]
WITHOUT = "distributed, of the extra `cluster`, is not installed"
HERE = {"processor": "one", "arithmetic": "this"}


@pytest.fixture(autouse=True)
def this_machine(monkeypatch):
    """Let no test ask how this machine rounds, which takes torch."""
    monkeypatch.setattr(machines, "of", lambda depends: {"machine": HERE})


def begun(recipe: Recipe, into: Path) -> Recipe:
    return replace(recipe, begun=fingerprints.depends(recipe, into))


def current(recipe: Recipe, into: Path, **values) -> dict[str, bytes]:
    """The files of a result as a worker of this checkout would give them, with its committed values or others."""
    content = records.read(recipe.path())
    depends = fingerprints.depends(recipe, into)
    made = {"fingerprint": fingerprints.fingerprint(recipe, depends), **depends}
    content = {"run": records.fields(recipe.run), "made": made, "values": {**content["values"], **values}}
    content["made"]["sha256"] = records.sealed(content)
    beside = {name: (files.ROOT / name).read_bytes() for name in recipe.outputs}
    return {**beside, pieces.evidence(recipe): json.dumps(content).encode()}


def test_what_is_pooled_comes_after_all_that_it_pools_and_what_is_read_from_the_repository_after_nothing(tmp_path):
    plan = pieces.plan([POOL, ROLLOUT], tmp_path, every=False)
    members = [f"evaluations/{name}" for name in POOL.run.members]
    assert list(plan) == [*members, "pooled/local_bc_halfcheetah", "rollouts/local_random_halfcheetah"]
    assert plan["pooled/local_bc_halfcheetah"].after == tuple(members)
    assert all(plan[name].after == () for name in (*members, "rollouts/local_random_halfcheetah"))


def test_pieces_are_free_in_the_plans_order_once_all_that_they_stand_on_is_done_and_fail_with_it():
    piece = lambda *after: Piece(ROLLOUT, after=after)  # noqa: E731
    plan = {"a": piece(), "b": piece(), "c": piece("a", "b"), "d": piece("b"), "e": piece("c"), "f": piece("d", "e")}
    order, failed = pieces.Order(plan), {}
    assert [order.free.popleft() for _ in range(2)] == ["a", "b"] and not order.free
    order.settle("b", failed)
    assert [*order.free] == ["d"], "c stands on a as well"
    order.settle("a", failed)
    assert [*order.free] == ["d", "c"] and not failed
    failed["c"] = "no room"
    order.settle("c", failed)
    order.settle("d", failed)
    assert [*order.free] == ["d", "c"], "and nothing is free that stands on what failed, however far below"
    assert failed == {"c": "no room", "e": "not made, for it stands on c", "f": "not made, for it stands on e"}


def test_a_long_result_is_its_first_shard_or_all_of_them_and_a_piece_that_joins_them(tmp_path):
    (first,) = pieces.plan([LONG], tmp_path, every=False).values()
    assert (first.part, first.seconds) == (pieces.FIRST, LONG.seconds / 2)
    name = pieces.result(LONG)
    shards = [f"{name}, shard 1", f"{name}, shard 2"]
    plan = pieces.plan([LONG], tmp_path, every=True)
    assert [(each, piece.part) for each, piece in plan.items()] == [(shards[0], 0), (shards[1], 1), (name, pieces.JOINED)]
    assert plan[name].after == tuple(shards) and sum(piece.seconds for piece in plan.values()) == LONG.seconds
    files.write_text(pieces.kept_shard(LONG, 0, tmp_path), "[]")
    assert list(pieces.plan([LONG], tmp_path, every=True)) == [shards[1], name]


def test_what_is_there_is_not_made_again_unless_it_holds_fewer_episodes_than_are_wanted(tmp_path):
    answers.write_result(EVALUATION, current(EVALUATION, tmp_path), tmp_path)
    assert pieces.plan([EVALUATION], tmp_path, every=True) == {}
    half = records.read(EVALUATION.path())["values"]["returns"][:5]
    values = records.plain(summaries.summarize_returns(EVALUATION.run, half))
    answers.write_result(EVALUATION, current(EVALUATION, tmp_path, **values), tmp_path)
    assert list(pieces.plan([EVALUATION], tmp_path, every=True)) == [pieces.result(EVALUATION)]


def test_what_is_collected_or_fetched_is_not_made_in_pieces_and_what_is_trained_not_elsewhere(tmp_path):
    assert pieces.choose([EVALUATION]) == [EVALUATION] and LATENCY in pieces.choose([])
    assert not any(recipe.kind in pieces.SLICED for recipe in pieces.choose([])), "what takes hours is asked for by name"
    for name in ("datasets/local_halfcheetah_medium", "training/local_sac_halfcheetah_medium", "fetched/hub_dt_halfcheetah"):
        with pytest.raises(PipelineError, match=rf"{name} is not made in pieces.*`python -m pipeline make"):
            pieces.choose([recipes.known()[name]])
    assert pieces.choose([TRAINING]) == [TRAINING] and pieces.choose([ENTRY], tmp_path) == [ENTRY]
    with pytest.raises(PipelineError, match="training/local_bc_halfcheetah_s0 lies beside .* takes no --into"):
        pieces.choose([TRAINING], tmp_path)


def test_results_are_asked_for_by_name_or_by_a_pattern():
    assert pieces.match("local_random_halfcheetah_wide") == [recipes.EVALUATIONS["local_random_halfcheetah_wide"]]
    found = pieces.match("suite/hopper_*_dt_s?")
    assert [recipe.name for recipe in found] == [
        f"hopper_{log}_dt_s{seed}" for log in ("medium", "throttled") for seed in range(3)
    ]
    with pytest.raises(PipelineError, match=r"no result that 'suite/none_\*' matches"):
        pieces.match("suite/none_*")


def test_what_plays_a_checkpoint_comes_after_its_training_where_both_are_asked_for(monkeypatch):
    played = recipes.EVALUATIONS["local_bc_halfcheetah_s0"]
    known = {pieces.result(recipe): recipe for recipe in (TRAINING, played)}
    assert pieces.stands_on(played, files.ROOT, known) == [TRAINING]
    assert pieces.stands_on(played, Path("/elsewhere"), known) == [], "which reads the one that is here"
    monkeypatch.setattr(pieces, "holds", lambda recipe, into, every: False)
    assert list(pieces.plan([played], files.ROOT, True)) == [pieces.result(played)], "no training is begun by what plays it"
    both = pieces.plan([played, TRAINING], files.ROOT, True)
    assert list(both) == [pieces.result(TRAINING), pieces.result(played)]
    assert both[pieces.result(played)].after == (pieces.result(TRAINING),)


@pytest.mark.parametrize(
    "address",
    ["tls://10.0.0.5:8786", "tcp://127.0.0.1:8786", "127.0.0.1:8786", "localhost:8786", "tcp://[::1]:8786", "tcp://127.8.0.1"],
)
def test_an_address_of_this_machine_or_with_tls_is_taken(address):
    assert cluster.checked(address, without_tls=False) == address


@pytest.mark.parametrize(
    "address", ["tcp://10.0.0.5:8786", "cluster:8786", "tcp://[fe80::1]:8786", "0.0.0.0:8786", "127.0.0.1.org:1"]
)
def test_any_other_is_refused_unless_its_network_is_said_to_be_trusted(address):
    with pytest.raises(PipelineError, match="has no TLS.*--without-tls"):
        cluster.checked(address, without_tls=False)
    assert cluster.checked(address, without_tls=True) == address


def test_a_scheme_that_is_none_of_daskss_is_refused():
    with pytest.raises(PipelineError, match="no scheduler's address"):
        cluster.checked("https://localhost:8786", without_tls=True)


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (
            lambda told: told["made"]["sources"].update({"pipeline.measures.evaluate": "0"}),
            "source of pipeline.measures.evaluate",
        ),
        (lambda told: told["made"]["versions"].update(numpy="1.0.0"), "numpy 1.0.0 → 2"),
        (lambda told: told["run"].update(episodes=11), "run's episodes"),
        (lambda told: told["made"]["inputs"].update({"checkpoints/x/config.json": "0"}), "checkpoints/x/config.json"),
        (lambda told: told.update(result="evaluations/local_new"), "cannot make evaluations/local_new: there is no result"),
    ],
)
def test_a_worker_refuses_what_it_would_make_otherwise_and_names_what_differs(tmp_path, change, named):
    told = pieces.asked(Piece(EVALUATION), fingerprints.depends(EVALUATION, tmp_path), {})
    assert workers.differs(told, tmp_path) is None
    told = json.loads(json.dumps(told))
    change(told)
    assert named in workers.differs(told, tmp_path)


def damaged(content: bytes) -> bytes:
    return content[:-9] + b"9" + content[-8:]


def resealed(content: bytes, **made) -> bytes:
    told = json.loads(content)
    told["made"].update(made)
    told["made"]["sha256"] = records.sealed(told)
    return json.dumps(told).encode()


EVIDENCE, ARRAYS = pieces.evidence(ROLLOUT), ROLLOUT.outputs[0]


@pytest.mark.parametrize(
    ("forge", "reason"),
    [
        (lambda found: found.pop(ARRAYS), "other files than it consists of"),
        (lambda found: found.update({"pipeline/__init__.py": b""}), "other files than it consists of"),
        (lambda found: found.update({EVIDENCE: found[EVIDENCE][:-20]}), "damaged"),
        (lambda found: found.update({EVIDENCE: b"[]"}), "damaged"),
        (lambda found: found.update({EVIDENCE: found[EVIDENCE].replace(b'"return": -3', b'"return": -4')}), "not its own"),
        (lambda found: found.update({EVIDENCE: resealed(found[EVIDENCE], versions={})}), "not its own"),
        (lambda found: found.update({ARRAYS: damaged(found[ARRAYS])}), "other bytes than its sha256"),
    ],
)
def test_what_comes_back_damaged_or_forged_is_refused(tmp_path, forge, reason):
    found = current(ROLLOUT, tmp_path)
    answers.check_result(begun(ROLLOUT, tmp_path), None, found, tmp_path)
    forge(found)
    with pytest.raises(PipelineError, match=reason):
        answers.check_result(begun(ROLLOUT, tmp_path), None, found, tmp_path)


def test_a_checkpoint_comes_back_with_its_card_and_with_the_sums_of_its_files():
    recipe, place = begun(TRAINING, files.ROOT), f"checkpoints/{TRAINING.name}"
    found = {**current(TRAINING, files.ROOT), **{name: (files.ROOT / name).read_bytes() for name in pieces.beside(TRAINING)}}
    assert f"{place}/README.md" in found and f"{place}/SHA256SUMS" in found
    answers.check_result(recipe, None, found, files.ROOT)
    for name, content, reason in (
        (f"{place}/SHA256SUMS", b"", "sums that are not of its files"),
        (f"{place}/model.safetensors", b"", "other bytes than its sha256"),
        (f"{place}/run.py", b"", "other files than it consists of"),
    ):
        with pytest.raises(PipelineError, match=reason):
            answers.check_result(recipe, None, {**found, name: content}, files.ROOT)


def test_what_comes_back_made_from_something_else_or_in_part_is_refused(tmp_path):
    recipe, found = begun(EVALUATION, tmp_path), current(EVALUATION, tmp_path)
    answers.check_result(recipe, 10, found, tmp_path)
    with pytest.raises(PipelineError, match="10 episodes in place of 5"):
        answers.check_result(recipe, 5, found, tmp_path)
    other = replace(recipe, begun={**recipe.begun, "versions": {"torch": "2.12.0"}})
    with pytest.raises(PipelineError, match="made from something else"):
        answers.check_result(other, 10, found, tmp_path)
    forged = current(EVALUATION, tmp_path, score_mean=99.9)  # with all digests
    with pytest.raises(PipelineError, match="values that are not its own"):
        answers.check_result(recipe, 10, forged, tmp_path)


def test_a_result_is_written_whole_and_its_unfinished_work_is_forgotten(tmp_path):
    found = current(ROLLOUT, tmp_path)
    files.write_text(ROLLOUT.work(tmp_path) / "left", "")
    answers.write_result(ROLLOUT, found, tmp_path)
    assert {name: (tmp_path / name).read_bytes() for name in found} == found
    assert fingerprints.stale(ROLLOUT, tmp_path) is None and not ROLLOUT.work(tmp_path).exists()


def test_a_shard_is_kept_for_whoever_joins_them_unless_it_is_damaged_or_of_a_machine_that_rounds_otherwise(tmp_path):
    recipe = begun(LONG, tmp_path)
    for found, machine, reason in (
        ({"shard_001.json": b"[1.0"}, HERE, "damaged"),
        ({"other.json": b"[1.0]"}, HERE, "damaged"),
        ({"shard_001.json": b"[1.0]"}, {**HERE, "arithmetic": "other"}, "rounds otherwise"),
    ):
        with pytest.raises(PipelineError, match=reason):
            answers.write_shard(recipe, 1, found, machine, tmp_path)
    assert not recipe.work(tmp_path).exists()
    answers.write_shard(recipe, 1, {"shard_001.json": b"[1.0]"}, {**HERE, "processor": "another"}, tmp_path)
    assert pieces.kept_shard(LONG, 1, tmp_path).read_bytes() == b"[1.0]"


@pytest.fixture
def maker(tmp_path) -> workers.Maker:
    """A worker's folder, of a small checkout; nothing is begun."""
    root = tmp_path / "root"
    for name, text in (("pipeline/a.py", "a"), ("checkpoints/c/model", "model"), ("results/r.json", "r"), ("build/x", "x")):
        files.write_text(root / name, text)
    return workers.Maker(tmp_path / "worker", root)


def told(**reads: str) -> dict:
    reads = {f"checkpoints/c/{name}": digest for name, digest in reads.items()}
    return {"result": "toys/toy", "below": False, "here": False, "kept": {}, "reads": reads}


def sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def test_a_workers_copy_of_its_checkout_has_code_of_its_own_and_links_to_the_rest(maker):
    assert not (maker.copy / "pipeline/a.py").is_symlink() and (maker.copy / "pipeline/a.py").read_text() == "a"
    assert (maker.copy / "checkpoints/c/model").is_symlink() and not (maker.copy / "build").exists()


def test_a_worker_asks_for_files_that_it_lacks_or_has_otherwise_and_its_checkout_stays_as_it_is(maker, monkeypatch, tmp_path):
    monkeypatch.setattr(workers.Maker, "say", lambda maker, asked: {"files": {}, "machine": {}, "unfinished": False})
    assert "found" in maker.answer(told(model=sha256("model")), {})
    wanted = {sha256("new"): b"new", sha256("card"): b"card"}
    asked = told(model=sha256("new"), card=sha256("card"))
    assert maker.answer(asked, {}) == {"lacks": sorted(wanted)}
    assert "found" in maker.answer(asked, wanted)
    assert (maker.copy / "checkpoints/c/model").read_text() == "new" and (
        maker.copy / "checkpoints/c/card"
    ).read_text() == "card"
    assert (tmp_path / "root/checkpoints/c/model").read_text() == "model"
    assert not (tmp_path / "root/checkpoints/c/card").exists()
    assert "found" in maker.answer(asked, {}), "they are kept"
    assert "found" in maker.answer(told(model=sha256("model")), {}), "and what the checkout has is not asked for"


def test_a_file_that_arrives_with_other_bytes_is_refused(maker):
    with pytest.raises(PipelineError, match="a file for toys/toy arrived with other bytes than its sha256"):
        maker.answer(told(model=sha256("new")), {sha256("new"): b"old"})
    assert list(maker.store.iterdir()) == []


def test_what_pools_reads_where_it_writes(maker, monkeypatch):
    seen = []
    monkeypatch.setattr(workers.Maker, "say", lambda maker, asked: seen.append((maker.into / "results/r.json").read_text()))
    with pytest.raises(TypeError):
        maker.answer({**told(), "result": "pooled/toy", "below": True, "reads": {"results/r.json": sha256("r")}}, {})
    assert seen == ["r"]


def test_a_worker_goes_on_with_unfinished_work_and_with_no_other(maker, monkeypatch, tmp_path):
    seen, place = [], "work/suite/toy/progress"

    def say(maker, asked):
        seen.append((maker.into / place).read_text())
        (maker.into / place).unlink()  # as a new file takes its place
        files.write_text(maker.into / place, "after")
        return {"files": {place: str(maker.into / place)}, "machine": {}, "unfinished": True}

    monkeypatch.setattr(workers.Maker, "say", say)
    files.write_text(maker.into / place, "of another piece")
    asked = {**told(), "kept": {place: sha256("before")}}
    assert maker.answer(asked, {}) == {"lacks": [sha256("before")]}
    assert maker.answer(asked, {sha256("before"): b"before"}) == {"progress": {place: b"after"}} and seen == ["before"]


def test_training_goes_on_from_slice_to_slice_and_its_progress_lies_where_who_makes_it_alone_finds_it(tmp_path, monkeypatch):
    recipe = replace(ENTRY, inputs=())
    monkeypatch.setattr(pieces, "reads", lambda recipe, into: {})
    begun, sent = [b"", b"1", b"2"], []
    place = (recipe.work(tmp_path) / "progress.safetensors").relative_to(tmp_path).as_posix()

    def submit(name: str, asked: dict, given: dict) -> None:
        sent.append((asked["kept"], given))

    def receive() -> tuple[str, dict]:
        if len(sent) < len(begun):
            return pieces.result(recipe), {"progress": {place: begun[len(sent)]}}
        assert (tmp_path / place).read_bytes() == begun[-1]
        return pieces.result(recipe), {"refused": "its loss is not finite", "worker": "tcp://worker"}

    work = distribute.Work({pieces.result(recipe): Piece(recipe)}, tmp_path, True)
    distribute.drive(work, submit, receive)
    sums = [hashlib.sha256(content).hexdigest() for content in begun]
    assert sent == [({}, {}), ({place: sums[1]}, {sums[1]: b"1"}), ({place: sums[2]}, {sums[2]: b"2"})]
    assert work.failed == {pieces.result(recipe): "tcp://worker: its loss is not finite"}
    assert pieces.progress(recipe, tmp_path) == {place: tmp_path / place}, "the same command goes on from it"
    work.close()


def test_unfinished_work_is_written_nowhere_else(tmp_path):
    recipe = begun(replace(ENTRY, inputs=()), tmp_path)
    for name in ("../x", "results/suite/x.json", "work/suite/other/progress.safetensors"):
        with pytest.raises(PipelineError, match="which is none of its files"):
            answers.write_progress(recipe, {name: b"x"}, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_unfinished_work_goes_on_where_numbers_are_rounded_alike_alone(tmp_path):
    workers.go_on(ENTRY, tmp_path, HERE)
    assert pieces.progress(ENTRY, tmp_path).keys() == {f"work/suite/{ENTRY.work(tmp_path).name}/machine.json"}
    assert command.lock_of(ENTRY, tmp_path).read_text() == records.fingerprint(ENTRY, tmp_path), "so that a verb keeps it"
    workers.go_on(ENTRY, tmp_path, {**HERE, "processor": "another"})
    with pytest.raises(PipelineError, match="suite/hopper_medium_bc_s0 was begun on a machine that rounds otherwise"):
        workers.go_on(ENTRY, tmp_path, {**HERE, "arithmetic": "other"})


def test_a_result_that_was_whole_when_its_process_was_killed_is_taken_and_else_its_unfinished_work(tmp_path):
    asked = {"result": pieces.result(ENTRY), "into": str(tmp_path)}
    files.write_text(ENTRY.work(tmp_path) / "progress.safetensors", "half")
    found = workers.left(asked)
    assert found["unfinished"] and list(found["files"]) == [f"work/suite/{ENTRY.work(tmp_path).name}/progress.safetensors"]
    files.write_bytes(ENTRY.path(tmp_path), current(ENTRY, tmp_path)[pieces.evidence(ENTRY)])
    found = workers.left(asked)
    assert not found["unfinished"] and found["files"] == {pieces.evidence(ENTRY): str(ENTRY.path(tmp_path))}


def toy_make(steps: int):
    """What makes a piece in as many steps, keeping the number of each, and goes on with what was kept."""

    def make(asked: dict) -> dict:
        place = Path(asked["into"]) / "work" / "kept"
        for step in range(int(place.read_text()) if place.exists() else 0, steps):
            files.write_text(place, str(step + 1))
            time.sleep(2 * workers.POLL)
        time.sleep(3 * workers.POLL)  # looked at meanwhile, and nothing is new
        return {"files": {}, "machine": {}, "unfinished": False}

    return make


@pytest.mark.parametrize(("steps", "seconds", "sliced"), [(50, 0, True), (1, 0, False), (2, 3600, False)])
def test_a_slice_ends_when_progress_is_kept_after_its_time_and_otherwise_with_the_work(
    tmp_path, monkeypatch, steps, seconds, sliced
):
    monkeypatch.setattr(workers, "make", toy_make(steps))
    monkeypatch.setattr(pieces, "progress", lambda recipe, into: {path.name: path for path in into.glob("work/kept")})
    asked = {"result": pieces.result(ENTRY), "into": str(tmp_path), "seconds": seconds}
    files.write_text(tmp_path / "work/kept", "1")  # of the slice before, so that it matters not when it is first looked at
    with open(os.devnull, encoding="utf-8") as other, contextlib.closing(workers.Forks(other.fileno())) as forks:
        answer = forks.make(asked)
    wanted = {"kept": str(tmp_path / "work/kept")} if sliced else {}
    assert answer == {"files": wanted, "machine": {}, "unfinished": sliced}
    assert (int((tmp_path / "work/kept").read_text()) >= 2) if sliced else True, "so that each slice comes further"


SEEN: list[int] = []


def told_of_itself(asked: dict) -> dict:
    """What makes a piece, and tells which process it was made by and how many it had made before."""
    if asked.get("dies"):
        os.kill(os.getpid(), signal.SIGKILL)
    SEEN.append(1)
    return {"process": os.getpid(), "pieces": len(SEEN)}


@pytest.fixture
def forks(monkeypatch):
    monkeypatch.setattr(workers, "make", told_of_itself)
    with open(os.devnull, encoding="utf-8") as other, contextlib.closing(workers.Forks(other.fileno())) as found:
        yield found


def test_each_piece_is_made_by_a_process_that_was_forked_before_it_was_asked_for_and_knows_of_no_other(forks):
    asked = {"result": pieces.result(ENTRY)}
    for _ in range(3):
        waiting = forks.waits.process
        assert forks.make(asked) == {"process": waiting, "pieces": 1}
    assert len(forks.ended) <= 3 and waiting not in (os.getpid(), forks.waits.process)


def test_a_process_that_died_while_it_waited_is_replaced_and_one_that_dies_at_work_is_told(forks):
    asked, waiting = {"result": pieces.result(ENTRY)}, forks.waits.process
    os.kill(waiting, signal.SIGKILL)
    os.waitid(os.P_PID, waiting, os.WEXITED | os.WNOWAIT)
    assert forks.make(asked)["process"] != waiting
    told = f"the process that made {pieces.result(ENTRY)} ended with -9"
    assert forks.make({**asked, "dies": True}) == {"refused": told, "unfit": False}
    assert forks.make(asked)["pieces"] == 1


def test_where_no_process_can_be_forked_ahead_one_is_when_it_is_needed(forks, monkeypatch):
    asked, fork = {"result": pieces.result(ENTRY)}, workers.fork
    refuses = iter([True, False, False])

    def one_too_many(other):
        if next(refuses):
            raise BlockingIOError(11, "Resource temporarily unavailable")
        return fork(other)

    monkeypatch.setattr(workers, "fork", one_too_many)
    assert forks.make(asked)["pieces"] == 1 and forks.waits is None
    assert forks.make(asked)["pieces"] == 1 and forks.waits is not None


def test_what_was_trained_is_waited_for_and_has_given_back_its_gpu(forks):
    asked = {"result": pieces.result(ENTRY), "into": "/nowhere", "seconds": 3600}
    process = forks.make(asked)["process"]
    assert process not in forks.ended
    with pytest.raises(ChildProcessError):
        os.waitpid(process, os.WNOHANG)


def test_a_worker_whose_process_cannot_begin_is_unfit_and_says_why_and_one_that_ends_later_is_not(maker, monkeypatch):
    monkeypatch.setattr(workers.sys, "executable", "/bin/false")
    with pytest.raises(workers.UnfitError, match="the process that makes pieces ended with 1$"):
        maker.say({})
    files.write_text(maker.copy / "pipeline/graph/workers.py", "raise ImportError('no torch here')")
    for name in ("pipeline/__init__.py", "pipeline/graph/__init__.py"):
        files.write_text(maker.copy / name, "")
    monkeypatch.undo()
    with pytest.raises(workers.UnfitError, match="ended with 1: ImportError: no torch here"):
        maker.say({})
    maker.answered = True
    with pytest.raises(PipelineError, match="ended with 1: ImportError: no torch here") as error:
        maker.say({})
    assert not isinstance(error.value, workers.UnfitError)


def test_received_files_are_kept_up_to_a_bound_the_first_go_first_and_none_that_is_needed(maker, monkeypatch):
    monkeypatch.setattr(workers, "BOUND", 4)
    for index, name in enumerate("abc"):
        files.write_text(maker.store / name, "xx")
        os.utime(maker.store / name, ns=(index, index))
    maker.forget({"a"})
    assert sorted(path.name for path in maker.store.iterdir()) == ["a", "c"]


class Tasks:
    """Workers in this process: they answer as they are told to, the first that was asked first."""

    def __init__(self, answers):
        self.answers, self.asked, self.order = answers, [], []

    def submit(self, name: str, asked: dict, given: dict) -> None:
        self.asked.append((name, given))
        self.order.append(name)

    def receive(self) -> tuple[str, dict]:
        name, given = self.asked.pop(0)
        return name, {"worker": "tcp://worker", **self.answers(name, given)}


def driven(wanted, into: Path, every: bool, answers) -> tuple[distribute.Work, Tasks]:
    work, tasks = distribute.Work(pieces.plan(wanted, into, every), into, every), Tasks(answers)
    distribute.drive(work, tasks.submit, tasks.receive)
    work.close()
    return work, tasks


def test_a_failed_piece_is_told_with_its_worker_what_stands_on_it_is_not_made_and_the_rest_goes_on(tmp_path):
    lost = f"evaluations/{POOL.run.members[1]}"

    def answers(name, given):
        return {"refused": "no room"} if name == lost else {"found": current(recipes.known()[name], tmp_path), "machine": {}}

    work, tasks = driven([POOL, ROLLOUT], tmp_path, False, answers)
    assert work.failed == {lost: "tcp://worker: no room", pieces.result(POOL): f"not made, for it stands on {lost}"}
    assert len(work.done) == len(POOL.run.members) and (tmp_path / EVIDENCE).exists() and pieces.result(POOL) not in tasks.order
    again, tasks = driven(
        [POOL, ROLLOUT], tmp_path, False, lambda name, given: {"found": current(recipes.known()[name], tmp_path)}
    )
    assert tasks.order == [lost, pieces.result(POOL)] and not again.failed, "the same command makes what is missing"
    assert (tmp_path / pieces.evidence(POOL)).exists()


def test_files_that_a_worker_lacks_are_given_to_it(tmp_path):
    recipe = recipes.EVALUATIONS["local_bc_halfcheetah_s0"]
    name = f"checkpoints/{recipe.run.checkpoint}/model.safetensors"
    wanted = fingerprints.file_sum(files.ROOT / name)

    def answers(_, given):
        return (
            {"found": current(recipe, tmp_path)} if given == {wanted: (files.ROOT / name).read_bytes()} else {"lacks": [wanted]}
        )

    work, tasks = driven([recipe], tmp_path, False, answers)
    assert work.done == set(tasks.order) and len(tasks.order) == 2
    sums = {f"checkpoints/{recipe.run.checkpoint}/SHA256SUMS", f"results/training/{recipe.run.checkpoint}.json"}
    assert sums <= pieces.reads(recipe, tmp_path).keys(), "what a checkpoint is checked by comes with it"
    other, _ = driven([EVALUATION], tmp_path, False, lambda name, given: {"lacks": ["0" * 64]})
    assert "changed meanwhile" in other.failed[pieces.result(EVALUATION)]


def test_what_pools_and_compares_needs_no_file_but_those_that_are_sent(tmp_path):
    for recipe in (*recipes.POOLS.values(), *recipes.COMPARISONS.values()):
        if recipe.path().exists():
            for name, path in pieces.reads(recipe, files.ROOT).items():
                (tmp_path / recipe.name / name).parent.mkdir(parents=True, exist_ok=True)
                (tmp_path / recipe.name / name).symlink_to(path)
            found = summaries.derived(recipe, {}, tmp_path / recipe.name)
            assert records.plain(found) == records.read(recipe.path())["values"]


def test_a_missing_input_is_told_before_a_worker_is_asked(tmp_path):
    plan = {pieces.result(POOL): Piece(POOL)}  # whose members nobody made
    work, tasks = distribute.Work(plan, tmp_path, False), Tasks(None)
    distribute.drive(work, tasks.submit, tasks.receive)
    (reason,) = work.failed.values()
    assert "pooled/local_bc_halfcheetah reads" in reason and "which is missing" in reason and tasks.order == []
    work.close()


def test_a_result_that_another_process_makes_is_left_to_it(tmp_path):
    path = command.lock_of(EVALUATION, tmp_path)
    path.parent.mkdir(parents=True)
    with open(path, "a", encoding="utf-8") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        work, tasks = driven([EVALUATION], tmp_path, False, None)
    assert "is being made by another process" in work.failed[pieces.result(EVALUATION)] and tasks.order == []
    work, _ = driven([EVALUATION], tmp_path, False, lambda name, given: {"found": current(EVALUATION, tmp_path)})
    assert work.done


def test_shards_are_joined_and_what_is_timed_is_measured_here_when_all_else_is_done(tmp_path, monkeypatch):
    here = []

    def run_verb(words, failed):
        assert words[:2] == ["pipeline", "make"] and words[3:] == ["--into", str(tmp_path)]
        here.append((words[2], len(tasks.order), sorted(path.name for path in LONG.work(tmp_path).glob("*"))))

    def answers(name, given):
        index = int(name[-1]) - 1
        return {"found": {f"shard_00{index}.json": b"[1.0]"}, "machine": HERE}

    monkeypatch.setattr(command, "run_verb", run_verb)
    tasks = Tasks(answers)
    work = distribute.Work(pieces.plan([LATENCY, LONG], tmp_path, True), tmp_path, True)
    distribute.drive(work, tasks.submit, tasks.receive)
    both = ["shard_000.json", "shard_001.json"]
    assert here == [(pieces.result(LONG), 2, both), (pieces.result(LATENCY), 2, both)]
    assert work.locks == {} and len(work.done) == 4


def test_all_that_is_timed_is_measured_one_after_the_other_and_last(tmp_path, monkeypatch):
    timed, here = [*recipes.LATENCIES.values()][:3], []
    tasks = Tasks(lambda name, given: {"found": current(EVALUATION, tmp_path)})
    monkeypatch.setattr(command, "run_verb", lambda words, failed: here.append((words[2], len(tasks.order), len(tasks.asked))))
    work = distribute.Work(pieces.plan([*timed, EVALUATION], tmp_path, False), tmp_path, False)
    distribute.drive(work, tasks.submit, tasks.receive)
    assert here == [(pieces.result(each), 1, 0) for each in timed] and len(work.done) == 4


def test_why_dask_has_no_answer_is_one_sentence():
    killed = type("KilledWorker", (Exception,), {})
    assert cluster.said(killed("piece-1")) == "workers ended 21 times while this was theirs"
    for error in (ImportError("No module named 'pipeline'"), RuntimeError("Error during deserialization of the task graph.")):
        assert "was not started in a checkout of this commit" in cluster.said(error)
    assert cluster.said(OSError(28, "No space left on device", "/scratch/x")) == "/scratch/x: No space left on device"


def test_what_is_to_be_made_is_told_beforehand(tmp_path):
    work = distribute.Work(pieces.plan([LATENCY, LONG], tmp_path, True), tmp_path, True)
    minutes = round((LATENCY.seconds + LONG.seconds) / 60)
    told = f"results: 9 asked for, 2 to make, 1 of them timed here, at the end; 4 pieces, about {minutes} min of one core"
    assert distribute.announced(work, 9) == told


def test_three_modules_alone_know_of_dask():
    pattern = re.compile(r"^\s+(?:import|from) (?:dask|dask_jobqueue|distributed)\b", re.MULTILINE)
    paths = (files.ROOT / "pipeline").rglob("*.py")
    assert {path.name for path in paths if pattern.search(path.read_text(encoding="utf-8"))} == {
        "cluster.py",
        "jobs.py",
        "workers.py",
    }


SLURM = """
system = "slurm"
jobs = 3

[job]
queue = "normal"
cores = 4
processes = 4
memory = "8GB"
walltime = "02:00:00"
job_script_prologue = ["module load python"]
worker_extra_args = ["--resources", "GPU=1"]
"""


def test_a_batch_systems_file_says_what_a_job_is_and_its_workers_end_before_it_in_this_checkout(tmp_path):
    files.write_text(tmp_path / "slurm.toml", SLURM)
    system, most, job = cluster.read_queue(tmp_path / "slurm.toml")
    assert (system, most, job["queue"], job["cores"]) == ("slurm", 3, "normal", 4)
    lifetime = ["--lifetime", "6480s", "--lifetime-stagger", "30s"]
    assert job["worker_extra_args"] == ["--resources", "GPU=1", *lifetime], "nine tenths of two hours"
    assert job["job_script_prologue"] == ["module load python", f"cd {files.ROOT}"]
    assert job["log_directory"] == str(files.ROOT / "build/jobs"), "which git ignores, and not where the command was given"
    files.write_text(tmp_path / "own.toml", SLURM.replace('"GPU=1"', '"GPU=1", "--lifetime=50m"').replace("jobs = 3", ""))
    _, most, job = cluster.read_queue(tmp_path / "own.toml")
    assert (most, job["worker_extra_args"]) == (10, ["--resources", "GPU=1", "--lifetime=50m"])
    files.write_text(tmp_path / "short.toml", SLURM.replace("02:00:00", "00:01:00"))
    short = cluster.read_queue(tmp_path / "short.toml")[2]["worker_extra_args"]
    assert short[2:] == ["--lifetime", "54s", "--lifetime-stagger", "2s"], "and none after the walltime"


@pytest.mark.parametrize(
    ("text", "system", "seconds"),
    [("02:00:00", "slurm", 7200), ("1-00:30:05", "slurm", 88205), ("00:10:00", "pbs", 600), ("02:30", "lsf", 9000)],
)
def test_walltimes(text, system, seconds):
    assert cluster.walltime(text, system) == seconds


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("system =", "is no TOML file"),
        ("jobs = 3", "is to name the batch system, system = 'slurm' or 'pbs' or 'lsf' or 'sge', not None"),
        ('system = "moab"', "not 'moab'"),
        ('system = "slurm"\njobs = 0', r"is to hold system, jobs \(a count\) and \[job\]"),
        ('system = "slurm"\nqueue = "normal"', r"is to hold system, jobs \(a count\) and \[job\]"),
        ('system = "slurm"\n[job]\nwalltime = "2 h"', "'2 h' is no walltime of slurm, such as 02:00:00"),
    ],
)
def test_a_batch_systems_file_that_cannot_be_used_is_one_sentence(tmp_path, text, reason):
    files.write_text(tmp_path / "queue.toml", text)
    with pytest.raises(PipelineError, match=reason):
        cluster.read_queue(tmp_path / "queue.toml")


def test_trainings_wait_for_no_gpu_that_nobody_has():
    asked, plain, fast = cluster.Asked(gpus=True), {"resources": {}}, {"resources": {"GPU": 1.0}}
    cluster.check_gpus(asked, {})
    cluster.check_gpus(asked, {"tcp://a": plain, "tcp://b": fast})
    cluster.check_gpus(cluster.Asked(), {"tcp://a": plain})
    with pytest.raises(PipelineError, match="no worker that is there has said --resources GPU=1"):
        cluster.check_gpus(asked, {"tcp://a": plain})


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # of dask's own cluster, where it was not begun
@pytest.mark.skipif(importlib.util.find_spec("dask_jobqueue") is None, reason=WITHOUT)
def test_jobs_on_other_machines_want_certificates_a_batch_system_and_options_that_it_has(tmp_path, monkeypatch):
    files.write_text(tmp_path / "slurm.toml", SLURM.replace('["--resources", "GPU=1"]', "[]"))
    asked = cluster.Asked(queue=tmp_path / "slurm.toml")
    trusting = replace(asked, without_tls=True)

    def refused(asked: cluster.Asked, reason: str) -> None:
        with pytest.raises(PipelineError, match=reason), cluster.connected(asked):
            pass

    refused(asked, "name certificates by --tls-ca-file")
    refused(replace(asked, tls={"tls_ca_file": __file__}), "name certificates by --tls-ca-file, --tls-cert and --tls-key")
    refused(replace(asked, tls={"tls_ca_file": str(tmp_path / "none.pem")}), "there is no file .*none.pem")
    refused(
        replace(trusting, gpus=True), r'--gpus wants worker_extra_args = \["--resources", "GPU=1"\] in \[job\] of .*slurm.toml'
    )
    monkeypatch.setenv("PATH", str(tmp_path))
    refused(trusting, "sbatch of slurm is not found")
    files.write_text(tmp_path / "sbatch", "")
    (tmp_path / "sbatch").chmod(0o755)
    files.write_text(tmp_path / "slurm.toml", SLURM + 'color = "red"\n')
    refused(trusting, "slurm.toml: .*unexpected keyword argument 'color'$")


@pytest.mark.skipif(importlib.util.find_spec("dask_jobqueue") is None, reason=WITHOUT)
def test_an_interrupt_means_what_it_did_before_a_batch_system_was_asked(tmp_path, monkeypatch):
    for name in [name for name in sys.modules if name.partition(".")[0] == "dask_jobqueue"]:
        monkeypatch.delitem(sys.modules, name)
    files.write_text(tmp_path / "slurm.toml", SLURM)
    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(PipelineError, match="name certificates"):
        cluster.batch_system(cluster.Asked(queue=tmp_path / "slurm.toml"))
    assert signal.getsignal(signal.SIGINT) is before and "dask_jobqueue.runner" in sys.modules


def test_of_errors_that_came_of_each_other_the_first_is_told():
    first = OSError(98, "Address already in use")
    second, third = RuntimeError("Scheduler failed to start."), ValueError("cannot get address of non-running Server")
    second.__cause__, third.__context__ = first, second
    assert cluster.cause(third) is first and cluster.cause(first) is first


@pytest.mark.skipif(importlib.util.find_spec("distributed") is None, reason=WITHOUT)
def test_certificates_of_the_client_serve_the_scheduler_and_the_workers_that_are_started_from_here(tmp_path):
    for name in ("ca", "cert", "key"):
        files.write_text(tmp_path / name, "")
    ca, cert, key = (str(tmp_path / name) for name in ("ca", "cert", "key"))
    security = cluster.certificates({"tls_ca_file": ca, "tls_client_cert": cert, "tls_client_key": key})
    for role in ("client", "scheduler", "worker"):
        assert security.get_tls_config_for_role(role) == {"ca_file": ca, "cert": cert, "key": key, "ciphers": None}
    assert cluster.certificates({"tls_ca_file": ca, "tls_client_cert": cert}) is None


def test_a_job_is_replaced_when_its_workers_have_gone_when_it_was_refused_and_when_it_ended_in_the_queue():
    known = jobs.Jobs("slurm", "build/jobs")
    assert known.lost({"a": "1", "b": "2"}, [], None, 0) == [] and known.waiting == {"a": "1", "b": "2"}
    assert known.lost({"a": "1", "b": "2"}, ["a"], {"1", "2"}, 10) == []
    assert known.lost({"a": "1", "b": "2"}, [], {"2"}, 10 + jobs.GONE - 1) == [], "a worker may be begun again in its job"
    assert known.lost({"a": "1", "b": "2"}, [], None, 10 + jobs.GONE) == ["a"]
    assert known.lost({"a": "3", "b": "2"}, [], {"3"}, 30) == ["b"] and known.ended == 1, (
        "one that nobody has seen yet is not asked for"
    )
    assert known.lost({"a": "3", "b": None}, ["a"], {"3"}, 40) == [] and known.ended == 0
    assert known.lost({"a": "3", "b": None}, ["a"], {"3"}, 39 + jobs.AGAIN) == []
    assert known.lost({"a": "3", "b": None}, ["a"], {"3"}, 40 + jobs.AGAIN) == ["b"]
    assert known.lost({}, [], set(), 200) == [] and known.waiting == known.without == {}, "and what was cancelled is forgotten"


def test_where_no_job_begins_it_is_said_and_where_none_will_the_command_ends():
    known = jobs.Jobs("slurm", "build/jobs")
    assert known.told(0) is None
    known.lost({"a": "9", "b": "10"}, [], None, 0)
    assert known.told(jobs.PATIENCE) == "no worker is there; jobs that wait in slurm's queue: 9, 10"
    for index in range(jobs.FUTILE):
        known.lost({"a": str(index)}, [], None, 0)
        known.lost({"a": str(index)}, [], set(), 0)
    with pytest.raises(PipelineError, match="3 jobs of slurm ended before a worker came; why, build/jobs may say"):
        known.told(0)
    known = jobs.Jobs("pbs", "build/jobs")
    known.lost({"a": "1.host"}, [], None, 0)
    told = "no worker is there; jobs that wait in pbs's queue, or have ended, which build/jobs would tell: 1.host"
    assert known.told(jobs.PATIENCE) == told


REFUSAL = """Command exited with non-zero exit code.
stderr:
sbatch: error: invalid partition specified: none
sbatch: error: Batch job submission failed: Invalid partition name specified

"""


def test_a_batch_system_that_takes_no_job_is_told_at_once_and_one_that_does_not_any_more_is_asked_again():
    known = jobs.Jobs("slurm", "build/jobs")
    known.refuse(RuntimeError(REFUSAL))
    with pytest.raises(PipelineError, match="slurm takes no job: sbatch: error: .* Invalid partition name specified$"):
        known.told(0)
    known.taken = 1
    assert known.told(0) is None and known.told(jobs.PATIENCE).startswith(
        "no worker is there, and slurm takes no job now, which"
    )


def test_jobs_are_wanted_and_ended_whole():
    assert [jobs.whole(count, 4) for count in (0, 1, 4, 5)] == [0, 4, 4, 8] and jobs.whole(5, 1) == 5
    assert jobs.job_of("SLURMCluster-3-1", 2) == "SLURMCluster-3" and jobs.job_of("SLURMCluster-3", 1) == "SLURMCluster-3"
    working = [("a-0", False), ("a-1", True), ("b-0", False), ("b-1", False), ("c-0", False), ("c-1", False)]
    assert jobs.idle(working, 2, 2) == ["b-0", "b-1", "c-0", "c-1"], "and not what is at work"
    assert jobs.idle(working, 4, 2) == ["b-0", "b-1"] and jobs.idle(working, 5, 2) == jobs.idle(working, 6, 2) == []


@pytest.mark.skipif(importlib.util.find_spec("distributed") is None, reason=WITHOUT)
def test_that_no_worker_is_there_that_could_make_a_piece_is_said_once(monkeypatch):
    monkeypatch.setattr("distributed.as_completed", lambda loop: None)
    said = []
    tasks = cluster.Tasks(type("Client", (), {"loop": None}), gpus=True, tell=said.append)
    tasks.there, last = 0, jobs.PATIENCE
    tasks.look({"tcp://worker": {"resources": {"GPU": 1}}}, 1)
    tasks.look({"tcp://worker": {"resources": {}}}, last)
    assert not said, "it is a second too early"
    tasks.look({"tcp://worker": {"resources": {}}}, last + 1)
    assert len(said) == 1
    tasks.look({"tcp://worker": {"resources": {}}}, last + 5)
    tasks.look({}, last + 10)
    where = "(waiting goes on; docs/cluster.md says how workers are started)"
    assert said == [f"no worker that is there has said --resources GPU=1 {where}", f"no worker is there {where}"]


class Answering:
    """A client whose workers, by address, answer as they are told to; whoever of those asked for comes first takes a piece."""

    loop, id = None, "client"

    def __init__(self, answers: dict):
        self.answers, self.keys = answers, []

    def scheduler_info(self) -> dict:
        return {"workers": dict.fromkeys(self.answers, {})}

    def submit(self, function, source, told, key, workers=(), **options):
        self.keys.append(key)
        asked, given = told["asked"], told["given"]
        worker = next(address for address in self.answers if address in (workers or self.answers))
        answer = {**self.answers[worker](asked, given), "worker": worker}
        return type("Future", (), {"status": "finished", "result": lambda self: answer})()


class Completed(list):
    """Futures that all have come back, the first first."""

    add = list.append
    has_ready = list.__len__
    __next__ = lambda self: self.pop(0)  # noqa: E731


@pytest.fixture
def answering(monkeypatch):
    pytest.importorskip("distributed", reason=WITHOUT)
    monkeypatch.setattr("distributed.as_completed", lambda loop: Completed())
    said = []
    return lambda answers: (said.clear(), cluster.Tasks(Answering(answers), tell=said.append), said)[1:]


def unfit(sentence: str, fit: bool = False):
    return lambda asked, given: {"refused": sentence, "unfit": not fit}


def test_what_one_worker_cannot_make_another_is_asked_for_and_it_is_said_once_of_a_worker(answering):
    tasks, said = answering({"a": unfit("its disk is full"), "b": lambda asked, given: {"found": {"asked": asked, **given}}})
    for name in ("one", "two"):
        tasks.submit(name, {"n": name}, {"sha": b"x"})
    found = dict(tasks.receive() for _ in range(2))
    assert {name: answer["found"] for name, answer in found.items()} == {
        name: {"asked": {"n": name}, "sha": b"x"} for name in ("one", "two")
    }, "with the same question, and the files that were given"
    assert said == ["a: its disk is full (another worker is asked)"] and len(set(tasks.client.keys)) == 4


def test_what_was_for_workers_that_have_gone_is_asked_of_whoever_is_there(answering):
    tasks, _ = answering({"a": unfit("its disk is full"), "b": lambda asked, given: {"found": {}}})
    tasks.submit("one", {}, {})
    tasks.submit("two", {}, {})
    lost = tasks.completed.pop(0)
    assert tasks.ask_another(tasks.names.pop(lost), lost.result())
    waits = tasks.completed.pop(1)
    assert tasks.among == {waits: {"b"}}
    tasks.look({}, 1)
    tasks.look({"a": {}, "b": {}}, 2)
    assert tasks.among == {waits: {"b"}}, "it may be with b, and nobody is there who could take it"
    tasks.client.answers = {"a": unfit("its disk is full"), "c": lambda asked, given: {"found": {"by": "c"}}}
    tasks.look(dict.fromkeys(tasks.client.answers, {}), 3)
    assert not tasks.among and len(tasks.client.keys) == 4
    tasks.completed.insert(0, waits)  # it comes back after all, and is none any more
    assert {tasks.receive()[0] for _ in range(2)} == {"one", "two"} and not tasks.names and not tasks.asked


def test_thousands_that_one_worker_refuses_are_all_made_by_another(answering):
    tasks, said = answering({"a": unfit("its disk is full"), "b": lambda asked, given: {"found": {}}})
    for index in range(3000):
        tasks.submit(str(index), {}, {})
    assert {tasks.receive()[0] for _ in range(3000)} == {str(index) for index in range(3000)} and len(said) == 1


def test_what_takes_a_gpu_is_asked_of_another_that_has_one(monkeypatch, answering):
    tasks, _ = answering({name: unfit("its disk is full") for name in "abc"})
    monkeypatch.setattr(
        tasks.client,
        "scheduler_info",
        lambda: {"workers": {"a": {"resources": {"GPU": 1}}, "b": {}, "c": {"resources": {"GPU": 1}}}},
    )
    tasks.gpus = True
    tasks.submit("one", {"seconds": 60}, {})
    assert tasks.receive()[1]["worker"] == "c" and len(tasks.client.keys) == 2, "and not b"


def test_what_all_workers_refuse_is_refused_and_what_fails_is_asked_of_none_again(answering):
    tasks, said = answering({"a": unfit("by its torch"), "b": unfit("by its numpy")})
    tasks.submit("one", {}, {})
    assert tasks.receive() == ("one", {"refused": "by its numpy", "unfit": True, "worker": "b"}), "not a again"
    assert said == ["a: by its torch (another worker is asked)"]
    assert len(set(tasks.client.keys)) == 2, "for the first has its answer under its name"
    tasks, said = answering({"a": unfit("its loss is not finite", fit=True), "b": unfit("unasked")})
    tasks.submit("one", {}, {})
    assert tasks.receive()[1]["refused"] == "its loss is not finite" and not said and len(tasks.client.keys) == 1


def test_what_a_checkout_or_a_disk_lacks_another_may_have_and_an_error_of_a_piece_it_has_not():
    assert workers.refusal(OSError(28, "No space left on device")) == {
        "refused": "the system: No space left on device",
        "unfit": True,
    }
    assert workers.refusal(workers.UnfitError("by its torch")) == {"refused": "by its torch", "unfit": True}
    assert workers.refusal(FileNotFoundError(2, "No such file", "x")) == {"refused": "x: No such file", "unfit": False}
    assert workers.refusal(PipelineError("a loss is not finite")) == {"refused": "a loss is not finite", "unfit": False}
    many = shutil.Error([("a", "b", "[Errno 28] No space left on device: 'b'"), ("c", "d", "[Errno 28] …")])
    assert workers.sentence(many) == "this checkout cannot be copied: [Errno 28] No space left on device"


def test_a_piece_that_this_checkout_would_make_otherwise_is_another_workers(maker, monkeypatch):
    monkeypatch.setattr(workers.Maker, "say", lambda maker, asked: {"refused": "by its source", "unfit": True})
    with pytest.raises(workers.UnfitError, match="by its source"):
        maker.answer(told(), {})
    monkeypatch.setattr(workers.Maker, "say", lambda maker, asked: {"refused": "it fails", "unfit": False})
    with pytest.raises(PipelineError, match="it fails") as error:
        maker.answer(told(), {})
    assert not isinstance(error.value, workers.UnfitError)


def test_what_a_checkout_would_make_otherwise_is_not_begun_and_another_may_make_it(monkeypatch):
    asked, forks = {"result": "toys/toy", "into": "/into"}, type("Forks", (), {"make": lambda self, asked: {"made": asked}})()
    monkeypatch.setattr(workers, "differs", lambda asked, into: f"by its source, {into}")
    assert workers.served(asked, forks) == {"refused": "by its source, /into", "unfit": True}
    monkeypatch.setattr(workers, "differs", lambda asked, into: None)
    assert workers.served(asked, forks) == {"made": asked}


def test_a_worker_that_was_started_elsewhere_says_so_when_it_is_asked(monkeypatch):
    distributed = pytest.importorskip("distributed", reason=WITHOUT)
    monkeypatch.setattr(distributed, "get_worker", lambda: type("Worker", (), {"address": "tcp://worker"}))
    monkeypatch.setitem(sys.modules, "pipeline.graph", None)
    evaluated, *told = cluster.task({}, {})
    assert evaluated(*told) == {"refused": cluster.OUTSIDE, "unfit": True, "worker": "tcp://worker"}


def test_a_worker_of_a_checkout_answers_what_it_is_asked(monkeypatch):
    monkeypatch.setattr(workers, "answer", lambda asked, given: {"found": {**asked, **given}})
    sent = pickle.dumps(cluster.task({"a": 1}, {"sha": b"x"}))
    assert b"pipeline.graph" in sent and b"cluster" not in sent, "nothing but builtins and source"
    evaluated, *told = pickle.loads(sent)
    assert evaluated(*told) == {"found": {"a": 1, "sha": b"x"}}


def test_without_the_extra_it_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "dask", None)
    with pytest.raises(PipelineError, match="extra `cluster` is not installed"), cluster.connected(cluster.Asked()):
        pass


def written(folder: Path) -> dict[str, bytes]:
    """The results and pictures below a folder."""
    places = (path for name in ("results", "images") for path in (folder / name).rglob("*.*"))
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in places}


@pytest.mark.skipif(importlib.util.find_spec("distributed") is None, reason=WITHOUT)
def test_workers_of_this_machine_make_the_same_bytes_as_each_result_made_alone_and_end(tmp_path):
    toy = toys.build(tmp_path / "toy", behavior=False)
    toy.edit("pipeline/graph/reproduce.py", "SHORT = 60.0", "SHORT = 0.0")  # so that all that has shards is cut into them
    toy.edit(
        "pipeline/study/runs.py", 'Pool("local_toy", (HEADLINE.name,))', 'Pool("local_toy", ("local_random_halfcheetah",))'
    )
    names = ("evaluations/local_random_halfcheetah", "pooled/local_toy", "pictures/RL")
    words = ["pipeline", "distribute", "--into", "together", "--all", "--workers", "1"]
    done = toy.run(*words, "--only", names[1], "--only", names[2], env=toy.environment())
    assert done.returncode == 0, done.stdout + done.stderr
    assert "results: 2 asked for, 3 to make; 5 pieces" in done.stdout
    for name in names:
        assert toy.run("pipeline", "make", name, "--into", "alone").returncode == 0
    together, alone = (written(toy.root / folder) for folder in ("together", "alone"))
    assert together == alone and len(alone) == 5


@pytest.mark.skipif(importlib.util.find_spec("distributed") is None, reason=WITHOUT)
def test_a_training_that_is_killed_after_each_interval_ends_at_the_same_bytes_and_leaves_nothing(own_toy):
    own_toy.edit("pipeline/graph/pieces.py", "SLICE = 60.0", "SLICE = 0.0")
    own_toy.edit("pipeline/graph/workers.py", "POLL = 0.2", "POLL = 0.0")
    name, before = "training/local_dt_halfcheetah", own_toy.snapshot()
    for path in (*own_toy.root.glob("checkpoints/local_dt_halfcheetah/*"), own_toy.root / f"results/{name}.json"):
        path.unlink()
    done = own_toy.run("pipeline", "distribute", "--only", name, "--workers", "1", env=own_toy.environment())
    assert done.returncode == 0, done.stdout + done.stderr
    assert "results: 1 asked for, 1 to make; 1 pieces" in done.stdout
    assert own_toy.snapshot() == before
    assert not [name for name in own_toy.leftovers() if "dask-scratch-space" not in name], "but dask's own locks"


@pytest.mark.skipif(importlib.util.find_spec("distributed") is None, reason=WITHOUT)
def test_doit_has_workers_make_what_is_stale_and_finds_it_made(own_toy):
    before, name = own_toy.snapshot(), "evaluations/local_random_halfcheetah"
    (own_toy.root / f"results/{name}.json").unlink()
    done = own_toy.run("doit", "scheduler=local", env=own_toy.environment())
    assert done.returncode == 0 and "1 to make; 1 pieces" in done.stdout, done.stdout + done.stderr
    assert f"-- {name.replace('evaluations/', 'evaluate:')}" in done.stdout, "so no process of its own made it"
    assert own_toy.snapshot() == before
    done = own_toy.run("doit", "scheduler=local", "source=hub", env=own_toy.environment())
    assert done.returncode == 1 and "of source=hub make it without" in done.stderr

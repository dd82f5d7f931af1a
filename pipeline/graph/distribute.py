"""Make results on the workers of a dask cluster: what is asked for as pieces, each written when it comes back.

    python -m pipeline distribute --into build/again               workers of this machine, one a core
    python -m pipeline distribute tls://10.0.0.5:8786 --only pooled/local_bc_halfcheetah
    python -m pipeline distribute --cluster slurm.toml --only 'suite/*'

A scheduler and workers of others are started as docs/cluster.md says. What a worker does is in `pipeline.graph.workers`; who
asks (this process) plans, writes and measures what is timed. A failed piece is told at the end, and the rest goes on.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import IO

from tqdm import tqdm

from pipeline import PipelineError, files
from pipeline.evidence import fingerprints, processes
from pipeline.evidence.records import Recipe
from pipeline.graph import answers, cluster, command, pieces, plan, workers
from pipeline.graph.pieces import Piece


@dataclass
class Work:
    """What is to be made into a folder, and how far it has come.

    plan: all pieces. into: the folder below which `results/` is written. every: whether all episodes are played. begun: the
    recipes of pieces, by name, with what they were begun from. failed: why pieces are not made. locks: those of results, open.
    """

    plan: dict[str, Piece]
    into: Path
    every: bool
    begun: dict[str, Recipe] = field(default_factory=dict)
    done: set[str] = field(default_factory=set)
    failed: dict[str, str] = field(default_factory=dict)
    locks: dict[Path, IO] = field(default_factory=dict)

    def begin(self, name: str) -> dict | None:
        """What a worker is to be asked for a piece; None where it is there already, or failed at once."""
        piece = self.plan[name]
        recipe = self.begun[name] = piece.recipe
        try:
            if not isinstance(piece.part, int) and pieces.holds(recipe, self.into, self.every):
                self.done.add(name)
                return None
            command.fetch_published(recipe)
            self.claim(recipe)
            recipe = self.begun[name] = replace(recipe, begun=fingerprints.depends(recipe, self.into))
            return self.asked(name)
        except (PipelineError, OSError) as error:
            self.failed[name] = workers.sentence(error)
            return None

    def asked(self, name: str) -> dict:
        """What a worker is told of a piece that was begun, with unfinished work as it lies here now."""
        recipe = self.begun[name]
        reads, kept = pieces.reads(recipe, self.into), pieces.progress(recipe, self.into)
        sums = [{each: fingerprints.file_sum(path) for each, path in paths.items()} for paths in (reads, kept)]
        return pieces.asked(self.plan[name], recipe.begun, *sums)

    def claim(self, recipe: Recipe) -> None:
        """Hold a result's lock as who makes it alone does (see `command.claim`).

        Raises:
            PipelineError: another process holds it.
        """
        path = command.lock_of(recipe, self.into)
        if path in self.locks:
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        self.locks[path] = open(path, "a", encoding="utf-8")  # noqa: SIM115 - closed when the result is finished
        try:
            processes.take_lock(self.locks[path], fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self.release(recipe)
            raise PipelineError(f"{pieces.result(recipe)} is being made by another process") from None
        command.begin_work(recipe, self.into)

    def release(self, recipe: Recipe) -> None:
        """Let go of a result's lock."""
        if file := self.locks.pop(command.lock_of(recipe, self.into), None):
            file.close()

    def given(self, name: str, lacking: Iterable[str]) -> dict[str, bytes]:
        """Bytes of the files of those sha256 that a piece reads.

        Raises:
            PipelineError: one has other bytes by now.
        """
        recipe = self.begun[name]
        every = (*pieces.reads(recipe, self.into).values(), *pieces.progress(recipe, self.into).values())
        paths = {fingerprints.file_sum(path): path for path in every}
        if set(lacking) - paths.keys():
            raise PipelineError("what it reads was changed meanwhile")
        return {digest: paths[digest].read_bytes() for digest in lacking}

    def go_on(self, name: str, found: dict[str, bytes]) -> tuple[dict, dict[str, bytes]]:
        """Keep unfinished work that came back; what is asked next, and the files that go with it.

        Args:
            name: of the piece.
            found: bytes of its files, by name.

        Raises:
            PipelineError: they are not such files.
        """
        answers.write_progress(self.begun[name], found, self.into)
        return self.asked(name), {hashlib.sha256(content).hexdigest(): content for content in found.values()}

    def finish(self, name: str, answer: dict) -> None:
        """Take a worker's answer: write what it found where that is what was asked for, else keep the reason why not."""
        recipe, part, found = self.begun[name], self.plan[name].part, answer.get("found", {})
        try:
            if "refused" in answer:
                raise PipelineError(answer["refused"])
            if isinstance(part, int):
                answers.write_shard(recipe, part, found, answer.get("machine", {}), self.into)
            else:
                answers.check_result(recipe, pieces.wanted_episodes(recipe, self.every), found, self.into)
                answers.write_result(recipe, found, self.into)
            self.done.add(name)
        except (PipelineError, OSError) as error:
            self.failed[name] = f"{answer.get('worker', 'its worker')}: {workers.sentence(error)}"
        if not isinstance(part, int):
            self.release(recipe)

    def make_here(self, name: str) -> None:
        """Make a result on this machine, in a process of its own, which finds the shards that were played."""
        recipe = self.begun[name] = self.plan[name].recipe
        self.release(recipe)
        into = [] if self.into == files.ROOT else ["--into", str(self.into)]
        try:
            if not pieces.holds(recipe, self.into, self.every):
                command.run_verb(["pipeline", "make", name, *into], "here")
            self.done.add(name)
        except PipelineError as error:
            self.failed[name] = str(error)

    def close(self) -> None:
        """Let go of all locks."""
        while self.locks:
            self.locks.popitem()[1].close()


Submit = Callable[[str, dict, dict[str, bytes]], None]  # a piece's name, what is asked, files that workers lacked
Receive = Callable[[], tuple[str, dict]]  # a piece's name, and the answer


def drive(work: Work, submit: Submit, receive: Receive, tick: Callable[[], object] = lambda: None) -> None:
    """Make all pieces: those that can be begun are submitted; shards are joined here, and what is timed is measured here when
    nothing else is at work.
    """
    order, waiting, timed = pieces.Order(work.plan), dict[str, dict](), deque[str]()
    while True:
        while order.free:
            name = order.free.popleft()
            if work.plan[name].timed:
                timed.append(name)
                continue
            if work.plan[name].part == pieces.JOINED:
                work.make_here(name)
            elif asked := work.begin(name):
                waiting[name] = asked
                submit(name, asked, {})
                continue
            order.settle(name, work.failed)
        if waiting:
            name, answer = receive()
            given: dict[str, bytes] = {}
            try:
                if "progress" in answer:
                    waiting[name], given = work.go_on(name, answer["progress"])
                elif "lacks" in answer:
                    given = work.given(name, answer["lacks"])
            except (PipelineError, OSError) as error:
                answer = {"refused": workers.sentence(error)}
            if given:
                submit(name, waiting[name], given)
            else:
                work.finish(name, answer)
                del waiting[name]
                order.settle(name, work.failed)
        elif timed:
            name = timed.popleft()
            work.make_here(name)
            order.settle(name, work.failed)
        tick()
        if not (order.free or waiting or timed):
            return


def announced(work: Work, asked_for: int) -> str:
    """How much there is to make, in a sentence."""
    results = {pieces.result(piece.recipe) for piece in work.plan.values()}
    seconds = sum(piece.seconds for piece in work.plan.values())
    timed = sum(piece.timed for piece in work.plan.values())
    there = f"{asked_for} asked for, {len(results)} to make" + (f", {timed} of them timed here, at the end" if timed else "")
    return f"results: {there}; {len(work.plan)} pieces, {plan.minutes(seconds)} of one core"


def main(asked: cluster.Asked, only: Iterable[str], into: Path, every: bool, planned: bool = False) -> None:
    """Plan, say so, make all that is not there, and tell what was not made.

    Args:
        asked: where.
        only: names of results, or patterns; without any, all that is made from checkpoints, and pictures.
        into: the folder below which `results/` is written.
        every: whether all episodes are played; into the project's own `results/` they always are.
        planned: whether to say what there is to make, and no more.

    Raises:
        PipelineError: a piece was not made, or no cluster could be reached.
    """
    every = every or into == files.ROOT
    if asked.scheduler:
        cluster.checked(asked.scheduler, asked.without_tls)
    if asked.queue:
        cluster.read_queue(asked.queue)
    found = (recipe for pattern in only for recipe in pieces.match(pattern))
    wanted = sorted(pieces.choose(found, into), key=lambda recipe: -recipe.seconds)  # the longest first
    work = Work(pieces.plan(wanted, into, every), into, every)
    print(announced(work, len(wanted)), flush=True)
    if planned or not work.plan:
        return
    try:
        with contextlib.closing(work), cluster.connected(asked) as tasks, tqdm(total=len(work.plan), unit="piece") as bar:
            cluster.check_gpus(asked, tasks.client.scheduler_info()["workers"])
            tqdm.write(f"{len(tasks.client.nthreads())} workers now; watch them at {tasks.client.dashboard_link}")
            tasks.tell = tqdm.write
            drive(work, tasks.submit, tasks.receive, lambda: bar.update(len(work.done) + len(work.failed) - bar.n))
    except KeyboardInterrupt:
        command.end_interrupted()
    for name, reason in work.failed.items():
        print(f"{name}: {reason}")
    if work.failed:
        raise PipelineError(f"{len(work.failed)} of {len(work.plan)} pieces were not made; the same command tries again")

"""How many workers one scheduler and one client of `distribute` keep at work; see `benchmarks.cluster`, which is the command.

A scheduler, so many workers in one process (each a `distributed.Worker` in one event loop, whose pieces sleep) and a client
are three processes on the loopback, the last two `python -m benchmarks.scale host` and `drive`. They share this machine's
cores, and so what each costs is told in processor time.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import logging
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from unittest.mock import patch

import psutil

from benchmarks import median
from benchmarks.loopback import HERE, Loopback, forget_peak, loopback, peak, wait_until
from pipeline import PipelineError, files
from pipeline.evidence import fingerprints, records
from pipeline.evidence.records import Recipe
from pipeline.graph import cluster, command, distribute, pieces
from pipeline.graph.pieces import Piece

EVALUATION = "evaluations/local_bc_halfcheetah_s0"
QUIET = {  # what many workers in one process would spend on looking at themselves
    "distributed.admin.system-monitor.interval": "60s",
    "distributed.admin.tick.interval": "60s",
    "distributed.admin.tick.limit": "1h",
    "distributed.worker.profile.enabled": False,
    "distributed.worker.memory.terminate": False,
}


async def answered(asked: dict, given: dict[str, bytes]) -> dict:
    """A piece of no work: it sleeps for as long as it is told to."""
    await asyncio.sleep(asked["sleep"])
    return {"found": {}, "machine": {}}


def host(address: str, count: str, folder: str) -> None:
    """Be so many workers of a scheduler, fifty more at a time; prints a line when all are."""
    import dask
    from distributed import Worker

    async def work() -> None:
        options = {"nthreads": 1, "memory_limit": 0, "local_directory": folder, "dashboard": False, "host": HERE}
        began = [Worker(address, name=str(index), **options) for index in range(int(count))]
        for first in range(0, len(began), 50):
            await asyncio.gather(*began[first : first + 50])
        print("ready", flush=True)
        await asyncio.gather(*(worker.finished() for worker in began))

    logging.getLogger("distributed").setLevel(logging.CRITICAL)
    with dask.config.set(QUIET):
        asyncio.run(work())


@dataclass
class Idle(distribute.Work):
    """Work whose pieces cost who asks nothing: of each the same is asked, and any answer finishes it."""

    asked: dict = field(default_factory=dict)

    def begin(self, name: str) -> dict:
        """What is asked of a worker."""
        self.begun[name] = self.plan[name].recipe
        return {**self.asked, "name": name}

    def finish(self, name: str, answer: dict) -> None:
        """Count a piece as done. Raises PipelineError where its worker failed."""
        if "refused" in answer:
            raise PipelineError(answer["refused"])
        self.done.add(name)


def asked_of(name: str, into: Path = files.ROOT) -> dict:
    """What a worker is told of a result made whole, below a folder."""
    recipe = command.resolve(name)
    begun = replace(recipe, begun=fingerprints.depends(recipe, into))
    return distribute.Work({name: Piece(recipe)}, into, True, begun={name: begun}).asked(name)


def idle(count: int, seconds: float) -> Idle:
    """So many pieces of that length, each asked for in as many bytes as a real one."""
    piece, asked = Piece(command.resolve(EVALUATION)), {**asked_of(EVALUATION), "sleep": seconds}
    plan = {f"{EVALUATION}, {time.time_ns()}, {index}": piece for index in range(count)}
    return Idle(plan, files.ROOT, True, asked=asked)


def drive_without_looking(work: distribute.Work, submit: Callable, receive: Callable) -> None:
    """What `distribute.drive` does where no piece stands on another, without looking again which are ready."""
    for name in work.plan:
        submit(name, work.begin(name), {})
    for _ in work.plan:
        work.finish(*receive())


LOOPS = {"drive": distribute.drive, "plain": drive_without_looking}


def drive(address: str, count: str, seconds: str, loop: str) -> None:
    """Have a scheduler's workers answer so many pieces; prints seconds and MB of this process, which has done nothing else."""
    work, submitted = idle(int(count), float(seconds)), []
    with (
        patch.object(cluster, "task", lambda asked, given: (answered, asked, given)),
        cluster.connected(cluster.Asked(address)) as tasks,
    ):

        def receive() -> tuple[str, dict]:
            submitted.append(time.perf_counter())
            return tasks.receive()

        began, used = time.perf_counter(), time.process_time()
        LOOPS[loop](work, tasks.submit, receive)
        wall, client_seconds = time.perf_counter() - began, time.process_time() - used
    found = {"submitted": submitted[0] - began, "wall": wall, "client": client_seconds, "client MB": peak(os.getpid())}
    print(json.dumps(found))


def processor(process: int) -> float:
    """Seconds of processor time of one process so far."""
    return sum(psutil.Process(process).cpu_times()[:2])


def at_rest(process: int, seconds: float = 20) -> float:
    """Processor time that a process uses in a second in which nothing is asked of it."""
    used, began = processor(process), time.perf_counter()
    time.sleep(seconds)
    return (processor(process) - used) / (time.perf_counter() - began)


def measure(here: Loopback, address: str, scheduler: int, hosts: int, told: tuple) -> dict[str, float]:
    """`drive` in a process of its own, and what the scheduler's and the workers' process used meanwhile.

    Raises:
        PipelineError: it failed.
    """
    before = processor(scheduler), processor(hosts)
    forget_peak(scheduler)
    client = here.start("benchmarks.scale", "drive", address, *map(str, told))
    ended = here.ended(client, time.perf_counter(), 3600)
    if ended.code:
        raise PipelineError(f"{told[0]} pieces are not driven: {ended.said[-300:]}")
    used = {"scheduler": processor(scheduler) - before[0], "workers": processor(hosts) - before[1]}
    return {**json.loads(ended.said.splitlines()[-1]), **used, "scheduler MB": peak(scheduler)}


def scale(counts: list[int], many: list[int], lengths: list[float], loop: str) -> None:
    """Print a line for each number of workers, number of pieces and length of a piece."""
    print("workers, pieces, length: seconds of submitting, wall; ms a piece of wall, scheduler, client, workers; MB at most")
    for count in counts:
        with loopback() as here:
            scheduler, address = here.scheduler()
            began = time.perf_counter()
            hosts = here.start("benchmarks.scale", "host", address, str(count), str(here.folder / "tmp"))
            wait_until(lambda hosts=hosts, here=here: "ready" in here.said(hosts), hosts, 900)
            took = f"{time.perf_counter() - began:.0f} s, {processor(hosts.pid):.0f} s of processor time"
            used = f"scheduler {processor(scheduler.pid):.0f} s, {peak(scheduler.pid):.0f} MB"
            print(f"{count} workers came up in {took}; {used}, at rest {at_rest(scheduler.pid):.1%} of a core", flush=True)
            for told in itertools.product(many, lengths):
                found = measure(here, address, scheduler.pid, hosts.pid, (*told, loop))
                print(line(found, count, *told), flush=True)


def line(found: dict[str, float], count: int, pieces_: int, length: float) -> str:
    """What was measured; of pieces that take time also the share of the workers' time that was theirs."""
    each = ", ".join(f"{1000 * found[name] / pieces_:.2f}" for name in ("wall", "scheduler", "client", "workers"))
    memory = f"scheduler {found['scheduler MB']:.0f} MB, client {found['client MB']:.0f} MB"
    told = f"{count:5} {pieces_:7} {length:6g} s: {found['submitted']:.1f}, {found['wall']:.1f} s; {each} ms; {memory}"
    return told + (f"; workers at work {pieces_ * length / count / found['wall']:.0%} of the time" if length else "")


def answer_at_once(answers: Callable[[str], dict]) -> tuple[Callable, Callable]:
    """`submit` and `receive` of workers that take no time."""
    asked: list[str] = []
    return lambda name, told, given: asked.append(name), lambda: ((name := asked.pop(0)), answers(name))


def committed(recipe: Recipe, into: Path) -> dict[str, bytes]:
    """The files of a result as a worker of this checkout would give them, with the values that are committed."""
    content, depends = records.read(recipe.path()), fingerprints.depends(recipe, into)
    made = {"fingerprint": fingerprints.fingerprint(recipe, depends), **depends}
    content = {"run": content["run"], "made": made, "values": content["values"]}
    content["made"]["sha256"] = records.sealed(content)
    beside = {name: (files.ROOT / name).read_bytes() for name in recipe.outputs}
    return {**beside, pieces.evidence(recipe): json.dumps(content, ensure_ascii=False).encode()}


def client(many: list[int]) -> None:
    """Print what a client spends on a piece that is answered at once: in `drive` alone, and in all it does for real ones."""
    for count in many:
        work = idle(count, 0)
        began = time.process_time()
        distribute.drive(work, *answer_at_once(lambda name: {}))
        print(f"drive, {count} pieces of nothing: {1000 * (time.process_time() - began) / count:.3f} ms a piece", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        into = Path(folder)
        wanted = [recipe for recipe in pieces.choose([]) if measurable(recipe)]
        plan = {name: replace(piece, after=()) for name, piece in pieces.plan(wanted, into, True).items()}
        begun, finished = ([], []), ([], [])
        work = distribute.Work(plan, into, True)
        for name, piece in plan.items():
            timed(begun, work.begin, name)
            timed(finished, work.finish, name, {"found": committed(piece.recipe, into)})
        work.close()
    print(f"{len(work.done)} real results, {len(work.failed)} not taken: {'; '.join(list(work.failed.values())[:3])}")
    for name, (wall, processor_time) in (("begin", begun), ("finish", finished)):
        mean = 1000 * statistics.mean(processor_time)
        print(f"{name}: {median(wall)} of wall; processor time {median(processor_time)}, mean {mean:.3g} ms")


def measurable(recipe: Recipe) -> bool:
    """Whether a result is a piece that holds today, so that its committed files can stand for a worker's."""
    whole = recipe.kind not in (*fingerprints.FOLLOWS, *pieces.TIMED) and not pieces.in_shards(recipe, True)
    return whole and recipe.path().exists() and fingerprints.stale(recipe) is None


def timed(seconds: tuple[list[float], list[float]], called: Callable, *words) -> None:
    """Call something and note its seconds of wall and of this process's processor time."""
    began, used = time.perf_counter(), time.process_time()
    called(*words)
    seconds[0].append(time.perf_counter() - began)
    seconds[1].append(time.process_time() - used)


if __name__ == "__main__":
    {"host": host, "drive": drive}[sys.argv[1]](*sys.argv[2:])

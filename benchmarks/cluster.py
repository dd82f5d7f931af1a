"""Results on dask's workers: what a piece costs beside its making, how many workers are kept at work, and what goes wrong how.

    python -m benchmarks.cluster scale --workers 100 1000 --pieces 5000 --lengths 0 0.01 0.1
    python -m benchmarks.cluster client
    python -m benchmarks.cluster maker
    python -m benchmarks.cluster overhead
    python -m benchmarks.cluster first --part 8
    python -m benchmarks.cluster kills --every 10
    python -m benchmarks.cluster refusals

`scale` has pieces that sleep answered by many workers in one process, `client` has real ones answered at once, without dask
(`benchmarks.scale`). `maker` asks one worker's process for pieces that do nothing. `overhead` makes forty short results by
`distribute`, on two workers, and by `make` in a process each, two at a time. `first` makes the first shard of every eighth
result, or of all, in both ways. `kills` makes the forty while workers are killed again and again. `refusals` breaks a cluster
in every way that docs/cluster.md speaks of (`benchmarks.refusals`).

Workers run in clones of the last commit; what is compared is kept below --into, where the same command does not make it again.
"""

from __future__ import annotations

import argparse
import itertools
import json
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterable
from pathlib import Path

import psutil

from benchmarks import machine, median, refusals, scale
from benchmarks.loopback import Ended, Loopback, checkout, end, held, loopback, plain, sums, unfinished, used, variables
from pipeline import files
from pipeline.evidence import fingerprints
from pipeline.graph import command, pieces, workers
from pipeline.graph.pieces import Piece

CLONED = [*(f"bc_halfcheetah_s{seed}" for seed in range(5)), *(f"bc10_halfcheetah_s{seed}" for seed in range(5))]
EVALUATED = ("random_halfcheetah", "behaviour_halfcheetah", "behaviour_halfcheetah_mode", *CLONED)
STEPS = (  # forty results: those that stand on nothing, then on them, then on these
    [
        *(f"evaluations/local_{name}" for name in EVALUATED),
        *(f"evaluations/local_td3bc_halfcheetah_s{seed}" for seed in range(3)),
        *(f"solved/local_{policy}_{grid}" for policy in ("random", "cloning") for grid in refusals.GRIDS),
        *(f"rollouts/local_{name}_halfcheetah" for name in ("random", "behaviour")),
        *(f"rollouts/local_dt_halfcheetah_{target}" for target in (1200, 2400, 3600, 4800, 9000, 12000)),
        "rollouts/local_td3bc_halfcheetah_s0",
        "pictures/RL",
    ],
    [f"pooled/local_{name}_halfcheetah" for name in ("bc", "bc10", "td3bc")],
    ["compared/local_td3bc_over_bc_halfcheetah"],
)
SHORT = list(itertools.chain(*STEPS))
TIMED = """

def _timed(make):
    import json, os, time

    def timed(recipe, into, told):
        began, used = time.time(), time.process_time()
        try:
            return make(recipe, into, told)
        finally:
            own = [os.getppid(), began, time.time(), time.process_time() - used]
            with open(os.environ["TIMED"], "a", encoding="utf-8") as file:
                file.write(json.dumps(own) + "\\n")

    return timed


make_one = _timed(make_one)
"""
NOTHING = """

def make_one(recipe, into, told):
    files.write_text(into / "results" / recipe.kind / f"{recipe.name}.json", "{}")
    for name in recipe.outputs:
        files.write_text(into / name, "")
"""


def append(root: Path, text: str) -> None:
    """Have a checkout's `command.make_one`, by which workers make pieces, be another; no result stands on that module."""
    with open(root / "pipeline/graph/command.py", "a", encoding="utf-8") as file:
        file.write(text)


def maker(rounds: int) -> None:
    """Print what a worker's process takes for its first piece, and for pieces that do nothing, in turns."""
    names = ("solved/local_random_go_to_local_s7n5", "evaluations/local_bc_halfcheetah_s0", "rollouts/local_tt_halfcheetah_k32")
    with loopback() as here:
        began = time.perf_counter()
        made = workers.Maker(here.folder / "worker")
        append(made.copy, NOTHING)
        print(f"copying the checkout: {1000 * (time.perf_counter() - began):.0f} ms")
        began = time.perf_counter()
        made.answer(scale.asked_of(names[0], here.folder), {})
        print(f"loading libraries, and the first piece: {time.perf_counter() - began:.1f} s")
        seconds: dict[str, tuple] = {name: ([], []) for name in names}
        for name in list(names) * (rounds + 1):
            scale.timed(seconds[name], made.answer, scale.asked_of(name, here.folder), {})
        made.close()
    for name, (wall, _) in seconds.items():
        print(f"{name}, made in no time: {median(wall[1:])} of wall, of {rounds}")


def one_by_one(into: Path, here: Loopback, steps: Iterable[list[str]], at_once: int = 2) -> Ended:
    """Make results by `make`, a process each, so many at a time.

    Args:
        into: the folder that they are written below.
        here: where processes are started.
        steps: names of results, perhaps with options; each list stands on those before it.
        at_once: how many processes.
    """
    began, processor, code = time.perf_counter(), 0.0, 0
    for names in steps:
        make = [sys.executable, "-m", "pipeline", "make", "--into", str(into)]
        words = ["xargs", f"-P{at_once}", "-L1", *make]
        options = {"stdin": subprocess.PIPE, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "text": True}
        process = subprocess.Popen(words, cwd=files.ROOT, env=variables(), process_group=0, **options)
        here.started.append(process)
        process.stdin.write("\n".join(names))
        process.stdin.close()
        ended = here.ended(process, time.perf_counter(), 4 * 3600)
        processor, code = processor + ended.processor, code or ended.code
    return Ended(code, "", time.perf_counter() - began, processor)


def gaps(log: Path, first: int) -> tuple[list[float], list[list]]:
    """Seconds between the end of a piece's making and the beginning of the same worker's next, and what was logged of each."""
    own = [json.loads(line) for line in log.read_text(encoding="utf-8").splitlines()[first:]]
    found = []
    for process in {line[0] for line in own}:
        times = sorted(line[1:3] for line in own if line[0] == process)
        found += [after[0] - before[1] for before, after in itertools.pairwise(times)]
    return found, own


def report(name: str, ended: Ended, processor: float) -> None:
    """Print what making the forty took."""
    said = "" if ended.code == 0 else f"; exit code {ended.code}: {ended.said}"
    print(f"{name}: {ended.seconds:.1f} s, {processor:.1f} s of processor time{said}", flush=True)


def overhead(into: Path, rounds: int) -> None:
    """Print what forty short results take by `distribute`, on workers that are warm and on some of its own, and one by one."""
    with loopback() as here:
        for turn in range(rounds):
            for way in (on_workers, on_its_own, in_a_process_each):
                files.remove(into / way.__name__)
                way(into / way.__name__, here)
            together = [sums(into / way.__name__) for way in (on_workers, on_its_own, in_a_process_each)]
            same = len(together[2]) if together[0] == together[1] == together[2] else "NOT "
            print(f"turn {turn + 1}: {same} files with the same bytes by all three ways")


def chosen(part: int, into: Path) -> dict[str, Piece]:
    """First shards of every so-manieth result, by kind and cost, of what is not timed; and what follows from these alone."""
    plan = pieces.plan(pieces.choose([], into), into, False)
    played = [name for name, piece in plan.items() if not piece.timed and piece.recipe.kind not in fingerprints.FOLLOWS]
    found = sorted(played, key=lambda name: (plan[name].recipe.kind, plan[name].seconds, name))[part // 2 :: part]
    for name, piece in plan.items():
        if piece.recipe.kind in fingerprints.FOLLOWS and set(piece.after) <= set(found):
            found.append(name)
    return {name: piece for name, piece in plan.items() if name in found}


def in_steps(plan: dict[str, Piece]) -> list[list[str]]:
    """The words of `make` for pieces, those that stand on others after them."""
    depth: dict[str, int] = {}
    for name, piece in plan.items():
        depth[name] = 1 + max((depth[each] for each in piece.after), default=-1)
    words = {name: name + (" --shards 1" if piece.part == pieces.FIRST else "") for name, piece in plan.items()}
    return [[words[name] for name in plan if depth[name] == step] for step in range(max(depth.values()) + 1)]


def first(into: Path, part: int) -> None:
    """Print what first shards take by `distribute`, on two workers of its own, and by `make` in a process each."""
    for way in ("pieces", "processes"):
        files.remove(into / way)
    plan = chosen(part, into / "pieces")
    about = sum(piece.seconds for piece in plan.values()) / 60
    print(f"{len(plan)} results, about {about:.0f} minutes of one core", flush=True)
    with loopback() as here:
        ended = on_its_own(into / "pieces", here, plan)
        alone = in_a_process_each(into / "processes", here, in_steps(plan))
    together, apart = sums(into / "pieces"), sums(into / "processes")
    same = "the same" if together == apart else "NOT the same"
    print(f"{ended.seconds / alone.seconds:.2f} of the wall time; {len(apart)} files, {same}")


def in_a_process_each(into: Path, here: Loopback, steps: Iterable[list[str]] = STEPS) -> Ended:
    """Two processes at a time, each makes one result."""
    ended = one_by_one(into, here, steps)
    report("make, a process each, two at a time", ended, ended.processor)
    return ended


def on_its_own(into: Path, here: Loopback, names: Iterable[str] = SHORT) -> Ended:
    """Workers that `distribute` starts, and that end with it."""
    ended = here.ask(into, names, "--workers", "2", patience=4 * 3600)
    more, left = here.orphans()
    report("distribute, two workers of its own", ended, ended.processor + more)
    print(f"left over: {left}") if left else None
    return ended


def on_workers(into: Path, here: Loopback) -> None:
    """Workers of a scheduler, the first time and when they are warm, with how long each piece's own making took."""
    log, root = here.folder / f"timed_{time.time_ns()}", checkout(here.folder / f"checkout_{time.time_ns()}")
    append(root, TIMED)
    log.touch()
    scheduler, address = here.scheduler()
    hosts = here.workers(address, 2, root=root, TIMED=str(log))
    for warm in ("cold", "warm"):
        files.remove(into)
        before, first = used(scheduler) + used(hosts), len(log.read_text(encoding="utf-8").splitlines())
        ended = here.ask(into, SHORT, address, patience=900)
        processor = used(scheduler) + used(hosts) - before + ended.processor
        report(f"distribute, two {warm} workers", ended, processor)
        between, own = gaps(log, first)
        making, computing = sum(line[2] - line[1] for line in own), sum(line[3] for line in own)
        span = max(line[2] for line in own) - min(line[1] for line in own)
        told = f"{len(own)} pieces, {making:.1f} s of making ({computing:.1f} s of processor time), "
        print(f"  {told}from the first to the last {span:.1f} s; between two pieces of a worker {median(between)}")
        print(f"  beside making: {1000 * (processor - computing) / len(own):.0f} ms of processor time a piece", flush=True)
    end(hosts)
    end(scheduler)
    here.orphans()


def victims(client: subprocess.Popen) -> list[psutil.Process]:
    """The workers that a client, if it has not ended, started of its own."""
    if client.poll() is not None:
        return []
    words = ((each, " ".join(each.cmdline())) for each in psutil.Process(client.pid).children())
    return [each for each, line in words if line.startswith("dask worker") or "spawn_main" in line]


def kills(into: Path, every: float, seed: int) -> None:
    """Print what becomes of the forty while a worker, drawn at random, is killed every so many seconds."""
    with loopback() as here:
        if len(sums(into / "in_a_process_each")) < len(SHORT):
            in_a_process_each(into / "in_a_process_each", here)
        files.remove(into / "killed")
        draw, killed, began = random.Random(seed), 0, time.perf_counter()
        client = here.client(into / "killed", SHORT, "--workers", "2")
        while client.poll() is None and time.perf_counter() - began < 900:
            time.sleep(every)
            if found := victims(client):
                draw.choice(found).send_signal(signal.SIGKILL)
                killed += 1
        seconds = time.perf_counter() - began
        _, orphans = here.orphans()
        scratch = sum(path.is_dir() for path in (here.folder / "tmp").rglob("pieces"))
        said = here.said(client)
    same = sums(into / "killed") == sums(into / "in_a_process_each")
    print(
        f"{killed} kills in {seconds:.0f} s, exit code {client.returncode}; files {'all the same' if same else 'NOT the same'}"
    )
    locks, work = held(into / "killed"), unfinished(into / "killed")
    print(f"left: processes {orphans}, locks held {locks}, unfinished work {work}, folders of workers {scratch}")
    print("" if client.returncode == 0 else plain(said)[-2000:])


def main() -> None:
    """Time or measure one of them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("scale", "client", "maker", "overhead", "first", "kills", "refusals"))
    parser.add_argument("--workers", type=int, nargs="+", default=[100, 1000], help="scale: how many")
    parser.add_argument("--pieces", type=int, nargs="+", default=[1000, 5000], help="scale and client: how many")
    parser.add_argument("--lengths", type=float, nargs="+", default=[0, 0.01, 0.1], help="scale: seconds that a piece takes")
    parser.add_argument(
        "--loop", choices=tuple(scale.LOOPS), default="drive", help="scale: with, or without looking for what is ready"
    )
    parser.add_argument("--rounds", type=int, default=7, help="maker: pieces of each that are timed")
    parser.add_argument("--turns", type=int, default=1, help="overhead: how often each way is taken")
    parser.add_argument("--part", type=int, default=8, help="first: every so-manieth result")
    parser.add_argument("--every", type=float, default=10, help="kills: seconds between two")
    parser.add_argument("--seed", type=int, default=0, help="kills: which worker, drawn from it")
    parser.add_argument("--only", nargs="*", default=[], help="refusals: of these cases alone, by their functions' names")
    parser.add_argument(
        "--into", type=Path, default=files.ROOT / "build" / "cluster", help="overhead, first and kills: where results are kept"
    )
    told = parser.parse_args()
    print(machine(), flush=True)
    verbs = {
        "scale": lambda: scale.scale(told.workers, told.pieces, told.lengths, told.loop),
        "client": lambda: scale.client(told.pieces),
        "maker": lambda: maker(told.rounds),
        "overhead": lambda: overhead(told.into, told.turns),
        "first": lambda: first(told.into, told.part),
        "kills": lambda: kills(told.into, told.every, told.seed),
        "refusals": lambda: refusals.main(told.only, told.into),
    }
    verbs[told.what]()


if __name__ == "__main__":
    command.run(main)

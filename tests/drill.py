"""The crash drill: kill the verbs at random moments, let them finish, and hold what they leave against an undisturbed run.

    python -m tests.drill                   50 kills of each drill but the last, on the toy (an hour)
    python -m tests.drill --times 10 train  10 kills of one of them
    python -m tests.drill --times 10 real   10 kills of doit on the project itself, copied, which must be up to date

Half of the kills come by the clock, half exactly before a write: a hook in the victim counts its openings for writing,
renamings and removals, and ends it at a random one. SIGKILL and SIGTERM take turns, and so do kills of one process and of its
whole group. Afterwards the same command must succeed; every output must be byte for byte that of the undisturbed run, and
nothing may be left of the work: no temporary file, no unfinished state.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import random
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tqdm import tqdm

from tests import toy as toys
from tests.toy import Toy

HOOK = """
import atexit, os, signal, sys

ROOT, AT, SIGNAL, COUNT = (os.environ.get(f"DRILL_{name}") for name in ("ROOT", "AT", "SIGNAL", "COUNT"))
writes = 0


def hook(event, arguments):
    global writes
    if event == "open":
        path, mode, flags = arguments
        touches = flags & (os.O_WRONLY | os.O_RDWR) and isinstance(path, str)
    else:
        path = arguments[0] if event in ("os.rename", "os.remove", "os.rmdir") else None
        touches = path is not None
    if touches and str(os.path.abspath(os.fspath(path))).startswith(ROOT):
        writes += 1
        if AT and writes == int(AT):
            os.kill(os.getpid(), int(SIGNAL))


if ROOT:
    sys.addaudithook(hook)
    if COUNT:
        atexit.register(lambda: open(COUNT, "w").write(str(writes)))
"""


@dataclass(frozen=True)
class Scenario:
    """A command to be killed: its words for `python -m`, and how a finished toy is undone for it."""

    words: tuple[str, ...]
    undo: Callable[[Toy], None]


def forget(*names: str) -> Callable[[Toy], None]:
    """Undo by removing files and folders of a finished toy."""

    def undo(toy: Toy) -> None:
        for name in names:
            path = toy.root / name
            shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)

    return undo


SCENARIOS = {
    "collect": Scenario(
        ("pipeline", "make", "datasets/local_halfcheetah_medium"),
        forget("data/local_halfcheetah_medium.hdf5", "results/datasets/local_halfcheetah_medium.json", "checkpoints/contexts"),
    ),
    "train": Scenario(
        ("pipeline", "make", "training/local_dt_halfcheetah"),
        forget("checkpoints/local_dt_halfcheetah", "results/training/local_dt_halfcheetah.json"),
    ),
    "train_tt": Scenario(
        ("pipeline", "make", "training/local_tt_halfcheetah"),
        forget("checkpoints/local_tt_halfcheetah", "results/training/local_tt_halfcheetah.json"),
    ),
    "doit": Scenario(
        ("doit",),
        forget(
            "results/evaluations/local_random_halfcheetah.json",
            "results/attention",
            "results/pictures",
            "images/loss_dt.svg",
            "_includes/tables",
        ),
    ),
    "reproduce": Scenario(
        (
            "pipeline",
            "reproduce",
            "--minutes",
            "0",
        ),
        lambda toy: None,
    ),
    "real": Scenario(
        ("doit",),
        forget(
            "results/evaluations/local_random_halfcheetah.json",
            "results/attention",
            "results/pictures/loss_dt.json",
            "images/loss_dt.svg",
            "_includes/tables",
        ),
    ),
}


@dataclass(frozen=True)
class Kill:
    """How and when a victim is ended: after `seconds`, or before its `write`-th write; alone, or with its whole group."""

    signal: signal.Signals
    seconds: float | None = None
    write: int | None = None
    group: bool = False

    def __str__(self) -> str:
        moment = f"before write {self.write}" if self.write else f"after {self.seconds:.3f} s"
        return f"{self.signal.name} {moment}{', the whole group' if self.group else ''}"


def hooked(toy: Toy, **settings: str) -> dict[str, str]:
    """Variables for a victim that counts its writes; the hook lies beside the toy."""
    hook = toy.root.parent / "hook" / "sitecustomize.py"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text(HOOK)
    return toy.environment(PYTHONPATH=str(hook.parent), DRILL_ROOT=str(toy.root), **settings)


def measure(toy: Toy, words: tuple[str, ...]) -> tuple[float, int]:
    """Seconds and number of writes of an undisturbed run, which must succeed."""
    count = toy.root.parent / "count"
    began = time.perf_counter()
    done = toy.run(*words, env=hooked(toy, DRILL_COUNT=str(count)))
    assert done.returncode == 0, done.stdout + done.stderr
    return time.perf_counter() - began, int(count.read_text(encoding="utf-8"))


def strike(toy: Toy, words: tuple[str, ...], kill: Kill) -> bool:
    """Start the command, end it as told, and say whether it was ended before it was done."""
    settings = {"DRILL_AT": str(kill.write), "DRILL_SIGNAL": str(int(kill.signal))} if kill.write else {}
    with open(os.devnull, "w", encoding="utf-8") as nowhere:
        victim = toy.start(*words, env=hooked(toy, **settings), stdout=nowhere, stderr=nowhere)
        try:
            victim.wait(kill.seconds)
        except Exception:  # it is still at work, as it should be
            with contextlib.suppress(ProcessLookupError):
                os.killpg(victim.pid, kill.signal) if kill.group else victim.send_signal(kill.signal)
            victim.wait()
    return victim.returncode != 0


def verdicts(toy: Toy) -> list[tuple[str, str]]:
    """What a reproduction found, seconds left out."""
    file = toy.root / "build/reproduce/verdict.json"
    return (
        [(entry["result"], entry["verdict"]) for entry in json.loads(file.read_text(encoding="utf-8"))] if file.exists() else []
    )


def complaints(toy: Toy, words: tuple[str, ...], expected: Toy) -> list[str]:
    """Let a killed command finish, and say what is not as in the undisturbed toy."""
    done = toy.run(*words)
    if done.returncode:
        return [f"does not finish: {(done.stderr.strip() or done.stdout.strip()).splitlines()[-1]}"]
    found, wanted = toy.snapshot(), expected.snapshot()
    wrong = [f"{name} differs" for name in sorted(found.keys() | wanted.keys()) if found.get(name) != wanted.get(name)]
    wrong += [f"{name} is left" for name in toy.leftovers()]
    return wrong + (["verdicts differ"] if verdicts(toy) != verdicts(expected) else [])


def undone(finished: Toy, scenario: Scenario, folder: Path) -> Toy:
    """A copy of a finished toy in which the scenario's command has all to do."""
    toy = finished.copy(folder)
    scenario.undo(toy)
    return toy


def plan(times: int, seconds: float, writes: int, dice: random.Random) -> list[Kill]:
    """`times` kills: by the clock and before a write in turns, signals in turns, the group every other pair."""
    kills = []
    for index in range(times):
        ending = (signal.SIGKILL, signal.SIGTERM)[index // 2 % 2]
        if index % 2:
            kills.append(Kill(ending, write=dice.randint(1, writes)))
        else:
            kills.append(Kill(ending, seconds=dice.uniform(0.0, seconds), group=index // 4 % 2 == 1))
    return kills


def drill(
    finished: Toy, scenario: Scenario, times: int, dice: random.Random, folder: Path, name: str = ""
) -> tuple[Counter, list[str]]:
    """Kill a scenario's command `times` times; returns how the victims ended and what was wrong afterwards."""
    expected = undone(finished, scenario, folder / "expected")
    seconds, writes = measure(expected, scenario.words)
    ends, wrong = Counter(seconds=round(seconds), writes=writes), []
    for index, kill in enumerate(tqdm(plan(times, seconds, writes, dice), desc=name, unit="kill", disable=not name)):
        toy = undone(finished, scenario, folder / f"trial_{index}")
        ends["killed" if strike(toy, scenario.words, kill) else "done before"] += 1
        found = complaints(toy, scenario.words, expected)
        wrong += [f"{kill}: {complaint}" for complaint in found]
        if not found:
            shutil.rmtree(toy.root)
    return ends, wrong


def real(folder: Path) -> Toy:
    """A copy of the project itself, which must be up to date; no toy, but handled like one."""
    for name in (*toys.CODE, *toys.OUTPUTS, "templates"):
        if (toys.ROOT / name).is_dir() and name != "data":
            shutil.copytree(toys.ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"), dirs_exist_ok=True)
    shutil.copy(toys.ROOT / "dodo.py", folder / "dodo.py")
    copy = Toy(folder)
    stale = copy.run("pipeline", "plan")
    assert not stale.stdout and stale.returncode == 0, f"bring the project up to date first: {stale.stdout or stale.stderr}"
    return copy


def main() -> None:
    """Drill the scenarios named, all by default, and exit with 1 where something was wrong."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", help=f"which of {', '.join(SCENARIOS)} (default: all)")
    parser.add_argument("--times", type=int, default=50, help="kills of each (default: 50)")
    parser.add_argument("--seed", type=int, default=0, help="of the moments")
    arguments = parser.parse_args()
    if unknown := set(arguments.names) - SCENARIOS.keys():
        sys.exit(f"there is no drill named {', '.join(sorted(unknown))}; known: {', '.join(SCENARIOS)}")
    wrong = []
    with tempfile.TemporaryDirectory(prefix="drill_") as temporary:
        folder = Path(temporary)
        names = arguments.names or [name for name in SCENARIOS if name != "real"]
        if names != ["real"]:
            finished = toys.build(folder / "finished")
            finished.make("train")
            finished.make("-n", "2")
        for name in names:
            (folder / name).mkdir()
            victim = real(folder / "real" / "finished") if name == "real" else finished
            ends, found = drill(victim, SCENARIOS[name], arguments.times, random.Random(arguments.seed), folder / name, name)
            print(f"{name}: {dict(ends)}, {len(found)} complaints", flush=True)
            wrong += [f"{name}: {complaint}" for complaint in found]
    print("\n".join(wrong) or "every output is that of an undisturbed run, and nothing is left")
    sys.exit(bool(wrong))


if __name__ == "__main__":
    main()

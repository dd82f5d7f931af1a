"""Mutation testing of the arithmetic behind the post's numbers: `make mutants`.

mutmut writes small mistakes, one at a time, into a copy of the code below `build/mutants/`, and runs the fast tests that reach
the changed function. A mistake that no test notices survives. What is mutated and which tests are run stands in
`pyproject.toml`, which functions count stands below; `benchmarks/mutants.md` says why each survivor changes no value.

A stopped run goes on where it stopped. Survivors are tried anew each time, since the tests may have become better; a test that
became worse is noticed only from the beginning, after `rm -r build/mutants`.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections import Counter
from contextlib import suppress
from fnmatch import fnmatch
from pathlib import Path

from tqdm import tqdm

ROOT = Path(__file__).resolve().parents[1]
FOLDER = ROOT / "build" / "mutants"
LINKED = (
    "pyproject.toml",
    "pipeline",
    "tests",
    "templates",
    "_includes",
    "results",
    "hub.lock",
    "_config.yml",
    "docs",
    "index.md",
    "appendix.md",
)
NOT_TRIED = None
ALIVE = (0, 33, NOT_TRIED)  # exit codes as mutmut keeps them: the tests passed, no test reaches the function
FUNCTIONS = (  # module.x_function, or module.x, class and method with separators between
    "pipeline.statistics.proportions.*",
    "pipeline.data.returns.*",
    "pipeline.statistics.intervals.*",
    "pipeline.statistics.patterns.*",
    "pipeline.methods.trajectory_transformer.discretization.*",
    "pipeline.data.normalization.*",
    "pipeline.methods.behaviour_cloning.model.*Batches*__init__*",
    "pipeline.methods.decision_transformer.model.*Batches*__init__*",
    "pipeline.methods.td3_bc.model.*Batches*__init__*",
    "pipeline.methods.perceptron.policy.*__init__*",
    "pipeline.methods.decision_transformer.policy.*__init__*",
    "pipeline.statistics.summaries.*",
    "pipeline.statistics.verdicts.*",
    "pipeline.worlds.world.*",
    "pipeline.show.predicates.*",
    "pipeline.show.provenance.*",
    "pipeline.show.tabulate.x_fixed__*",
    "pipeline.show.tabulate.x_interval__*",
    "pipeline.show.tabulate.x_share__*",
    "pipeline.graph.judging.x_same_numbers__*",
    "pipeline.graph.judging.x_intervals__*",
    "pipeline.graph.judging.x_judge_values__*",
)


def read() -> dict[Path, dict]:
    """What mutmut keeps of each module, by its file."""
    return {path: json.loads(path.read_text()) for path in sorted((FOLDER / "mutants").rglob("*.py.meta"))}


def found() -> dict[str, int | None]:
    """Exit code of the tests for each mutant that counts, by its name."""
    codes = {name: code for kept in read().values() for name, code in kept["exit_code_by_key"].items()}
    return {name: code for name, code in codes.items() if any(fnmatch(name, pattern) for pattern in FUNCTIONS)}


def not_tried() -> list[str]:
    """The mutants that count and still have to be tried."""
    return [name for name, code in found().items() if code is NOT_TRIED]


def forget_survivors() -> None:
    """Let those count as not tried that survived, or were not reached, by the tests as they were."""
    for path, kept in read().items():
        codes = kept["exit_code_by_key"]
        kept["exit_code_by_key"] = {name: NOT_TRIED if code in ALIVE else code for name, code in codes.items()}
        path.write_text(json.dumps(kept, indent=4))


def mutmut(*names: str) -> None:
    """Try mutants, those of these names or patterns, with one worker behind everything else that the machine has to do.

    Raises:
        SystemExit: mutmut failed; its own words lie in the log that is named.
    """
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONUNBUFFERED": "1", "JAXTYPING_DISABLE": "1"}
    words, log = [sys.executable, "-m", "mutmut", "run", "--max-children", "1", *names], FOLDER / "log"
    with open(log, "w", encoding="utf-8") as output, tqdm(total=len(names), unit="mutant", mininterval=5) as bar:
        process = subprocess.Popen(
            words, cwd=FOLDER, env=environment, stdout=output, stderr=output, preexec_fn=lambda: os.nice(10)
        )
        while process.poll() is None:
            time.sleep(5)
            with suppress(ValueError):  # of a file that is just being written
                codes = found()
                bar.update(sum(codes.get(name) is not NOT_TRIED for name in names) - bar.n)
    if process.returncode:
        raise SystemExit(f"error: mutmut ended with code {process.returncode}; {log.relative_to(ROOT)} says why")


def module(name: str) -> str:
    """The module of a mutant."""
    return name[: name.index(".x")]


def table(codes: dict[str, int | None]) -> str:
    """Mutants, killed ones and survivors of each module, as Markdown."""
    made, alive = Counter(map(module, codes)), Counter(module(name) for name, code in codes.items() if code in ALIVE)
    rows = [(f"`{name}`", made[name], made[name] - alive[name], alive[name]) for name in sorted(made)]
    rows.append(("all", made.total(), made.total() - alive.total(), alive.total()))
    lines = [f"| {name} | {count} | {killed} | {left} |" for name, count, killed, left in rows]
    return "\n".join(["| module | mutants | killed | survivors |", "|:--|--:|--:|--:|", *lines])


def main() -> None:
    """Make the mutants, try those that were not tried or survived, and say what lives."""
    (FOLDER / "mutants").mkdir(parents=True, exist_ok=True)
    for name in LINKED:
        if not (FOLDER / name).is_symlink():
            (FOLDER / name).symlink_to(ROOT / name)
    forget_survivors()
    print("making the mutants and finding out which test reaches which function takes a minute or more", flush=True)
    left = not_tried() or [FUNCTIONS[0]]
    while left:  # once, and again where the code has changed since: its mutants are known only then
        mutmut(*left)
        left = not_tried()
    codes = found()
    if missing := [pattern for pattern in FUNCTIONS if not any(fnmatch(name, pattern) for name in codes)]:
        raise SystemExit(f"error: no mutant is named like {missing[0]}: was its function renamed? tests/mutants.py names it")
    print(table(codes))
    alive = [name for name, code in codes.items() if code in ALIVE]
    print(f"\nscore {1 - len(alive) / len(codes):.1%}", *(["survivors:", *alive] if alive else []), sep="\n")


if __name__ == "__main__":
    main()

"""What it costs to ask whether everything is up to date: checks of evidence, `doit` with nothing to do, and on a fresh clone.

    python -m benchmarks.graph

Needs a commit whose evidence is current: where something is stale, making it would be timed instead.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks import machine, median, take_turns
from pipeline import PipelineError, files
from pipeline.evidence import fingerprints, recipes, source
from pipeline.graph import command


def run(folder: Path, *words: str) -> str:
    """Run a command in a folder; returns what it said. Raises PipelineError when it fails."""
    done = subprocess.run(words, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode:
        raise PipelineError(f"{' '.join(words[1:])} fails: {(done.stdout + done.stderr).strip().splitlines()[-1]}")
    return done.stdout


def clone_and_doit(folder: Path) -> None:
    """Clone the last commit and run `doit` there for the first time."""
    with tempfile.TemporaryDirectory(dir=folder) as clone:
        run(files.ROOT, "git", "clone", "--quiet", "--local", str(files.ROOT), clone)
        run(Path(clone), sys.executable, "-m", "doit")


def check_all() -> None:
    """Every check that `doit` makes of evidence, in this process, nothing remembered."""
    in_mind = (fingerprints.public_version, fingerprints.sum_of, fingerprints.said_sum, fingerprints.judged)
    for remembers in (source.tree, *in_mind):
        remembers.cache_clear()
    for recipe in recipes.rebuilt():
        fingerprints.stale(recipe)


def main() -> None:
    """Take turns and print milliseconds."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        clone = folder / "clone"
        run(files.ROOT, "git", "clone", "--quiet", "--local", str(files.ROOT), str(clone))
        said = run(clone, sys.executable, "-m", "pipeline", "plan").splitlines()
        if stale := [line for line in said if line.startswith("stale: ")]:
            raise PipelineError(f"the last commit is not up to date: {stale[0]}")
        seconds = take_turns(
            {
                "python that does nothing": lambda: run(clone, sys.executable, "-c", "pass"),
                f"checks of {len(recipes.rebuilt())} results": check_all,
                "doit, nothing to do": lambda: run(clone, sys.executable, "-m", "doit"),
                "git clone and first doit": lambda: clone_and_doit(folder),
            }
        )
    print(machine())
    nothing = statistics.median(seconds["doit, nothing to do"])
    for name, values in seconds.items():
        print(f"{name:28} {median(values):34} {statistics.median(values) / nothing:5.2f}x doit with nothing to do")


if __name__ == "__main__":
    command.run(main)

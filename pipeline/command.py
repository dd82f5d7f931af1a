"""The verbs' command lines: a run's name, a few options, and errors as one sentence."""

from __future__ import annotations

import argparse
import ctypes
import fcntl
import os
import signal
import sys
import warnings
from collections.abc import Callable, Iterable
from dataclasses import replace
from difflib import get_close_matches
from pathlib import Path

from pipeline import PipelineError, evidence, files
from pipeline.evidence import Recipe

PARENT = "PIPELINE_PARENT"  # environment variable: the process that a verb shall not outlive
LOCKS = {}  # open files by path, whose locks end with this process


def parser(description: str, names: Iterable[str]) -> argparse.ArgumentParser:
    """A parser that takes the name of one run and says which names there are."""
    made = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    made.epilog = "runs:\n" + "\n".join(f"  {name}" for name in names)
    made.add_argument("name", help="which run, by name (below)")
    return made


def find(name: str, recipes: dict[str, Recipe], root: Path = files.ROOT) -> Recipe:
    """The recipe of that name, for this process alone to make below `root`, from what its inputs and sources are now.

    Raises:
        PipelineError: there is none; the sentence names the nearest.
    """
    if name not in recipes:
        near = get_close_matches(name, recipes, n=1)
        hint = f"did you mean {near[0]}?" if near else f"known: {', '.join(recipes)}"
        raise PipelineError(f"there is no run named {name!r}; {hint}")
    claim(recipes[name], root)
    return replace(recipes[name], begun=evidence.depends(recipes[name]))


def claim(recipe: Recipe, root: Path = files.ROOT) -> None:
    """Be the only process that makes this evidence, until this process ends.

    Waits for another one that does, and ends this process, well, when the evidence holds by then. The lock is the
    kernel's: no crash leaves it behind. The locked file says what the work was begun from; work begun from something else, by
    a process that was killed, is thrown away.
    """
    path = evidence.workshop(root).parent / "locks" / f"{recipe.kind}_{recipe.name}"
    waited = lock(path, f"{recipe.kind}/{recipe.name} is being made by another process: waiting for it")
    if waited and evidence.stale(recipe, root) is None:
        sys.exit()
    begun_from = evidence.fingerprint(recipe)
    if path.read_text() != begun_from:
        for left in recipe.progress(root):
            files.remove(left)
        path.write_text(begun_from)


def lock(path: Path, message: str) -> bool:
    """Hold a file's lock until this process ends; returns whether it had to wait, after saying so, for another process."""
    if path in LOCKS:
        return False
    path.parent.mkdir(parents=True, exist_ok=True)
    LOCKS[path] = open(path, "a")  # noqa: SIM115 - closed by the end of the process
    try:
        fcntl.flock(LOCKS[path], fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        print(message, file=sys.stderr, flush=True)
        fcntl.flock(LOCKS[path], fcntl.LOCK_EX)
        return True
    return False


def end_with_parent() -> None:
    """End this process when the one that `PARENT` names ends, however it ends: no orphan goes on writing.

    The kernel does it on Linux; elsewhere an orphan finishes its work, which is whole as any.
    """
    parent = int(os.environ.get(PARENT, os.getppid()))
    if PARENT in os.environ and parent == os.getppid() and sys.platform == "linux":
        parent_death_signal = 1  # PR_SET_PDEATHSIG of prctl(2)
        ctypes.CDLL(None).prctl(parent_death_signal, signal.SIGKILL)
    if not files.alive(parent):
        sys.exit(f"process {parent}, which wanted this, has ended")


def run(main: Callable[[], None]) -> None:
    """Call a verb; turn errors a user can mend into one sentence and exit code 1."""
    warnings.filterwarnings("ignore", category=DeprecationWarning)
    end_with_parent()
    try:
        main()
    except PipelineError as error:
        sys.exit(f"error: {error}")
    except OSError as error:
        sys.exit(f"error: {error.filename or 'the system'}: {error.strerror or error}")
    except KeyboardInterrupt:
        sys.exit("interrupted; finished parts are kept, the same command goes on from there")

"""What a command line means: which run is wanted, whose process makes it, and errors as one sentence."""

from __future__ import annotations

import ctypes
import fcntl
import importlib
import inspect
import os
import runpy
import signal
import subprocess
import sys
import warnings
from collections.abc import Callable, Sequence
from dataclasses import replace
from difflib import get_close_matches
from pathlib import Path
from typing import NoReturn

from pipeline import PipelineError, files
from pipeline.evidence import fingerprints, machines, processes, recipes, records
from pipeline.evidence.records import Recipe
from pipeline.graph import making, settings
from pipeline.study import runs
from pipeline.worlds.world import find_world

PARENT = "PIPELINE_PARENT"  # environment variable: the process that a verb shall not outlive
LOCKS = {}  # open files by path, whose locks end with this process


def identifiers() -> dict[str, str]:
    """This project's name of each of Minari's datasets that it knows, by its identifier there."""
    return {recipe.run.identifier: name for name, recipe in recipes.COLLECTIONS.items() if hasattr(recipe.run, "identifier")}


def own(name: str) -> str:
    """This project's name of what was asked for.

    Raises:
        PipelineError: it is an identifier of Minari's, which have slashes, that is not known here.
    """
    found = identifiers().get(name, name)
    if "/" in found:
        raise PipelineError(f"Minari's dataset {name!r} is not known here; known: {', '.join(identifiers())}")
    return found.replace("-", "_")


def on_dataset(recipe: Recipe, data: str) -> Recipe:
    """`recipes.on_dataset`; what plays does so in the dataset's world, whichever version of it that was recorded in.

    Raises:
        PipelineError: there is no such dataset, or the run does not stand on one.
    """
    moved = recipes.on_dataset(recipe, data)
    world = find_world(recipes.COLLECTIONS[data].run.environment).identifier
    if getattr(moved.run, "environment", world) == world:
        return moved
    return recipes.recipe_of(replace(moved.run, environment=world))


def resolve(name: str) -> Recipe:
    """The recipe of a result, named as kind/name, by its name where only one kind has it, or as other catalogs name a dataset.

    Of names, `local_` may be left out; a run on another dataset is named with it, as `--data` names it.

    Raises:
        PipelineError: there is none, or several; the sentence says which there are.
    """
    name, _, data = name.partition(runs.ON)
    if data:
        return on_dataset(resolve(name), own(data))
    known = recipes.known()
    kind, _, rest = name.partition("/")
    of_kind = kind in {recipe.kind for recipe in known.values()}
    plain = own(rest if of_kind else name)
    wanted = [key for key in known if not of_kind or key.startswith(f"{kind}/")]
    found = [key for key in wanted if key.partition("/")[2] in (plain, f"local_{plain}")]
    if len(found) > 1:
        raise PipelineError(f"{name!r} names {len(found)} results: say which, {', '.join(found[:-1])} or {found[-1]}")
    if not found:
        near = get_close_matches(name, [*known, *(key.partition("/")[2] for key in known)], n=1)
        raise PipelineError(f"there is no result {name!r}; {f'did you mean {near[0]}?' if near else 'see `list`'}")
    return known[found[0]]


def choose(name: str, source: str | None = None, data: str | None = None, changed: Sequence[str] = ()) -> Recipe:
    """The recipe that is meant: with a source, of that source's twin; on another dataset; with fields set otherwise.

    Raises:
        PipelineError: there is none.
    """
    recipe = resolve(name)
    if source:
        plain = recipe.name.removeprefix("local_").removeprefix("hub_")
        recipe = resolve(f"{recipe.kind}/{source}_{plain}")
    recipe = on_dataset(recipe, own(data)) if data else recipe
    return settings.change(recipe, changed) if changed else recipe


def make_one(recipe: Recipe, into: Path, told: dict) -> None:
    """Make a result in this process.

    Raises:
        PipelineError: its verb takes no such option, or it fails.
    """
    if recipe.verb.startswith("figures."):  # scripts of their own
        hand_over(recipe.verb, ["--into", str(into)])
        return
    takes = inspect.signature(importlib.import_module(recipe.verb).make).parameters
    words = {"shards": "--shards", "earlier": "--from", "file": "--file"}
    if unknown := [words[option] for option in told if option not in takes]:
        raise PipelineError(f"{recipe.kind}/{recipe.name} takes no {unknown[0]}")
    if recipe.kind in settings.MADE_HERE and into != files.ROOT:
        raise PipelineError(f"{recipe.kind}/{recipe.name} lies beside the project's own: it takes no --into")
    making.make(begin(recipe, into), into, **told)


def hand_over(module: str, words: list[str]) -> None:
    """Run a module as the program, with words on its command line."""
    sys.argv = [module, *words]
    runpy.run_module(module, run_name="__main__", alter_sys=True)


def begin(recipe: Recipe, root: Path = files.ROOT) -> Recipe:
    """A recipe for this process alone to make below `root`, from what its inputs and sources are now.

    Ends this process where nothing is wrong with the evidence but what follows from what was played, which is written anew.

    Raises:
        PipelineError: what it is made from cannot be had.
    """
    fetch_published(recipe)
    claim(recipe, root)
    if fingerprints.derive_again(recipe, root):
        sys.exit()
    begun = fingerprints.depends(recipe, root)
    return replace(recipe, begun={**begun, **machines.of(begun)})


def fetch_published(recipe: Recipe) -> None:
    """Have the published checkpoints that a run plays lie in `checkpoints/`, since its evidence names their bytes; of a
    published dataset that it learns from, see that it is here.

    Raises:
        PipelineError: one cannot be had.
    """
    for data in recipes.DATASETS.keys() & set(recipes.datasets(recipe.run)):
        path = files.ROOT / "data" / f"{data}.hdf5"
        if recipe.kind == "training" and not (path.exists() and recipes.DATASETS[data].path().exists()):
            raise PipelineError(
                f"{path} or what is known of it is missing: `python -m pipeline make datasets/{data}` fetches it"
            )
    wanted = {name.split("/")[1] for name in recipe.inputs if name.startswith("checkpoints/hub_")}
    if wanted:
        from pipeline.hub import published  # only now: the rest of the pipeline needs no hub

        for name in sorted(wanted):
            published.ensure(name)


def claim(recipe: Recipe, root: Path = files.ROOT) -> None:
    """Be the only process that makes this evidence, until this process ends.

    Waits for another one that does, and ends this process, well, when the evidence holds by then. The lock is the
    kernel's: no crash leaves it behind. The locked file says what the work was begun from; work begun from something else, by
    a process that was killed, is thrown away.
    """
    path = lock_of(recipe, root)
    waited = lock(path, f"{recipe.kind}/{recipe.name} is being made by another process: waiting for it")
    if waited and fingerprints.stale(recipe, root) is None:
        sys.exit()
    begin_work(recipe, root)


def lock_of(recipe: Recipe, root: Path = files.ROOT) -> Path:
    """The file whose lock is held by whoever makes this evidence."""
    return records.workshop(root).parent / "locks" / f"{recipe.kind}_{recipe.name}"


def begin_work(recipe: Recipe, root: Path = files.ROOT) -> None:
    """Throw away work that was begun from something else; the lock is held."""
    path, begun_from = lock_of(recipe, root), records.fingerprint(recipe, root)
    if path.read_text(encoding="utf-8") != begun_from:
        for left in recipe.progress(root):
            files.remove(left)
        path.write_text(begun_from)


def lock(path: Path, message: str) -> bool:
    """Hold a file's lock until this process ends; returns whether it had to wait, after saying so, for another process."""
    if path in LOCKS:
        return False
    path.parent.mkdir(parents=True, exist_ok=True)
    LOCKS[path] = open(path, "a", encoding="utf-8")  # noqa: SIM115 - closed by the end of the process
    try:
        locked = processes.take_lock(LOCKS[path], fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        print(message, file=sys.stderr, flush=True)
        return processes.take_lock(LOCKS[path], fcntl.LOCK_EX)
    if not locked:
        print(f"{path} is on a file system without locks: let nothing else make the same meanwhile", file=sys.stderr)
    return False


def end_with_parent() -> None:
    """End this process when the one that `PARENT` names ends, however it ends: no orphan goes on writing.

    The kernel does it on Linux; elsewhere an orphan finishes its work, which is whole as any.
    """
    parent = int(os.environ.get(PARENT, os.getppid()))
    if PARENT in os.environ and parent == os.getppid() and sys.platform == "linux":
        parent_death_signal = 1  # PR_SET_PDEATHSIG of prctl(2)
        ctypes.CDLL(None).prctl(parent_death_signal, signal.SIGKILL)
    if not processes.alive(parent):
        sys.exit(f"process {parent}, which wanted this, has ended")


def end_interrupted(*_) -> NoReturn:
    """End this process at once, as a shell expects of an interrupted one, after one sentence; a handler of SIGINT."""
    print("interrupted; finished parts are kept, the same command goes on from there", file=sys.stderr)
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(130)


def run_verb(words: list[str], failed: str, folder: Path = files.ROOT) -> str:
    """Run `python -m <words>` with a checkout's code, in a process that ends with this one; returns what it printed.

    Raises:
        PipelineError: it failed; the message begins with `failed` and ends with the verb's own.
    """
    environment = {**os.environ, PARENT: str(os.getpid())}
    words = [sys.executable, "-m", *words]
    done = subprocess.run(words, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise PipelineError(f"{failed}: {(done.stderr.strip().splitlines() or ['no message'])[-1]}")
    return done.stdout


def run(main: Callable[[], None]) -> None:
    """Call a verb; turn errors a user can mend into one sentence and exit code 1."""
    warnings.filterwarnings("ignore", category=DeprecationWarning)
    sys.stdout.reconfigure(errors="backslashreplace")  # where the terminal's encoding lacks a letter
    end_with_parent()
    try:
        main()
    except PipelineError as error:
        sys.exit(f"error: {error}")
    except OSError as error:
        sys.exit(f"error: {error.filename or 'the system'}: {error.strerror or error}")
    except KeyboardInterrupt:
        end_interrupted()

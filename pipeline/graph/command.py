"""The verbs' command lines: a run's name, a few options, and errors as one sentence."""

from __future__ import annotations

import argparse
import ctypes
import fcntl
import os
import runpy
import signal
import subprocess
import sys
import warnings
from collections.abc import Callable, Iterable
from dataclasses import replace
from difflib import get_close_matches
from pathlib import Path
from typing import NoReturn

from pipeline import PipelineError, files
from pipeline.evidence import fingerprints, machines, processes, recipes, records
from pipeline.evidence.records import Recipe
from pipeline.graph import settings
from pipeline.study import runs

PARENT = "PIPELINE_PARENT"  # environment variable: the process that a verb shall not outlive
LOCKS = {}  # open files by path, whose locks end with this process


class Parser(argparse.ArgumentParser):
    """A parser of a run's name, the source whose run is meant, the dataset that it is to stand on, and fields to set."""

    registry: dict[str, Recipe]

    def parse_args(self, *words, **options) -> argparse.Namespace:
        """As usual, the name ending up as a run's own: with `--source hub` that of the hub's twin, with `--data` that of the
        same run on another dataset, with `--set` that of the same run with other fields, which is entered into the registry.

        A run that another verb makes is handed to that verb: `collect d4rl-halfcheetah-medium-v2` fetches.
        """
        seen, _ = self.parse_known_args(*words, **options)
        hand_over(self.registry, self.own_name(seen))
        arguments = super().parse_args(*words, **options)
        arguments.name = self.own_name(arguments)
        if arguments.settings:
            changed = settings.change(known(arguments.name, self.registry), arguments.settings)
            self.registry[changed.name] = changed
            arguments.name = changed.name
            if getattr(arguments, "into", None) == files.ROOT:
                arguments.into = settings.TRIED
        return arguments

    def own_name(self, arguments: argparse.Namespace) -> str:
        """The name of the run that is meant; Minari's identifiers (mujoco/halfcheetah/medium-v0) are known too."""
        name, data = own(arguments.name), getattr(arguments, "data", None)
        if arguments.source:
            name = f"{arguments.source}_{name.removeprefix('local_').removeprefix('hub_')}"
        return f"{name}{runs.ON}{own(data)}" if data else name


def identifiers() -> dict[str, str]:
    """This project's name of each of Minari's datasets that it knows, by its identifier there."""
    return {recipe.run.identifier: name for name, recipe in recipes.COLLECTIONS.items() if hasattr(recipe.run, "identifier")}


def own(name: str) -> str:
    """This project's name of what was asked for; an unknown identifier of Minari's, which has slashes, stays as it is."""
    return identifiers().get(name, name if "/" in name else name.replace("-", "_"))


def hand_over(registry: dict[str, Recipe], name: str) -> None:
    """Run the verb that makes a run, in this one's place, where it is another one."""
    running = getattr(sys.modules["__main__"].__spec__, "name", None)
    verbs = {recipe.verb for recipe in registry.values()}
    if name in registry and running in verbs - {registry[name].verb}:
        runpy.run_module(registry[name].verb, run_name="__main__", alter_sys=True)
        sys.exit()


def parser(description: str, names: Iterable[str]) -> argparse.ArgumentParser:
    """A parser that takes the name of one run and says which names there are; of recipes by name it also offers `--data`."""
    made = Parser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    made.registry = names if isinstance(names, dict) else {}
    made.epilog = "runs:\n" + "\n".join(f"  {name}" for name in names)
    made.add_argument("name", help="which run, by name (below)")
    if any(map(recipes.stands_on_one_dataset, made.registry.values())):
        known = ", ".join(recipes.COLLECTIONS)
        made.add_argument("--data", help=f"the same on another dataset, under a name of its own: {known}")
    made.add_argument(
        "--set",
        metavar="FIELD=VALUE",
        action="append",
        default=[],
        dest="settings",
        help="a field of the run, for a throw-away run of its own name, apart from results/; may be given again",
    )
    made.add_argument(
        "--source", choices=recipes.SOURCES, help="the run of that source: trained here, or published (default: as named)"
    )
    return made


def known(name: str, registry: dict[str, Recipe]) -> Recipe:
    """The recipe of that name.

    Raises:
        PipelineError: there is none; the sentence names the nearest.
    """
    base, _, data = name.partition(runs.ON)
    for each in (base, data):
        if "/" in each:
            raise PipelineError(f"Minari's dataset {each!r} is not known here; known: {', '.join(identifiers())}")
    if name in registry:
        return registry[name]
    if base not in registry:
        near = get_close_matches(base, registry, n=1)
        hint = f"did you mean {near[0]}?" if near else f"known: {', '.join(registry)}"
        raise PipelineError(f"there is no run named {base!r}; {hint}")
    return recipes.on_dataset(registry[base], data) if data else registry[base]


def find(name: str, registry: dict[str, Recipe], root: Path = files.ROOT) -> Recipe:
    """The recipe of that name, for this process alone to make below `root`, from what its inputs and sources are now.

    Raises:
        PipelineError: there is none; the sentence names the nearest.
    """
    recipe = known(name, registry)
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
    path = records.workshop(root).parent / "locks" / f"{recipe.kind}_{recipe.name}"
    waited = lock(path, f"{recipe.kind}/{recipe.name} is being made by another process: waiting for it")
    if waited and fingerprints.stale(recipe, root) is None:
        sys.exit()
    begun_from = records.fingerprint(recipe, root)
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

"""The door for other people's policies: a file, played in a world, becomes a run of its own apart from the evidence."""

from __future__ import annotations

import math
import os
import re
from collections.abc import Sequence
from pathlib import Path

from pipeline import PipelineError, files
from pipeline.evidence import recipes, records
from pipeline.evidence.records import Recipe
from pipeline.graph import command, making
from pipeline.graph.settings import LONGEST
from pipeline.show import ranking
from pipeline.show.tabulate import interval
from pipeline.study.own import FORMATS, OwnEvaluation
from pipeline.worlds.world import WORLDS, family

LOAD = "load"  # the function of a .py file, where none is named
KNOWN = "FILE.py:load, FILE.zip (Stable-Baselines3), FILE.onnx or FILE.pt (TorchScript)"


def evaluate(told: str, world: str, into: Path, reads: Sequence[Path] = (), name: str | None = None, **asked) -> Path:
    """Play and time a policy, write its evidence and the table it stands in, and print both; returns the evidence's path.

    Args:
        told: the file, of Python with its function after a colon.
        world: by its identifier, or its family's name.
        into: the folder below which results are written.
        reads: other files that decide what the policy does.
        name: of the run; by default it follows from file, world and target return.
        asked: episodes, first_seed, target_return.

    Raises:
        PipelineError: one of them cannot be used, or the policy fails.
    """
    into = Path(into)
    check_apart(into)
    recipe = recipe_of(told, world, reads, name, **asked)
    check_own(recipe, into)
    making.make(command.begin(recipe, into), into)
    path = recipe.path(into)
    say(path, into, recipe.run.environment)
    return path


def say(path: Path, into: Path, world: str) -> None:
    """Print what was found, and the table."""
    values, place = records.read(path)["values"], ranking.write(into, world)
    score = interval(values, "score")
    print(ranking.table(into, world))
    print(f"score {score}, return {interval(values, 'return', 0)} over {values['episodes']} episodes;")
    if values["episodes"] == 1:
        print("one episode has no interval: what looks like one is the episode itself;")
    print(f"{values['latency']['median_ms']:.3f} ms an action, median of {values['latency']['actions']} on this machine;")
    print(f"in {os.path.relpath(path)}; the table in {os.path.relpath(place)}")


def recipe_of(
    told: str,
    world: str,
    reads: Sequence[Path] = (),
    name: str | None = None,
    target_return: float | None = None,
    **asked: int,
) -> Recipe:
    """How the evidence of a policy in a file is made.

    Args:
        told: the file, of Python with its function after a colon.
        world: by its identifier, or its family's name.
        reads: other files that decide what the policy does.
        name: of the run; by default it follows from file, world and target return.
        target_return: what a function of Python finds as `run.target_return`.
        asked: episodes, first_seed.

    Raises:
        PipelineError: the file is missing or of no kind that is known, or no such target return can be told to it.
    """
    path, function = parted(told)
    method = FORMATS.get(path.suffix)
    if method is None:
        raise PipelineError(f"{told} is no policy that can be read: {KNOWN}; pickles are not loaded")
    for each in (path, *reads):
        if not Path(each).is_file():
            raise PipelineError(f"{each} is {'no file' if Path(each).exists() else 'missing'}")
    if target_return is not None and not math.isfinite(target_return):
        raise PipelineError(f"a target return is a finite number, and not {target_return}")
    if target_return is not None and function is None:
        raise PipelineError(f"{told} takes no target return: of files only Python can")
    identifier = find(world)
    function_part = [function] if function not in (LOAD, None) else []
    target_part = [f"target_{target_return:g}"] if target_return is not None else []
    parts = [path.stem, *function_part, family(identifier), *target_part]
    run = OwnEvaluation(
        plain(name or "_".join(parts)),
        method,
        target_return=target_return,
        environment=identifier,
        file=str(path.resolve()),
        function=function,
        reads=tuple(str(Path(each).resolve()) for each in reads),
        **asked,
    )
    return recipes.recipe_of(run)


def parted(told: str) -> tuple[Path, str | None]:
    """The file, and of a Python file the function that returns the policy."""
    file, colon, function = told.rpartition(":")
    if colon and file.endswith(".py"):
        return Path(file), function or LOAD
    return Path(told), LOAD if told.endswith(".py") else None


def plain(name: str) -> str:
    """A name as a run may have it.

    Raises:
        PipelineError: nothing is left of it.
    """
    found = re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_")[:LONGEST]
    if not found:
        raise PipelineError(f"{name!r} has no letter or digit to name a run by: give --name")
    return found


def find(world: str) -> str:
    """The identifier of a world, which may be named by its family alone, in any case.

    Raises:
        PipelineError: it is not known.
    """
    known = {text.lower(): each.identifier for name, each in WORLDS.items() for text in (name, each.identifier)}
    if world.lower() not in known:
        raise PipelineError(f"there is no world {world!r}; known: {', '.join(each.identifier for each in WORLDS.values())}")
    return known[world.lower()]


def check_apart(into: Path) -> None:
    """See that nothing is written among the evidence.

    Raises:
        PipelineError: the results would lie below the project's own.
    """
    place, evidence = (into / "results").resolve(), (files.ROOT / "results").resolve()
    if place == evidence or evidence in place.parents:
        raise PipelineError(f"{into} holds the published evidence, to which no other policies are added: give another --into")


def check_own(recipe: Recipe, into: Path) -> None:
    """See that a result of another file is not overwritten.

    Raises:
        PipelineError: there is one of the same name.
    """
    path = recipe.path(into)
    before = ranking.read(path)
    if before and before["run"].get("file") != recipe.run.file:
        raise PipelineError(f"{path} tells of {before['run'].get('file')}: give this one another --name")

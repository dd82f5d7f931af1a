"""What `distribute` has others make: results as pieces, what stands on what, and what is read.

A piece is a result whole, its first shard, or one shard of several, which who asks joins. What is trained is made in slices of
about a minute: a worker gives back the progress by then, and whoever takes the next slice goes on from there. Nothing here
knows of dask.
"""

from __future__ import annotations

import fnmatch
import functools
import os
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from pipeline import PipelineError, files
from pipeline.evidence import fingerprints, recipes, records
from pipeline.evidence.fingerprints import FOLLOWS
from pipeline.evidence.records import Recipe
from pipeline.graph import command, judging, reproduce, settings

TIMED = ("latency", "memory")  # kinds that are measured by who asks, alone
SLICED = ("training", "suite", "stitching", "luck", "masked")  # kinds of which unfinished work goes from worker to worker
SLICE = 60.0  # seconds after which a worker gives back the next progress that training keeps
BESIDE = ("README.md", "SHA256SUMS")  # in a checkpoint's folder, beside what evidence names
WHOLE, FIRST, JOINED = "whole", "first shard", "joined"


@dataclass(frozen=True)
class Piece:
    """A part of a result: WHOLE, FIRST, the index of a shard, or JOINED from shards; after: the pieces that it stands on."""

    recipe: Recipe
    part: str | int = WHOLE
    after: tuple[str, ...] = ()
    seconds: float = 0.0

    @property
    def name(self) -> str:
        """As it is called in the plan, in sentences and in the names of dask's tasks."""
        return result(self.recipe) + (f", shard {self.part + 1}" if isinstance(self.part, int) else "")

    @property
    def timed(self) -> bool:
        """Whether it is measured by who asks, alone."""
        return self.recipe.kind in TIMED


def result(recipe: Recipe) -> str:
    """A result's name, kind and all."""
    return f"{recipe.kind}/{recipe.name}"


@functools.cache
def distributable() -> dict[str, Recipe]:
    """All that can be made so, as kind/name: what is made from checkpoints, pictures, and what learns from a dataset."""
    made = (recipe for source in recipes.SOURCES for recipe in reproduce.everything(source))
    learned = (recipe for recipe in recipes.known().values() if recipe.kind in SLICED and recipes.datasets(recipe.run))
    return {result(recipe): recipe for recipe in (*made, *learned)}


def match(pattern: str) -> list[Recipe]:
    """The recipes of a name, as `command.resolve` takes it, or of a pattern such as `suite/hopper_*`.

    Raises:
        PipelineError: there is none.
    """
    if not set("*?[") & set(pattern):
        return [command.resolve(pattern)]
    known = recipes.known()
    if found := fnmatch.filter(known, pattern):
        return [known[name] for name in found]
    raise PipelineError(f"there is no result that {pattern!r} matches; `python -m pipeline list` says what there is")


def choose(found: Iterable[Recipe], into: Path = files.ROOT) -> list[Recipe]:
    """The recipes asked for by name; without any, all that stands on what is here.

    Raises:
        PipelineError: one cannot be made so, or not below that folder.
    """
    asked, known = list(found), distributable()
    for recipe in asked:
        if result(recipe) not in known:
            raise PipelineError(
                f"{result(recipe)} is not made in pieces, for it is collected, fetched, or learns from no dataset: "
                f"`python -m pipeline make {result(recipe)}` makes it"
            )
        if recipe.kind in settings.MADE_HERE and into != files.ROOT:
            raise PipelineError(f"{result(recipe)} lies beside the project's own: it takes no --into")
    return asked or reproduce.everything("local")


def shard_count(recipe: Recipe) -> int:
    """How many shards a result's episodes make."""
    return -(-recipe.run.episodes // recipe.run.shard_episodes)


def in_shards(recipe: Recipe, every: bool) -> bool:
    """Whether each of a result's shards is a piece of its own: only where it is long."""
    return every and not reproduce.in_whole(recipe, False) and shard_count(recipe) > 1


def wanted_episodes(recipe: Recipe, every: bool) -> int | None:
    """How many episodes a result is to hold; None for what has none."""
    if recipe.kind not in judging.IN_SHARDS:
        return None
    return recipe.run.episodes if reproduce.in_whole(recipe, every) else min(recipe.run.shard_episodes, recipe.run.episodes)


def holds(recipe: Recipe, into: Path, every: bool) -> bool:
    """Whether a result is there already, with as many episodes as are wanted."""
    if fingerprints.stale(recipe, into) is not None:
        return False
    wanted = wanted_episodes(recipe, every)
    return wanted is None or records.read(recipe.path(into))["values"]["episodes"] >= wanted


def stands_on(recipe: Recipe, into: Path, known: dict[str, Recipe]) -> list[Recipe]:
    """The results that a recipe reads where others of the same plan are written."""
    if fingerprints.source_of_inputs(recipe, into) != into:
        return []
    read = (name.removeprefix("results/").rpartition(".")[0] for name in recipe.inputs if name.startswith("results/"))
    played = (f"training/{name.split('/')[1]}" for name in recipe.inputs if name.startswith("checkpoints/"))
    return [known[name] for name in dict.fromkeys((*read, *played)) if name in known]


def plan(wanted: Iterable[Recipe], into: Path, every: bool) -> dict[str, Piece]:
    """What is to be made, by name, each piece after those that it stands on; what holds is left out.

    Args:
        wanted: the results asked for; what they stand on is made too, where it does not hold.
        into: the folder below which `results/` is written.
        every: whether all episodes are played.
    """
    found: dict[str, Piece] = {}
    wanted, settled = list(wanted), set()
    # what takes hours is made where it is asked for by name alone
    known = {name: recipe for name, recipe in distributable().items() if recipe.kind not in SLICED or recipe in wanted}

    def add(recipe: Recipe) -> None:
        if result(recipe) in settled:
            return
        settled.add(result(recipe))
        below = stands_on(recipe, into, known)
        for each in below:
            add(each)
        after = tuple(result(each) for each in below if result(each) in found)
        if after or not holds(recipe, into, every):
            found.update({piece.name: piece for piece in cut(recipe, into, every, after)})

    for recipe in wanted:
        add(recipe)
    return found


def cut(recipe: Recipe, into: Path, every: bool, after: tuple[str, ...]) -> list[Piece]:
    """A result's pieces; shards that were played before are not among them."""
    if not in_shards(recipe, every):
        part = WHOLE if reproduce.in_whole(recipe, every) else FIRST
        return [Piece(recipe, part, after, reproduce.cost(recipe, every))]
    count = shard_count(recipe)
    left = [index for index in range(count) if not kept_shard(recipe, index, into).exists()]
    shards = [Piece(recipe, index, after, recipe.seconds / count) for index in left]
    return [*shards, Piece(recipe, JOINED, (*after, *(shard.name for shard in shards)))]


def kept_shard(recipe: Recipe, index: int, into: Path) -> Path:
    """Where a verb keeps a finished shard."""
    return recipe.work(into) / f"shard_{index:03}.json"


class Order:
    """Which pieces can be begun: `free` names them, in the plan's order, as those that they stand on are done."""

    def __init__(self, plan: dict[str, Piece]):
        """Take a plan, in which each piece comes after those that it stands on."""
        self.left = {name: len(piece.after) for name, piece in plan.items()}  # of those that it stands on, not done yet
        self.upon: dict[str, list[str]] = {name: [] for name in plan}
        for name, piece in plan.items():
            for each in piece.after:
                self.upon[each].append(name)
        self.free = deque(name for name, count in self.left.items() if not count)

    def settle(self, name: str, failed: dict[str, str]) -> None:
        """A piece has ended: free what stands on it, or enter that among the failed, by name with why, where it is one."""
        ended = [name]
        while ended:
            below = ended.pop()
            for each in self.upon[below]:
                self.left[each] -= 1
                if below in failed and each not in failed:
                    failed[each] = f"not made, for it stands on {below}"
                    ended.append(each)
                elif not self.left[each] and each not in failed:
                    self.free.append(each)


def reads(recipe: Recipe, into: Path) -> dict[str, Path]:
    """The files that a result is made from, by name, where they are; of a checkpoint all, with its training's evidence; of what
    pools and compares, those of the pools too.

    Raises:
        PipelineError: one is missing.
    """
    base, names = fingerprints.source_of_inputs(recipe, into), dict.fromkeys(recipe.inputs)
    for below in stands_on(recipe, into, distributable()) if recipe.kind in FOLLOWS else ():
        names |= dict.fromkeys(reads(below, into) if below.kind in FOLLOWS else ())
    for folder in {Path(name).parent for name in recipe.inputs if name.startswith("checkpoints/")}:
        if folder.name != "contexts":
            beside = (path for path in (base / folder).glob("*") if path.is_file() and not path.name.startswith("."))
            names |= dict.fromkeys(f"{folder}/{path.name}" for path in sorted(beside))
            trained = f"results/training/{folder.name}.json"
            names |= {trained: None} if (base / trained).is_file() else {}
    if recipe.kind in SLICED:
        names |= dict.fromkeys(f"data/{data}.hdf5" for data in recipes.datasets(recipe.run))
    for name in names:
        if not (base / name).is_file():
            log = name.startswith("data/") and Path(name).stem
            cure = f": `python -m pipeline make datasets/{log}` makes it" if log else ""
            raise PipelineError(f"{result(recipe)} reads {base / name}, which is missing{cure}")
    return {name: base / name for name in names}


def progress(recipe: Recipe, into: Path) -> dict[str, Path]:
    """The files of unfinished work on what is made in slices, by name below `build/`, or below `into`; of others, none.

    They may come and go while it is asked.
    """
    base, places = workshop(recipe, into), recipe.progress(into) if recipe.kind in SLICED else []
    below = (Path(folder, name) for place in places for folder, _, names in os.walk(place) for name in names)
    found = (path for path in (*places, *below) if path.is_file() and not path.name.startswith("."))
    return {path.relative_to(base).as_posix(): path for path in found}


def workshop(recipe: Recipe, into: Path) -> Path:
    """The folder that unfinished work on a result lies below."""
    return records.workshop(files.ROOT if recipe.kind in settings.MADE_HERE else into).parent


def asked(piece: Piece, made: dict, sums: dict[str, str], kept: dict[str, str] | None = None) -> dict:
    """What a worker is told, as JSON could say it.

    Args:
        piece: what is wanted.
        made: what it depends on.
        sums: sha256 of the files that it reads, by name.
        kept: of those of unfinished work that it goes on with, by name below the workshop.
    """
    recipe, slices = piece.recipe, {"seconds": SLICE} if piece.recipe.kind in SLICED else {}
    told = {"result": result(recipe), "part": piece.part, "run": records.fields(recipe.run), "made": made, "reads": sums}
    places = {"below": recipe.kind in FOLLOWS, "here": recipe.kind in settings.MADE_HERE}
    return {**told, **places, "kept": kept or {}, **slices}


def beside(recipe: Recipe) -> tuple[str, ...]:
    """What else lies in the folder of a checkpoint that was trained, by name; the sums last."""
    return tuple(f"checkpoints/{recipe.name}/{name}" for name in BESIDE) if recipe.kind == "training" else ()


def evidence(recipe: Recipe) -> str:
    """Where a result's evidence lies, from the folder it is written below."""
    return f"results/{result(recipe)}.json"

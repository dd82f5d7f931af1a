"""Train a Trajectory Transformer on a dataset, or train a committed one further.

    python -m pipeline make training/local_tt_halfcheetah
    python -m pipeline make training/local_tt_halfcheetah --from local_tt_halfcheetah

A killed run resumes, with the same options, at its last interval. `--from` begins with the weights and the bins of a
checkpoint, with a warm-up and a decay of its own, and what the run calls `further_`; the tokens seen add up, in the curve too.
The optimizer's moments are not in git, so they begin anew.
"""

from __future__ import annotations

from dataclasses import asdict, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline import files
from pipeline.evidence import checkpoints, recipes, records
from pipeline.evidence.records import Found, Recipe
from pipeline.learning import loop, seen
from pipeline.methods.trajectory_transformer.train import facts, prepare, read
from pipeline.study import runs

if TYPE_CHECKING:
    from pipeline.methods.trajectory_transformer.settings import TrajectoryTransformerTraining


def going_on(run: TrajectoryTransformerTraining):
    """The run as `--from` goes on with it: where there is a field `further_x`, it stands for `x`."""
    further = {field.name: getattr(run, runs.FURTHER + field.name, None) for field in fields(run)}
    return replace(run, **{name: value for name, value in further.items() if value is not None})


def beginning(recipe: Recipe, earlier: str | None) -> tuple[str | None, Path]:
    """What the training begins from, in words, and the file its progress is kept in, which is another for each beginning."""
    if earlier is None:
        return None, loop.progress(recipe.name)
    folder = files.ROOT / "checkpoints" / earlier
    checkpoints.verify(folder)
    begun_from = f"{earlier}, sha256 {files.sha256(folder / 'model.safetensors')}"
    digest = records.values_digest([records.fingerprint(recipe), begun_from])
    return begun_from, files.ROOT / "build" / "further" / f"{recipe.name}_{digest[:12]}.safetensors"


def curve_before(earlier: str | None, tokens_seen: int) -> list[dict]:
    """The curve by which a checkpoint that has seen so many tokens came to be, empty where its evidence is not of that one."""
    recipe = recipes.TRAJECTORY_TRAININGS.get(earlier)
    if recipe is None or not recipe.path().exists():
        return []
    values = records.read(recipe.path())["values"]
    return values["curve"] if values["tokens_seen"] == tokens_seen else []


def make(recipe: Recipe, into: Path = files.ROOT, earlier: str | None = None) -> Found:
    """The curve of a model trained from nothing, or on from the checkpoint `earlier`; bins and checkpoint are written."""
    run = going_on(recipe.run) if earlier else recipe.run
    begun_from, saved = beginning(recipe, earlier)
    training = prepare(run, read(run), earlier)
    seen.refuse_lesser_training(replace(recipe, run=run), earlier)  # now that another architecture was refused
    values = loop.values(training, loop.train(run, training, saved))
    config = training.model().config
    config.training = asdict(recipe.run)
    before = config.tokens_seen - run.updates * run.batch_size * config.block_size
    curve = curve_before(earlier, before) + values["curve"]
    values |= {"tokens_seen_before": before, "begun_from": begun_from, "curve": curve}
    return loop.finish(recipe, training, values, facts(recipe.run, values))._replace(left=(saved,))

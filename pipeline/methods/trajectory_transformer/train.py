"""How a Trajectory Transformer is trained: on windows of a dataset's tokens, from nothing or from a checkpoint on."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import TYPE_CHECKING

import numpy as np
import torch

from pipeline import PipelineError, files
from pipeline.data.episodes import Episodes
from pipeline.evidence import checkpoints
from pipeline.learning import descent, loop
from pipeline.learning.datasets import whole_dataset as read  # noqa: F401 - what `prepare` learns from
from pipeline.learning.held_out import split
from pipeline.learning.loop import Tick, Training
from pipeline.methods.trajectory_transformer import discretization
from pipeline.methods.trajectory_transformer import model as trajectory_transformer
from pipeline.methods.trajectory_transformer.discretization import QuantileDiscretizer
from pipeline.methods.trajectory_transformer.model import KINDS, Batches, TrajectoryTransformerModel
from pipeline.study import runs

if TYPE_CHECKING:
    from pipeline.methods.trajectory_transformer.settings import TrajectoryTransformerTraining

HELD_OUT_SEED = 2**31
HELD_OUT_BATCHES = 8
HELD_OUT_WINDOWS = 32


def begin(
    run: TrajectoryTransformerTraining, learn: Episodes, earlier: str | None
) -> tuple[TrajectoryTransformerModel, QuantileDiscretizer]:
    """First weights and bins made from the data, or both of an earlier checkpoint.

    Raises:
        CheckpointError: the earlier checkpoint cannot be used.
        PipelineError: it has another architecture.
    """
    torch.manual_seed(run.seed)
    model = trajectory_transformer.build(run, learn)
    if earlier is None:
        return model, discretization.fit(discretization.columns(learn), run.bins)
    known = checkpoints.load(earlier, TrajectoryTransformerModel)
    shapes, known_shapes = ({name: tuple(w.shape) for name, w in m.state_dict().items()} for m in (model, known))
    if shapes != known_shapes:
        other = next(name for name in sorted(shapes | known_shapes) if shapes.get(name) != known_shapes.get(name))
        raise PipelineError(
            f"{earlier} has another architecture than {run.name}: {other} is {known_shapes.get(other)}, not {shapes.get(other)}"
        )
    model.load_state_dict(known.state_dict())
    model.config.tokens_seen = known.config.tokens_seen
    saved = files.ROOT / "checkpoints" / earlier / discretization.FILE
    return model, discretization.read(saved, run.bins, model.config.transition_dim)


def prepare(run: TrajectoryTransformerTraining, whole: Episodes, earlier: str | None = None) -> Training:
    """A model that is new, or an earlier checkpoint's; held out is the mean cross-entropy of each kind of token."""
    learn, held_out = split(whole, run)
    model, discretizer = begin(run, learn, earlier)
    model.to(descent.DEVICE)
    batches, unseen = Batches(learn, run, discretizer), Batches(held_out, run, discretizer)
    optimizers = {f"optimizer_{number}": each for number, each in enumerate(trajectory_transformer.make_optimizers(model, run))}
    dtype, told = getattr(torch, run.precision), ("tokens_seen", "loss", *(f"held_out_{kind}" for kind in KINDS))

    def draw(source: Batches, generator: np.random.Generator, size: int) -> dict:
        return {name: tensor.to(model.device) for name, tensor in source.draw(generator, size).items()}

    def loss(generator: np.random.Generator) -> torch.Tensor:
        with torch.autocast(model.device.type, dtype, enabled=dtype != torch.float32):
            return trajectory_transformer.loss(model, draw(batches, generator, run.batch_size))

    def measure() -> dict[str, float]:
        generator = np.random.default_rng(HELD_OUT_SEED)
        found = [
            trajectory_transformer.losses_by_kind(model, draw(unseen, generator, HELD_OUT_WINDOWS))
            for _ in range(HELD_OUT_BATCHES)
        ]
        return {f"held_out_{kind}": float(np.mean([losses[kind] for losses in found])) for kind in KINDS}

    further = replace(run, seed=run.seed + model.config.tokens_seen)  # windows are drawn anew, not those of before once more
    training = descent.training(further, model, optimizers, loss, measure, told)
    training = training._replace(beside=lambda folder: discretization.write(folder / discretization.FILE, discretizer))
    return counting(run, training, model)


def counting(run: TrajectoryTransformerTraining, training: Training, model: TrajectoryTransformerModel) -> Training:
    """The same training; its curve and, at its end, its model tell the tokens seen."""
    tokens_before, tokens_each = model.config.tokens_seen, run.batch_size * model.config.block_size

    def interval(number: int, tick: Tick) -> dict[str, float]:
        point = training.interval(number, tick)
        return {"tokens_seen": tokens_before + point["updates"] * tokens_each, **point}

    def trained() -> TrajectoryTransformerModel:
        model.config.tokens_seen = tokens_before + run.updates * tokens_each
        return training.model()

    return training._replace(interval=interval, model=trained, seen={})


def facts(run: TrajectoryTransformerTraining, values: dict) -> dict[str, str]:
    """What the checkpoint's card says, by title."""
    begun = f", of which {values['tokens_seen_before']:,} by {values['begun_from']}" if values.get("begun_from") else ""
    entropies = ", ".join(f"{kind} {values[f'held_out_{kind}']:.3f}" for kind in KINDS)
    untold = [] if begun else [field.name for field in fields(run) if field.name.startswith(runs.FURTHER)]
    return {
        "Model": f"Trajectory Transformer, {values['parameters']:,} parameters",
        "Data": f"{run.data}, less {run.held_out_episodes} held-out episodes",
        "Recipe": loop.settings(run, *untold),
        "Tokens seen": f"{values['tokens_seen']:,}{begun}",
        "Held-out cross-entropy": f"{entropies} nats a token; by chance {np.log(run.bins):.3f}",
    }

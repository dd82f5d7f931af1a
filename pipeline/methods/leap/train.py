"""How LEAP, or a rival that sees the same, is trained on the demonstrations of all levels.

One model learns all levels. A batch takes level, episode and first step at random; the actions from there on, as many as the
level's plans have, are learnt by the whole pseudo-likelihood: each is masked once, alone, and guessed from the others. What is
seen is encoded once for all of these. A causal model learns windows of its full length on every level, each action from what
came before; cloning learns the first action alone.
"""

from __future__ import annotations

from dataclasses import asdict, fields
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from pipeline import PipelineError, files
from pipeline.data import demonstrations
from pipeline.data.demonstrations import Demonstrations
from pipeline.evidence import recipes, records
from pipeline.learning import descent, loop
from pipeline.learning.held_out import check_size, split
from pipeline.learning.loop import Training
from pipeline.methods.leap.grid_cloning import GridCloningConfig, GridCloningModel
from pipeline.methods.leap.model import PAD, LeapConfig, LeapModel, conditional_logits
from pipeline.worlds import levels
from pipeline.worlds.levels import Views

if TYPE_CHECKING:
    from pipeline.methods.leap.settings import LeapTraining

LONGEST = max(level.horizon for level in levels.LEVELS.values())  # actions of a plan
HELD_OUT_SEED = 2**31
HELD_OUT_WINDOWS = 256  # of each level
MODELS = {"leap": (LeapConfig, LeapModel), "grid_cloning": (GridCloningConfig, GridCloningModel)}


class Windows(NamedTuple):
    """Actions (batch, step) int64 that follow one another in an episode, PAD after its end; and the views before the first of
    each (batch,), or before all (batch · step,), the last one repeated after the end.
    """

    views: Views
    actions: np.ndarray


class Drawer:
    """Windows of one level as published: an episode at random, then its first step at random."""

    def __init__(self, whole: Demonstrations, run: LeapTraining):
        """Prepare demonstrations; a causal model is shown the view before each action, any other before the first alone."""
        self.whole = whole
        self.horizon = LONGEST if run.causal else levels.find(whole.level).horizon
        self.seen = self.horizon if run.causal else 1
        self.last = np.flatnonzero(whole.ends)
        self.first = self.last - whole.lengths + 1

    def draw(self, generator: np.random.Generator, size: int) -> Windows:
        """`size` windows."""
        episode = generator.integers(len(self.last), size=size)
        start = generator.integers(self.first[episode], self.last[episode] + 1)
        step = start[:, None] + np.arange(self.horizon)
        inside = step <= self.last[episode, None]
        step = np.minimum(step, self.last[episode, None])
        actions = np.where(inside, self.whole.actions[step], PAD)
        return Windows(self.whole.views[step[:, : self.seen].ravel()], actions)


def draw(drawers: list[Drawer], generator: np.random.Generator, size: int) -> list[Windows]:
    """`size` windows, each of a level at random; those of one horizon together."""
    counts = generator.multinomial(size, [1 / len(drawers)] * len(drawers))
    drawn = [(drawer.horizon, drawer.draw(generator, count)) for drawer, count in zip(drawers, counts, strict=True) if count]
    return [
        join([windows for length, windows in drawn if length == horizon]) for horizon in sorted({pair[0] for pair in drawn})
    ]


def join(parts: list[Windows]) -> Windows:
    """Windows of one horizon, one after the other."""
    views = Views(*(np.concatenate([getattr(part.views, field.name) for part in parts]) for field in fields(Views)))
    return Windows(views, np.concatenate([part.actions for part in parts]))


def predict(model, windows: Windows) -> tuple[Tensor, Tensor]:
    """Logits (batch, step, 6) of a model's guesses, and the actions (batch, step) it guesses: of cloning, the first alone."""
    actions = torch.from_numpy(windows.actions).to(model.device)
    if isinstance(model, GridCloningModel):
        return model(windows.views)[:, None], actions[:, :1]
    context = model.encode(windows.views)
    if model.config.causal:
        context = context.view(*actions.shape, -1)
    return conditional_logits(model, context, actions), actions


def loss(model, batch: list[Windows]) -> Tensor:
    """Mean of -log p over the actions guessed, in nats: the pseudo-likelihood's energy, divided by the number of actions."""
    with torch.autocast(model.device.type, torch.bfloat16):
        predicted = [predict(model, windows) for windows in batch]
    logits = torch.cat([logits.flatten(0, 1) for logits, _ in predicted])
    return functional.cross_entropy(
        logits.float(), torch.cat([actions.flatten() for _, actions in predicted]), ignore_index=PAD
    )


def measure(model, held_out: dict[str, Windows]) -> dict[str, float]:
    """Loss and accuracy on windows never trained on: over all levels, each counting the same, then of each level."""
    figures = {}
    for level, windows in held_out.items():
        logits, actions = predict(model, windows)
        figures[f"loss_{level}"] = float(functional.cross_entropy(logits.transpose(1, 2), actions, ignore_index=PAD))
        figures[f"accuracy_{level}"] = float((logits.argmax(dim=-1) == actions)[actions != PAD].float().mean())

    def mean(kind: str) -> float:
        return float(np.mean([figures[f"{kind}_{level}"] for level in held_out]))

    return {"held_out_loss": mean("loss"), "held_out_accuracy": mean("accuracy"), **figures}


def build(run: LeapTraining):
    """A new model for a training run."""
    config_class, model_class = MODELS[run.method]
    config = config_class(
        grid_size=levels.SIZE,
        words=len(levels.VOCABULARY) + 1,
        horizon=LONGEST,
        with_goal=run.with_goal,
        causal=run.causal,
        layers=run.layers,
        heads=run.heads,
        hidden_size=run.hidden_size,
        channels=run.channels,
        dropout=run.dropout,
        training=asdict(run),
    )
    return model_class(config)


def prepare(run: LeapTraining, wholes: list[Demonstrations]) -> Training:
    """A new model, trained by AdamW on all levels; measured on as many held-out windows of each."""
    for whole in wholes:
        check_size(run, whole.level, len(whole), int(whole.lengths.max(initial=0)))
    learnt, unseen = zip(*(split(whole, run) for whole in wholes), strict=True)
    drawers = [Drawer(whole, run) for whole in learnt]
    generator = np.random.default_rng(HELD_OUT_SEED)
    held_out = {whole.level: Drawer(whole, run).draw(generator, HELD_OUT_WINDOWS) for whole in unseen}
    torch.manual_seed(run.seed)
    model = build(run)

    def batch_loss(generator: np.random.Generator) -> Tensor:
        return loss(model, draw(drawers, generator, run.batch_size))

    optimizers, told = {"optimizer_0": descent.adamw(run, model)}, ("loss", "held_out_loss", "held_out_accuracy")
    return descent.training(run, model, optimizers, batch_loss, lambda: measure(model, held_out), told)


def read(run: LeapTraining) -> list[Demonstrations]:
    """The demonstrations of a run, each of them the one that its evidence describes."""
    wholes = []
    for name in run.data:
        path, recipe = files.ROOT / "data" / f"{name}.hdf5", recipes.DEMONSTRATIONS[name]
        wholes.append(demonstrations.read(path, recipe.run.level))
        if demonstrations.sha256(wholes[-1]) != records.read(recipe.path())["values"]["arrays_sha256_of_dataset"]:
            described = f"results/datasets/{name}.json describes"
            raise PipelineError(f"{path} does not hold the demonstrations that {described}: collect them again")
    return wholes


def facts(run: LeapTraining, values: dict) -> dict[str, str]:
    """What the checkpoint's card says, by title."""
    last = {key.removeprefix("accuracy_"): value for key, value in values["curve"][-1].items() if key.startswith("accuracy_")}
    return {
        "Model": f"{run.method.replace('_', ' ')}, {values['parameters']:,} parameters",
        "Data": f"{', '.join(run.data)}, each less {run.held_out_episodes} held-out episodes",
        "Recipe": loop.settings(run),
        "Held-out accuracy": ", ".join(f"{level} {value:.3f}" for level, value in last.items()),
    }

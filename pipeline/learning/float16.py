"""Results of a training whose weights are kept in float16, in half the space.

They are trained in float32. Both losses on held-out data are in the evidence, which also says on what device it was made.
"""

from __future__ import annotations

from pathlib import Path

import safetensors.torch
import torch

from pipeline import files
from pipeline.evidence import checkpoints
from pipeline.evidence.records import Found, Recipe
from pipeline.learning import loop
from pipeline.learning.loop import Training


def device() -> str:
    """What the training runs on, by its own name where it is a GPU."""
    return torch.cuda.get_device_name(0) if torch.cuda.is_available() else "CPU"


def halved(model: torch.nn.Module) -> torch.nn.Module:
    """The model with every weight rounded to float16, in place, still in float32."""
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(parameter.half().float())
    return model


def write_halved(folder: Path, model: torch.nn.Module, card: str) -> None:
    """Write a checkpoint whose weights lie in float16; its configuration says float32, so that they are loaded as that."""
    checkpoints.write_model(folder, model, card)
    weights = {name: tensor.half().contiguous() for name, tensor in model.state_dict().items()}
    files.write_bytes(folder / "model.safetensors", safetensors.torch.save(weights, {"format": "pt"}))
    checkpoints.write_sums(folder)


def about() -> dict[str, str]:
    """What the card of such a checkpoint says beside its method's facts."""
    return {"Trained on": device(), "Weights": "trained in float32, kept in float16"}


def finish(recipe: Recipe, training: Training, values: dict, facts: dict[str, str]) -> Found:
    """As `loop.finish`; the figures on held-out data, measured again, are those of one loss, or of several by kind."""
    halved(training.model())
    again = {key.removeprefix("held_out_"): value for key, value in training.measure().items()}
    stored = {"held_out_loss_in_float16": again["loss"]} if "loss" in again else {"held_out_in_float16": again}
    return loop.finish(recipe, training, {**values, **stored}, {**facts, **about()}, write_halved, {"device": device()})

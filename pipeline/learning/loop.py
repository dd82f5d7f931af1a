"""The loop of every training: intervals, progress that a killed run resumes from, a curve, then checkpoint, card and evidence.

Each interval draws from seeds of its own, so that what `Training.state` names and the curve are all there is to keep: a killed
run resumes at its last interval and ends at the same bytes as an undisturbed one.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import torch
from tqdm import tqdm

from pipeline import PipelineError, files
from pipeline.evidence import checkpoints, records
from pipeline.evidence.checkpoints import Tensors
from pipeline.evidence.records import Found, Recipe

if TYPE_CHECKING:
    from pipeline.study import trainings
    from pipeline.study.run import Run

Tick = Callable[[int], object]  # told how many updates, or steps, were taken
Curve = list[dict]  # a point an interval: what was done by then, losses, figures on held-out data


class Training(NamedTuple):
    """What a method brings to the loop, made for one run.

    interval: trains for one, given its number, and returns how far training has come and its mean losses. measure: figures of
    the model as it is now, on data it never learns from. state: everything an interval starts from, as named tensors. restore:
    the inverse of `state`. ended: whether training is over, by its curve. total: how many updates, or steps, there are at
    most. model: what becomes the checkpoint, on the CPU and in `eval` mode. told: what the evidence and the card take from the
    curve's points, beside the curve. seen: what else the evidence tells. unit: what the curve counts. beside: writes into the
    checkpoint's folder what belongs to the weights.
    """

    interval: Callable[[int, Tick], dict]
    measure: Callable[[], dict]
    state: Callable[[], Tensors]
    restore: Callable[[Tensors], None]
    ended: Callable[[Curve], bool]
    total: int
    model: Callable[[], torch.nn.Module]
    told: tuple[str, ...]
    seen: dict
    unit: str = "updates"
    beside: Callable[[Path], object] = lambda folder: None


def progress(name: str) -> Path:
    """The file that keeps the progress of a training of that name."""
    return files.ROOT / "build" / "training" / f"{name}.safetensors"


def train(run: Run, training: Training, saved: Path) -> Curve:
    """Train to the end, in place, and return the curve: a point after each interval.

    Args:
        run: names the training; progress of another run is not gone on with.
        training: what is done in an interval.
        saved: file that progress is kept in; it is removed when the results are written.

    Raises:
        PipelineError: a loss, or a figure on held-out data, is no longer finite.
    """
    curve, unit = resume(run, training, saved), training.unit
    before = curve[-1][unit] if curve else 0
    with tqdm(total=training.total, initial=before, unit=unit.removesuffix("s"), desc=run.name) as bar:
        while not training.ended(curve):
            curve.append({**training.interval(len(curve), bar.update), **training.measure()})
            figures = {key: value for key, value in curve[-1].items() if isinstance(value, float)}
            if not all(map(math.isfinite, figures.values())):
                raise PipelineError(f"{run.name}: a loss is not finite after {curve[-1][unit]} {unit}; lower the learning rate")
            checkpoints.write_tensors(saved, training.state(), {"run": records.fields(run), "curve": curve})
            bar.set_postfix({key: f"{curve[-1][key]:.4g}" for key in training.told})
    return curve


def resume(run: Run, training: Training, saved: Path) -> Curve:
    """Go back to where this run was when its progress was last kept; the curve by then, empty where it begins."""
    curve: Curve = []
    if saved.exists():
        tensors, kept = checkpoints.read_tensors(saved)
        if kept["run"] == records.fields(run):
            training.restore(tensors)
            curve = kept["curve"]
    return curve


def all_updates(run: trainings.Training, curve: Curve) -> bool:
    """Whether all of a run's updates are done."""
    return bool(curve) and curve[-1]["updates"] >= run.updates


def state(networks: dict[str, torch.nn.Module], optimizers: dict[str, torch.optim.Optimizer]) -> Tensors:
    """Weights of networks and moments of optimizers, each by its name, as `<its name>.<the tensor's name>`."""
    parts = {name: network.state_dict() for name, network in networks.items()}
    parts |= {name: checkpoints.optimizer_tensors(optimizer) for name, optimizer in optimizers.items()}
    return {f"{name}.{key}": tensor for name, tensors in parts.items() for key, tensor in tensors.items()}


def restore(networks: dict[str, torch.nn.Module], optimizers: dict[str, torch.optim.Optimizer], tensors: Tensors) -> None:
    """The inverse of `state`."""
    for name, network in networks.items():
        network.load_state_dict(checkpoints.subset(tensors, f"{name}."))
    for name, optimizer in optimizers.items():
        checkpoints.load_optimizer(optimizer, checkpoints.subset(tensors, f"{name}."))


def keeping(networks: dict[str, torch.nn.Module], optimizers: dict[str, torch.optim.Optimizer]) -> dict[str, Callable]:
    """`Training.state` and `.restore` of a training that networks and optimizers are all of."""
    return {each.__name__: functools.partial(each, networks, optimizers) for each in (state, restore)}


def settings(run: Run, *others: str) -> str:
    """A run's settings as one text: all its fields but its name, data, method, and those named."""
    told = {key: value for key, value in records.fields(run).items() if key not in ("name", "data", "method", *others)}
    return ", ".join(f"{key.replace('_', ' ')} {value}" for key, value in told.items())


def card(name: str, facts: dict[str, str], training: Training, curve: Curve) -> str:
    """A checkpoint's card: facts by title, and about ten points of the curve, evenly, the last among them once."""
    points = curve[:-1][:: max(1, len(curve) // 10)] + curve[-1:]
    return checkpoints.card(name, facts, [{key: point[key] for key in (training.unit, *training.told)} for point in points])


def values(training: Training, curve: Curve) -> dict:
    """What the evidence of a training tells."""
    last, parameters = curve[-1], sum(parameter.numel() for parameter in training.model().parameters())
    told = {key: last[key] for key in training.told}
    return {training.unit: last[training.unit], "parameters": parameters, **training.seen, **told, "curve": curve}


def check_finite(name: str, model: torch.nn.Module) -> None:
    """Raise PipelineError where a weight is not finite."""
    for key, tensor in model.state_dict().items():
        if not torch.isfinite(tensor).all():
            raise PipelineError(f"{name}: a weight is not finite, in {key}, so nothing was written: lower the learning rate")


def finish(
    recipe: Recipe, training: Training, values: dict, facts: dict, write=checkpoints.write_model, about: dict | None = None
) -> Found:
    """Write the checkpoint; what its evidence tells.

    Args:
        recipe: whose evidence it is.
        training: whose model it is.
        values: what the evidence tells.
        facts: what the card says, by title.
        write: writes the checkpoint, given its folder, the model and the card.
        about: what else the evidence says of its making.

    Raises:
        PipelineError: a weight is not finite.
    """
    folder, model = files.ROOT / "checkpoints" / recipe.name, training.model()
    check_finite(recipe.name, model)
    training.beside(folder)
    write(folder, model, card(recipe.name, facts, training, values["curve"]))
    return Found(values, about=about)

"""The loop of a long training: intervals of updates, progress kept after each.

Each interval draws from seeds of its own, so that weights and the optimizer's moments are all there is to keep: a killed
run resumes at its last interval and ends at the same bytes as an undisturbed one.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from tqdm import tqdm

from pipeline import PipelineError, files
from pipeline.data import episodes
from pipeline.data.episodes import Episodes
from pipeline.evidence import checkpoints, recipes, records
from pipeline.worlds.world import find_world

Update = Callable[[np.random.Generator], Tensor]  # draws a batch and returns its loss
Measure = Callable[[], dict[str, float]]  # figures on held-out data


def whole_dataset(run) -> Episodes:
    """The run's episodes, those to be held out at their end.

    Raises:
        PipelineError: the dataset cannot be read, is not the one its evidence describes, or is too small.
    """
    collection = recipes.COLLECTIONS[run.data]
    whole = episodes.read(files.ROOT / "data" / f"{run.data}.hdf5", find_world(collection.run.environment))
    known = records.read(collection.path())["values"]["arrays_sha256_of_dataset"]
    if episodes.sha256(whole) != known:
        described = f"results/datasets/{run.data}.json describes"
        raise PipelineError(f"data/{run.data}.hdf5 is not the dataset that {described}: collect it again")
    check_size(run, run.data, len(whole), whole.lengths.max())
    return whole


def check_size(run, data: str, episodes: int, steps: int) -> None:
    """Raise PipelineError unless a dataset leaves episodes to learn from, and a window fits into one, where windows must."""
    if episodes <= run.held_out_episodes:
        held_out = f"{run.name} holds out {run.held_out_episodes}"
        raise PipelineError(f"{data} has {episodes} episodes and {held_out}, so none is left to learn from")
    if steps < (window := getattr(run, "transitions", 1)):
        raise PipelineError(
            f"{data} has no episode of more than {steps} transitions, and {run.name} learns from windows of {window}"
        )


def dataset(run) -> tuple[Episodes, Episodes]:
    """The run's episodes to learn from, and the last ones, held out.

    Raises:
        PipelineError: as `whole_dataset`.
    """
    whole = whole_dataset(run)
    learnt = len(whole) - run.held_out_episodes
    return whole[:learnt], whole[learnt:]


def learning_rate(run, update: int) -> float:
    """Linear warm-up, then a cosine down to a tenth."""
    if update < run.warmup_updates:
        return run.learning_rate * (update + 1) / run.warmup_updates
    progress = (update - run.warmup_updates) / max(1, run.updates - run.warmup_updates)
    return run.learning_rate * (0.1 + 0.45 * (1 + math.cos(math.pi * progress)))


def train(run, model, optimizers: Sequence[torch.optim.Optimizer], update: Update, measure: Measure, saved: Path) -> list[dict]:
    """Train a model to its run's end, in place, and return its curve: a point after each interval.

    Args:
        run: name, seed, updates, interval_updates, warmup_updates, learning_rate, gradient_clip.
        model: in `train` mode during updates and in `eval` mode, without gradients, during measures.
        optimizers: over the model's parameters, each of which belongs to one; all share the run's learning rate.
        update: given a generator, the loss of one batch, of which the gradient is taken.
        measure: figures that join the curve, such as held-out losses.
        saved: file that progress is kept in; the caller removes it when its results are written.

    Raises:
        PipelineError: the loss is no longer finite.
    """
    curve = restore(saved, model, optimizers) if saved.exists() else []
    with tqdm(total=run.updates, initial=curve[-1]["updates"] if curve else 0, unit="update", desc=run.name) as bar:
        for interval in range(len(curve), math.ceil(run.updates / run.interval_updates)):
            loss = train_interval(run, model, optimizers, update, interval, bar.update)
            if not math.isfinite(loss):
                raise PipelineError(f"{run.name}: the loss is not finite after {bar.n} updates; lower the learning rate")
            model.eval()
            with torch.inference_mode():
                curve.append({"updates": bar.n, "loss": loss, **measure()})
            keep(saved, model, optimizers, curve)
            bar.set_postfix({key: f"{value:.4g}" for key, value in curve[-1].items() if key != "updates"})
    return curve


def train_interval(run, model, optimizers, update: Update, interval: int, tick: Callable[[], object]) -> float:
    """One interval of updates from seeds of its own; returns the mean training loss."""
    generator = np.random.default_rng([run.seed, interval])
    torch.manual_seed(1_000_003 * run.seed + interval)
    model.train()
    losses = []
    for number in range(interval * run.interval_updates, min((interval + 1) * run.interval_updates, run.updates)):
        for group in (group for optimizer in optimizers for group in optimizer.param_groups):
            group["lr"] = learning_rate(run, number)
        loss = update(generator)
        model.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), run.gradient_clip)
        for optimizer in optimizers:
            optimizer.step()
        losses.append(loss.detach())
        tick()
    return float(torch.stack(losses).mean())


def keep(saved: Path, model, optimizers, curve: list[dict]) -> None:
    """Write everything the next interval starts from, whole or not at all."""
    tensors = {f"model.{name}": tensor for name, tensor in model.state_dict().items()}
    for number, optimizer in enumerate(optimizers):
        moments = checkpoints.optimizer_tensors(optimizer)
        tensors |= {f"optimizer_{number}.{name}": tensor for name, tensor in moments.items()}
    checkpoints.write_tensors(saved, tensors, {"curve": curve})


def restore(saved: Path, model, optimizers) -> list[dict]:
    """The inverse of `keep`; returns the curve."""
    tensors, kept = checkpoints.read_tensors(saved)
    model.load_state_dict(checkpoints.subset(tensors, "model."))
    for number, optimizer in enumerate(optimizers):
        checkpoints.load_optimizer(optimizer, checkpoints.subset(tensors, f"optimizer_{number}."))
    return kept["curve"]

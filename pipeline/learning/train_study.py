"""Train a model of a study: on data that covers returns, on shuffled returns, with another seed, or at a constant rate.

    python -m pipeline make training/local_dt_halfcheetah_throttled

The loops are those of `learning.train` and `trajectory_transformer.train`, and a killed run resumes as theirs do. The
weights are trained in float32 and kept in float16, in half the space; both losses on held-out data are in the evidence, which
also says on what device it was made: a GPU where there is one.
"""

from __future__ import annotations

import importlib
import math
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import safetensors.torch
import torch
from tqdm import tqdm

from pipeline import PipelineError, files
from pipeline.data.episodes import Episodes
from pipeline.evidence import checkpoints, recipes, records
from pipeline.graph import command
from pipeline.learning import guards, train, training
from pipeline.methods.trajectory_transformer import discretization
from pipeline.methods.trajectory_transformer import model as trajectory_transformer
from pipeline.methods.trajectory_transformer import train as train_trajectory_transformer

ENDLESS = 10**15  # so many updates that the cosine of `train.learning_rate` does not leave its top


def device() -> str:
    """What the training runs on, by its own name where it is a GPU."""
    return torch.cuda.get_device_name(0) if torch.cuda.is_available() else "CPU"


def shuffled(whole: Episodes, seed: int) -> Episodes:
    """The episodes, each with the rewards, and so the returns to go, of one drawn without replacement."""
    order = np.random.default_rng(seed).permutation(len(whole))
    return replace(whole, rewards=whole.rewards[order])


def read(run) -> Episodes:
    """The run's dataset, its returns shuffled over episodes where the run says so.

    Raises:
        PipelineError: as `training.whole_dataset`.
    """
    whole = training.whole_dataset(run)
    return shuffled(whole, run.seed) if getattr(run, "shuffled_returns", False) else whole


def halved(model: torch.nn.Module) -> torch.nn.Module:
    """The model with every weight rounded to float16, in place, still in float32."""
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(parameter.half().float())
    return model


def write_halved(folder: Path, model, card: str) -> None:
    """Write a checkpoint whose weights lie in float16; its configuration says float32, so that they are loaded as that."""
    checkpoints.write_model(folder, model, card)
    weights = {name: tensor.half().contiguous() for name, tensor in model.state_dict().items()}
    files.write_bytes(folder / "model.safetensors", safetensors.torch.save(weights, {"format": "pt"}))
    checkpoints.write_sums(folder)


def train_at_a_constant_rate(run, whole: Episodes, work: Path) -> tuple[torch.nn.Module, list[dict]]:
    """Train as `train.train` does, but at `learning_rate` from the warm-up on; a checkpoint at each of `run.snapshots`."""
    module = importlib.import_module(f"pipeline.methods.{run.method}.model")
    learn, held_out = train.split(whole, run)
    batches, held_out_batches = module.Batches(learn, run), module.Batches(held_out, run, like=learn)
    torch.manual_seed(run.seed)
    model = module.build(run, learn).to("cuda" if torch.cuda.is_available() else "cpu")
    optimizer = train.make_optimizer(model, run)
    saved, curve = work / f"{run.name}.safetensors", []
    if saved.exists():
        tensors, kept = checkpoints.read_tensors(saved)
        curve = kept["curve"]
        model.load_state_dict(checkpoints.subset(tensors, "model."))
        checkpoints.load_optimizer(optimizer, checkpoints.subset(tensors, "optimizer."))
    steady = replace(run, updates=ENDLESS)
    with tqdm(total=run.updates, initial=len(curve) * run.interval_updates, unit="update", desc=run.name) as bar:
        for interval in range(len(curve), run.updates // run.interval_updates):
            loss = train.train_interval(module, model, optimizer, batches, steady, interval, bar.update)
            if not math.isfinite(loss):
                raise PipelineError(f"{run.name}: the loss is not finite after {bar.n} updates; lower the learning rate")
            unseen = train.held_out_loss(module, model, held_out_batches, run)
            curve.append({"updates": (interval + 1) * run.interval_updates, "loss": loss, "held_out_loss": unseen})
            if curve[-1]["updates"] in run.snapshots:
                snapshot = module.build(run, learn)
                snapshot.load_state_dict(model.state_dict())
                name = f"{run.name}_{curve[-1]['updates']}"
                write_halved(files.ROOT / "checkpoints" / name, snapshot, card(replace(run, name=name), curve))
            checkpoints.write_tensors(saved, train.state(model, optimizer), {"curve": curve})
            bar.set_postfix(loss=f"{loss:.4f}", held_out=f"{unseen:.4f}")
    return model.cpu().eval(), curve


def card(run, curve: list[dict]) -> str:
    """A checkpoint's card."""
    told = {key: value for key, value in records.fields(run).items() if key not in ("name", "data", "method")}
    facts = {
        "Model": run.method.replace("_", " "),
        "Data": f"{run.data}, less {run.held_out_episodes} held-out episodes",
        "Recipe": ", ".join(f"{key.replace('_', ' ')} {value}" for key, value in told.items()),
        "Updates": f"{curve[-1]['updates']:,}",
        "Trained on": device(),
        "Weights": "trained in float32, kept in float16",
    }
    return checkpoints.card(run.name, facts, curve[:-1][:: max(1, len(curve) // 10)] + curve[-1:])


def learn(recipe) -> tuple[torch.nn.Module, dict]:
    """Train a Decision Transformer or a perceptron; returns it and what was found."""
    run, work = recipe.run, files.ROOT / "build" / "training"
    whole = read(run)
    loop = train_at_a_constant_rate if hasattr(run, "snapshots") else train.train
    model, curve = loop(run, whole, work)
    module = importlib.import_module(f"pipeline.methods.{run.method}.model")
    seen, unseen = train.split(whole, run)
    batches = module.Batches(unseen, run, like=seen)
    stored = train.held_out_loss(module, halved(model), batches, run)
    return model, {"windows_seen": run.updates * run.batch_size, "held_out_loss_in_float16": stored, "curve": curve}


def learn_trajectories(recipe) -> tuple[torch.nn.Module, dict]:
    """Train a Trajectory Transformer and write its bins; returns it and what was found."""
    run = recipe.run
    seen, unseen = training.dataset(run)
    saved = files.ROOT / "build" / "training" / f"{run.name}.safetensors"
    model, discretizer, curve = train_trajectory_transformer.train(run, seen, unseen, None, saved)
    model.config.training = asdict(run)
    discretization.write(files.ROOT / "checkpoints" / run.name / discretization.FILE, discretizer)
    batches = trajectory_transformer.Batches(unseen, run, discretizer)
    generator = np.random.default_rng(train_trajectory_transformer.HELD_OUT_SEED)
    with torch.inference_mode():
        halved(model)
        found = [
            trajectory_transformer.losses_by_kind(model, batches.draw(generator, train_trajectory_transformer.HELD_OUT_WINDOWS))
            for _ in range(train_trajectory_transformer.HELD_OUT_BATCHES)
        ]
    stored = {kind: float(np.mean([losses[kind] for losses in found])) for kind in found[0]}
    return model, {"tokens_seen": model.config.tokens_seen, "held_out_in_float16": stored, "curve": curve}


def main() -> None:
    """Train, write the checkpoint, then its evidence, then forget the working state."""
    parser = command.parser(__doc__, list(recipes.STUDY_TRAININGS))
    recipe = command.find(parser.parse_args().name, recipes.STUDY_TRAININGS)
    run = recipe.run
    guards.refuse_lesser_training(recipe)
    torch.set_num_threads(1)
    trajectories = run.method == "trajectory_transformer"
    model, found = (learn_trajectories if trajectories else learn)(recipe)
    curve = found.pop("curve")
    values = {
        "updates": run.updates,
        "parameters": sum(parameter.numel() for parameter in model.parameters()),
        **{key: value for key, value in curve[-1].items() if key.startswith(("loss", "held_out"))},
        **found,
        "curve": curve,
    }
    write_halved(files.ROOT / "checkpoints" / run.name, model, card(run, records.plain(curve)))
    records.write(recipe, values, about={"device": device()})
    for left in recipe.progress():
        files.remove(left)


if __name__ == "__main__":
    command.run(main)

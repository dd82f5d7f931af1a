"""Train a model on a dataset.

    python -m pipeline make training/local_dt_halfcheetah

Training goes in intervals of updates. Each interval draws from seeds of its own, so that weights and optimizer are all there is
to keep: a killed run resumes at its last interval and ends at the same bytes as an undisturbed one. The device is a GPU where
there is one.
"""

from __future__ import annotations

import importlib
import math
from pathlib import Path

import numpy as np
import torch
from tqdm import tqdm

from pipeline import PipelineError, files
from pipeline.data.episodes import Episodes
from pipeline.evidence import checkpoints, recipes, records
from pipeline.graph import command
from pipeline.learning import guards, training

HELD_OUT_SEED = 2**31
HELD_OUT_BATCHES = 16


def split(whole: Episodes, run) -> tuple[Episodes, Episodes]:
    """Episodes to learn from, and the last ones, held out."""
    return whole[: len(whole) - run.held_out_episodes], whole[len(whole) - run.held_out_episodes :]


def learning_rate(run, update: int) -> float:
    """Linear warm-up, then a cosine down to a tenth."""
    if update < run.warmup_updates:
        return run.learning_rate * (update + 1) / run.warmup_updates
    progress = (update - run.warmup_updates) / max(1, run.updates - run.warmup_updates)
    return run.learning_rate * (0.1 + 0.45 * (1 + math.cos(math.pi * progress)))


def make_optimizer(model, run) -> torch.optim.Optimizer:
    """AdamW with the run's settings."""
    return torch.optim.AdamW(model.parameters(), run.learning_rate, tuple(run.betas), weight_decay=run.weight_decay)


def to_device(batch: dict, device: torch.device) -> dict:
    """The batch's tensors on the device."""
    return {name: tensor.to(device) for name, tensor in batch.items()}


def train_interval(module, model, optimizer, batches, run, interval: int, tick) -> float:
    """One interval of updates from seeds of its own; returns the mean training loss."""
    generator = np.random.default_rng([run.seed, interval])
    torch.manual_seed(1_000_003 * run.seed + interval)
    model.train()
    losses = []
    for update in range(interval * run.interval_updates, min((interval + 1) * run.interval_updates, run.updates)):
        for group in optimizer.param_groups:
            group["lr"] = learning_rate(run, update)
        loss = module.loss(model, to_device(batches.draw(generator, run.batch_size), model.device))
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), run.gradient_clip)
        optimizer.step()
        losses.append(loss.detach())
        tick()
    return float(torch.stack(losses).mean())


@torch.inference_mode()
def held_out_loss(module, model, batches, run) -> float:
    """Mean loss over fixed batches of episodes that training never sees, without dropout."""
    model.eval()
    generator = np.random.default_rng(HELD_OUT_SEED)
    losses = [
        module.loss(model, to_device(batches.draw(generator, run.batch_size), model.device)) for _ in range(HELD_OUT_BATCHES)
    ]
    return float(torch.stack(losses).mean())


def state(model, optimizer) -> checkpoints.Tensors:
    """Everything an interval starts from."""
    tensors = {f"model.{name}": tensor for name, tensor in model.state_dict().items()}
    return tensors | {f"optimizer.{name}": tensor for name, tensor in checkpoints.optimizer_tensors(optimizer).items()}


def train(run, whole: Episodes, work: Path, device: str | None = None) -> tuple[torch.nn.Module, list[dict]]:
    """Train to the end and return the model, on the CPU, and its loss curve.

    Progress is kept in `work` after each interval. Raises PipelineError when the loss is no longer finite.
    """
    module = importlib.import_module(f"pipeline.methods.{run.method}.model")
    learn, held_out = split(whole, run)
    batches, held_out_batches = module.Batches(learn, run), module.Batches(held_out, run, like=learn)
    torch.manual_seed(run.seed)
    model = module.build(run, learn).to(device or ("cuda" if torch.cuda.is_available() else "cpu"))
    optimizer = make_optimizer(model, run)
    saved, curve = work / f"{run.name}.safetensors", []
    if saved.exists():
        tensors, kept = checkpoints.read_tensors(saved)
        if kept["run"] == records.fields(run):
            curve = kept["curve"]
            model.load_state_dict(checkpoints.subset(tensors, "model."))
            checkpoints.load_optimizer(optimizer, checkpoints.subset(tensors, "optimizer."))
    with tqdm(total=run.updates, initial=len(curve) * run.interval_updates, unit="update", desc=run.name) as bar:
        for interval in range(len(curve), math.ceil(run.updates / run.interval_updates)):
            loss = train_interval(module, model, optimizer, batches, run, interval, bar.update)
            if not math.isfinite(loss):
                raise PipelineError(f"{run.name}: the loss is not finite after {bar.n} updates; lower the learning rate")
            held_out_value = held_out_loss(module, model, held_out_batches, run)
            curve.append(
                {
                    "updates": min((interval + 1) * run.interval_updates, run.updates),
                    "loss": loss,
                    "held_out_loss": held_out_value,
                }
            )
            checkpoints.write_tensors(saved, state(model, optimizer), {"run": records.fields(run), "curve": curve})
            bar.set_postfix(loss=f"{loss:.4f}", held_out=f"{held_out_value:.4f}")
    return model.cpu().eval(), curve


def card(run, values: dict) -> str:
    """The checkpoint's card."""
    facts = {
        "Model": f"{run.method.replace('_', ' ')}, {values['parameters']:,} parameters",
        "Data": f"{run.data}, less {run.held_out_episodes} held-out episodes",
        "Recipe": ", ".join(
            f"{key.replace('_', ' ')} {value}"
            for key, value in records.fields(run).items()
            if key not in ("name", "data", "method")
        ),
        "Held-out loss": f"{values['held_out_loss']:.4f}",
    }
    curve = values["curve"]
    return checkpoints.card(run.name, facts, curve[:: max(1, len(curve) // 10)] + curve[-1:])


def main() -> None:
    """Train, write the checkpoint, then its evidence, then forget the working state."""
    parser = command.parser(__doc__, recipes.TRAININGS)
    recipe = command.find(parser.parse_args().name, recipes.TRAININGS)
    run = recipe.run
    guards.refuse_lesser_training(recipe)
    torch.set_num_threads(1)
    whole = training.whole_dataset(run)
    work = files.ROOT / "build" / "training"
    model, curve = train(run, whole, work)
    values = {
        "updates": run.updates,
        "parameters": sum(parameter.numel() for parameter in model.parameters()),
        "windows_seen": run.updates * run.batch_size,
        "loss": curve[-1]["loss"],
        "held_out_loss": curve[-1]["held_out_loss"],
        "curve": curve,
    }
    checkpoints.write_model(files.ROOT / "checkpoints" / run.name, model, card(run, records.plain(values)))
    records.write(recipe, values)
    (work / f"{run.name}.safetensors").unlink()


if __name__ == "__main__":
    command.run(main)

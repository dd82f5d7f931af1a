"""What makes a small budget of tokens count when a Trajectory Transformer is trained: held-out loss, one change after another.

    python -m benchmarks.small_budgets

Each line adds one change to the one before, from the published settings to those of this repository, and trains on the same
number of tokens with the same schedule, warm-up and seed. Needs data/local_halfcheetah_medium.hdf5 (`make train` collects it).
"""

from __future__ import annotations

import argparse
import time
from dataclasses import replace
from unittest import mock

import numpy as np
import torch

from pipeline.learning import datasets, descent, held_out
from pipeline.methods.trajectory_transformer import discretization
from pipeline.methods.trajectory_transformer import model as trajectory_transformer
from pipeline.methods.trajectory_transformer.model import KINDS, Batches
from pipeline.study.runs import TRAJECTORY_TRANSFORMER

PUBLISHED = replace(TRAJECTORY_TRANSFORMER, batch_size=64, learning_rate=6e-4, precision="float32", dropout=0.1)
LADDER = (
    ("published, but batch 64", PUBLISHED, False, False),
    ("no dropout, bfloat16", replace(PUBLISHED, dropout=0.0, precision="bfloat16"), False, False),
    ("learning rate 2e-3", replace(PUBLISHED, dropout=0.0, precision="bfloat16", learning_rate=2e-3), False, False),
    ("batch 16", replace(TRAJECTORY_TRANSFORMER, batch_size=16, learning_rate=2e-3), False, False),
    ("neighboring bins begin alike", replace(TRAJECTORY_TRANSFORMER, batch_size=16, learning_rate=2e-3), True, False),
    ("Muon for the blocks", replace(TRAJECTORY_TRANSFORMER, batch_size=16, learning_rate=2e-3), True, True),
    ("learning rate 5e-3", replace(TRAJECTORY_TRANSFORMER, batch_size=16, learning_rate=5e-3), True, True),
)


def adamw(model, run) -> list[torch.optim.Optimizer]:
    """The published optimizer."""
    maps = [parameter for parameter in model.blocks.parameters() if parameter.ndim == 2] + [model.head.weight]
    held = set(map(id, maps))
    rest = [parameter for parameter in model.parameters() if id(parameter) not in held]
    groups = [{"params": maps, "weight_decay": run.weight_decay}, {"params": rest, "weight_decay": 0.0}]
    return [torch.optim.AdamW(groups, run.learning_rate, tuple(run.betas))]


def train(run, related: bool, muon: bool, learn, batches, unseen) -> tuple[dict[str, float], float]:
    """Held-out losses by kind after the run, and tokens a second."""
    torch.manual_seed(run.seed)
    begin = trajectory_transformer.smooth_over_bins if related else lambda model: None
    with mock.patch.object(trajectory_transformer, "smooth_over_bins", begin):
        model = trajectory_transformer.build(run, learn)
    optimizers = trajectory_transformer.make_optimizers(model, run) if muon else adamw(model, run)
    dtype = getattr(torch, run.precision)

    def update(generator: np.random.Generator) -> torch.Tensor:
        with torch.autocast("cpu", dtype, enabled=dtype != torch.float32):
            return trajectory_transformer.loss(model, batches.draw(generator, run.batch_size))

    began = time.perf_counter()
    descent.train_interval(run, model, optimizers, update, descent.learning_rate, 0, lambda updates: None)
    seconds = time.perf_counter() - began
    model.eval()
    generator = np.random.default_rng(1)
    with torch.inference_mode():
        found = [trajectory_transformer.losses_by_kind(model, unseen.draw(generator, 32)) for _ in range(8)]
    tokens = run.updates * run.batch_size * model.config.block_size
    return {kind: float(np.mean([losses[kind] for losses in found])) for kind in KINDS}, tokens / seconds


def main() -> None:
    """Climb the ladder."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--millions", type=float, default=2.4, help="tokens each training sees, in millions (default: 2.4)")
    tokens = 1e6 * parser.parse_args().millions
    torch.set_num_threads(1)
    learn, unseen = held_out.split(datasets.whole_dataset(TRAJECTORY_TRANSFORMER), TRAJECTORY_TRANSFORMER)
    discretizer = discretization.fit(discretization.columns(learn))
    batches, unseen = (Batches(part, TRAJECTORY_TRANSFORMER, discretizer) for part in (learn, unseen))
    print(f"{'settings, each line with those above':40}" + "".join(f"{kind:>13}" for kind in KINDS) + "  tokens/s")
    for label, run, related, muon in LADDER:
        updates = round(tokens / (run.batch_size * 249))
        run = replace(run, updates=updates, interval_updates=updates, warmup_updates=max(1, updates // 10))
        losses, rate = train(run, related, muon, learn, batches, unseen)
        print(f"{label:40}" + "".join(f"{losses[kind]:13.3f}" for kind in KINDS) + f"{rate:10.0f}", flush=True)


if __name__ == "__main__":
    main()

"""Planning with LEAP: 64 episodes planned in one batch, one at a time, and one at a time as the published code does.

    python -m benchmarks.refinement

One thread, a random model of the project's size, first views of GoToLocalS8N7 and of GoToObjMazeS4 with open doors, argmax
refilling with the published plans and iterations. What is seen is encoded for each plan, as when playing. The published way
(hychen-naza/LEAP:mingpt/utils.py) encodes it anew in every iteration, once for every action of the plan, and reads all logits.
"""

from __future__ import annotations

import statistics

import numpy as np
import torch

from benchmarks import machine, median, take_turns
from pipeline.graph import command
from pipeline.methods.leap import refinement
from pipeline.methods.leap.model import MASK, LeapConfig, LeapModel
from pipeline.worlds import levels
from pipeline.worlds.levels import Views

EPISODES = 64
LEVELS = ("go_to_local_s8n7", "go_to_obj_maze_s4_open")


def first_views(level: levels.Level) -> Views:
    """What is seen at the beginning of each episode."""
    simulators = [levels.make(level) for _ in range(EPISODES)]
    for seed, simulator in enumerate(simulators):
        levels.reset(simulator, seed)
    return levels.observe(simulators)


@torch.inference_mode()
def plan(model: LeapModel, views: Views, level: levels.Level, seeds: range) -> torch.Tensor:
    """Plans (episode, horizon) as a policy makes them, for the episodes of these seeds."""
    views = views[seeds.start : seeds.stop]
    horizon, iterations = level.horizon, level.iterations
    return refinement.refine(model, model.encode(views), horizon, iterations, seeds=seeds, measure=False).plans


@torch.inference_mode()
def plan_as_published(model: LeapModel, views: Views, level: levels.Level) -> torch.Tensor:
    """One plan, (1, horizon), of one view."""
    plans = torch.full((1, level.horizon), MASK)
    generator = np.random.default_rng(0)
    repeated = views[np.zeros(level.horizon, dtype=int)]
    for iteration in range(level.iterations):
        chosen = slice(None) if iteration == 0 else int(generator.integers(level.horizon))
        plans[0, chosen] = MASK
        logits = model(model.encode(repeated)[None], plans).logits
        plans[0, chosen] = logits[0, chosen].argmax(dim=-1)
    return plans


def compare(model: LeapModel, level: levels.Level) -> None:
    """Take turns and print plans per second, and how many times the batch is faster."""
    views = first_views(level)
    alone = [range(episode, episode + 1) for episode in range(EPISODES)]
    seconds = take_turns(
        {
            "one at a time, as published": lambda: plan_as_published(model, views[:1], level),
            "one at a time": lambda: [plan(model, views, level, seeds) for seeds in alone],
            "in one batch": lambda: plan(model, views, level, range(EPISODES)),
        }
    )
    print(f"{level.name}: {level.horizon} actions, {level.iterations} iterations")
    fastest = statistics.median(seconds["in one batch"]) / EPISODES
    for name, values in seconds.items():
        each = [value if name.endswith("published") else value / EPISODES for value in values]
        middle = statistics.median(each)
        print(f"  {name}: {median(each)} a plan, {1 / middle:.0f} plans/s, {middle / fastest:.1f}x the batch's time")


def main() -> None:
    """Print the machine, then each level."""
    torch.set_num_threads(1)
    torch.manual_seed(0)
    model = LeapModel(LeapConfig(grid_size=levels.SIZE, words=len(levels.VOCABULARY) + 1)).eval()
    print(machine())
    for name in LEVELS:
        compare(model, levels.find(name))


if __name__ == "__main__":
    command.run(main)

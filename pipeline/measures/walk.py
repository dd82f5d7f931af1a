"""Play one episode of a BabyAI level and keep what was seen and planned, so that it can be drawn later, anywhere.

python -m pipeline make walks/local_leap_go_to_obj_maze_s7_open_blind
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from pipeline import files
from pipeline.evidence.records import Found, Recipe
from pipeline.methods import policies
from pipeline.worlds import levels


class Recorder:
    """A policy that keeps what another one sees and does, for one episode.

    Its record: images (step, SIZE, SIZE, 3), poses (step, 3), actions (step,), and plans (step, horizon): what is left of the
    plan at each step, -1 behind its end.
    """

    def __init__(self, policy):
        self.policy = policy
        self.images, self.poses, self.actions, self.plans = [], [], [], []

    def reset(self, seeds) -> None:
        """Begin the episode."""
        self.policy.reset(seeds)

    def act(self, views: levels.Views, alive: np.ndarray) -> np.ndarray:
        """The other policy's action (1,)."""
        action = self.policy.act(views, alive)
        left = self.policy.plans[0, self.policy.used[0] - 1 :]
        self.images.append(views.images[0])
        self.poses.append(views.poses[0])
        self.actions.append(action[0])
        self.plans.append(np.pad(left, (0, self.policy.horizon - len(left)), constant_values=-1))
        return action

    def record(self) -> dict[str, np.ndarray]:
        """Everything kept, as arrays."""
        return {name: np.stack(getattr(self, name)) for name in ("images", "poses", "actions", "plans")}


def make(recipe: Recipe, into: Path = files.ROOT) -> Found:
    """What was seen on one run."""
    run, (played,) = recipe.run, recipe.holds
    recorder = Recorder(policies.load(played))
    result = levels.play(recorder, played.level, [run.seed])
    simulator = levels.make(played.level)
    levels.reset(simulator, run.seed)
    values = {"steps": int(result["length"][0]), "success": bool(result["success"][0]), "mission": simulator.mission}
    return Found(values, recorder.record())

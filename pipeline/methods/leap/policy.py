"""LEAP as a policy: draft a plan, refine it, carry it out, plan again.

Source: Chen et al. 2023 (arXiv 2303.16189), algorithm 1; hychen-naza/LEAP:mingpt/trainer_babyai.py. As published a plan is
carried out whole before the next one is made; `replan="step"` takes its first action alone. All episodes that want a plan get
theirs in one batch, each from a generator of its own. The authors draw the length of each plan for PickupLoc from 1 to 5; here
it is 5 there too.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch

from pipeline import PipelineError
from pipeline.evidence import checkpoints, recipes
from pipeline.methods.leap import refinement
from pipeline.methods.leap.model import LeapModel
from pipeline.worlds import levels
from pipeline.worlds.levels import Views

if TYPE_CHECKING:
    from jaxtyping import Int

    from pipeline.study.measurements import PlanLatency, Refining, Solving

REPLANNING = ("plan", "step")


class LeapPolicy:
    """Plays many episodes in lockstep.

    Its state: plans (episode, horizon), and used (episode,), the actions of each plan that have been taken.

    Args:
        model: trained.
        horizon: actions of a plan.
        iterations: of refining, the one that fills the plan in counted.
        sampler: one of `refinement.SAMPLERS`.
        replan: after a whole plan, or after every step.
    """

    def __init__(self, model: LeapModel, horizon: int, iterations: int, sampler: str = "argmax", replan: str = "plan"):
        refinement.check(model.config, horizon, iterations, sampler)
        if replan not in REPLANNING:
            raise PipelineError(f"a plan is made anew after every {' or '.join(REPLANNING)}, not after every {replan!r}")
        self.model = model.eval()
        self.horizon, self.iterations, self.sampler = horizon, iterations, sampler
        self.carried_out = horizon if replan == "plan" else 1

    def reset(self, seeds: Sequence[int]) -> None:
        """Begin one episode per seed."""
        self.seeds = np.asarray(seeds)
        self.plans = np.zeros((len(seeds), self.horizon), dtype=np.int64)
        self.used = np.full(len(seeds), self.carried_out)
        self.step = 0

    def act(self, views: Views, alive: Int[np.ndarray, " playing"]) -> Int[np.ndarray, " playing"]:
        """Actions (playing,) int64 of the episodes still played; those whose plan is used up get a new one first."""
        waiting = self.used[alive] == self.carried_out
        if waiting.any():
            self.plans[alive[waiting]] = self.plan(views[waiting], alive[waiting])
            self.used[alive[waiting]] = 0
        actions = self.plans[alive, self.used[alive]]
        self.used[alive] += 1
        self.step += 1
        return actions

    def plan(self, views: Views, episodes: Int[np.ndarray, " planning"]) -> Int[np.ndarray, "planning horizon"]:
        """Plans (planning, horizon) for the episodes whose views are given; chance hangs on their seeds and the step alone."""
        seeds = [(int(seed), self.step) for seed in self.seeds[episodes]]
        with torch.inference_mode():
            context = self.model.encode(views)
        refined = refinement.refine(
            self.model, context, self.horizon, self.iterations, self.sampler, seeds=seeds, measure=False
        )
        return refined.plans.numpy()


def load(run: Solving | Refining | PlanLatency) -> LeapPolicy:
    """The policy of a run; `trained=False` keeps the architecture and draws the weights anew.

    Raises:
        CheckpointError: the checkpoint cannot be used, or was trained by another recipe.
        PipelineError: plans cannot be made as the run asks, or its level is unknown.
    """
    level = levels.find(run.level)
    model = checkpoints.load(run.checkpoint, LeapModel, recipes.trained_by(run.checkpoint))
    horizon = level.horizon if run.horizon is None else run.horizon
    iterations = level.iterations if run.iterations is None else run.iterations
    policy = LeapPolicy(model, horizon, iterations, run.sampler, run.replan)
    return policy if run.trained else untrained(policy)


def untrained(policy: LeapPolicy, seed: int = 0) -> LeapPolicy:
    """The same planner over fresh weights: the control for all that training might have taught."""
    torch.manual_seed(seed)
    policy.model = LeapModel(policy.model.config).eval()
    return policy

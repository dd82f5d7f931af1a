"""Trajectory Transformer as a policy: imagine, choose, take one step, imagine again.

Source: Janner et al. 2021 (arXiv 2106.02039), section 4.3; jannerm/trajectory-transformer:scripts/plan.py. The last transitions
and the present observation are the context of a beam search (`trajectory_transformer.planning`); the first action of the best
beam is played, and everything is planned anew at the next step.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import fields
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from pipeline import files
from pipeline.evidence import checkpoints, recipes
from pipeline.methods.trajectory_transformer import discretization, planning
from pipeline.methods.trajectory_transformer.decoding import Decoder
from pipeline.methods.trajectory_transformer.discretization import QuantileDiscretizer
from pipeline.methods.trajectory_transformer.model import KINDS, TrajectoryTransformerModel
from pipeline.methods.trajectory_transformer.planning import Plans, Search

if TYPE_CHECKING:
    from jaxtyping import Float, Int

    from pipeline.study.measurements import Attention, Evaluation, Latency

LEAST_SEARCH = Search(beams=1, horizon=1, context=0)  # of a run that only looks at attention
NO_VALUE = 0  # what stands in a context where a value belongs; no query attends to it


class TrajectoryTransformerPolicy:
    """Plays many episodes in lockstep: one batched search per time step, each episode's draws from seeds of its own."""

    def __init__(self, model: TrajectoryTransformerModel, discretizer: QuantileDiscretizer, search: Search):
        """Raises PlanningError where the model cannot search so."""
        planning.check_search(model.config, search)
        self.model, self.discretizer, self.search = model.eval(), discretizer, search
        size, ends = model.config, np.cumsum([model.config.observation_dim, model.config.action_dim])
        self.observation_dim, self.action = size.observation_dim, slice(*ends)

    @functools.cached_property
    def decoder(self) -> Decoder:
        """The model as it plans; whoever only looks at attention needs none."""
        return Decoder(self.model)

    def reset(self, seeds: Sequence[int]) -> None:
        """Begin one episode per seed."""
        self.seeds, self.step = list(seeds), 0
        self.past = np.zeros((len(self.seeds), 0, self.model.config.transition_dim), dtype=np.int64)

    def act(
        self, observations: Float[np.ndarray, "episode observation"], rewards: Float[np.ndarray, " episode"]
    ) -> Float[np.ndarray, "episode action"]:
        """Actions (episode, action) for observations (episode, observation) and the last rewards (episode,)."""
        if self.step and self.search.context:
            last = self.encode(self.observations, self.actions, rewards)
            self.past = np.concatenate([self.past, last[:, None]], axis=1)[:, -self.search.context :]
        self.observations, self.actions = observations, self.choose(observations)
        self.step += 1
        return self.actions

    def choose(self, observations: Float[np.ndarray, "episode observation"]) -> Float[np.ndarray, "episode action"]:
        """The first action of each episode's best plan."""
        best = self.plan(self.past, observations, [[seed, self.step] for seed in self.seeds]).tokens[:, 0, 0].numpy()
        return self.discretizer.decode(best)[:, self.action].clip(-1.0, 1.0)

    def plan(
        self,
        past: Int[np.ndarray, "episode transition dimension"],
        observations: Float[np.ndarray, "episode observation"],
        seeds: Sequence,
    ) -> Plans:
        """Search from past transitions (episode, transition, dimension) as tokens and present observations."""
        present = self.discretizer.encode(observations)
        contexts = np.concatenate([past.reshape(len(past), -1), present], axis=1)
        return planning.plan(self.decoder, self.discretizer, torch.from_numpy(contexts), self.search, seeds)

    def encode(
        self,
        observations: Float[np.ndarray, "*batch observation"],
        actions: Float[np.ndarray, "*batch action"],
        rewards: Float[np.ndarray, "*batch"],
    ) -> Int[np.ndarray, "*batch dimension"]:
        """Transitions (..., dimension) as tokens, without their values."""
        known = self.discretizer.encode(np.concatenate([observations, actions, rewards[..., None]], axis=-1))
        return np.concatenate([known, np.full((*known.shape[:-1], 1), NO_VALUE)], axis=-1)

    def last_windows(self, contexts: dict[str, Tensor]) -> Int[Tensor, "context time"]:
        """The last whole window of each recorded context as tokens (context, time), up to its latest transition's reward.

        Args:
            contexts: observations (context, step, observation), actions (context, step, action), rewards (context, step).
        """
        config = self.model.config
        steps = slice(-((config.block_size + 1) // config.transition_dim), None)
        parts = (contexts[name][:, steps].numpy() for name in ("observations", "actions", "rewards"))
        return torch.from_numpy(self.encode(*parts).reshape(len(contexts["rewards"]), -1)[:, : config.block_size])

    @torch.inference_mode()
    def attention(self, contexts: dict[str, Tensor]) -> tuple[Float[np.ndarray, "context layer head query key"], list[str]]:
        """Attention weights (context, layer, head, query, key) over the last whole window of each context, and each
        token's type.
        """
        config, tokens = self.model.config, self.last_windows(contexts)
        found = [self.model(some, output_attentions=True).attentions for some in tokens.split(16)]
        weights = torch.cat([torch.stack(layers, dim=1) for layers in found]).numpy()
        counts = config.observation_dim, config.action_dim, 1, 1
        types = [kind for kind, count in zip(KINDS, counts, strict=True) for _ in range(count)]
        return weights, (types * -(-tokens.shape[1] // len(types)))[: tokens.shape[1]]


def load(run: Evaluation | Latency | Attention) -> TrajectoryTransformerPolicy:
    """The policy of a run that names a checkpoint and, where it plays, how to search; `trained=False` draws the weights anew.

    Raises:
        CheckpointError, DiscretizerError: the checkpoint cannot be used.
        PlanningError: the model cannot search so.
    """
    model = checkpoints.load(run.checkpoint, TrajectoryTransformerModel, recipes.trained_by(run.checkpoint))
    saved, config = files.ROOT / "checkpoints" / run.checkpoint / discretization.FILE, model.config
    bins = discretization.read(saved, config.vocab_size, config.transition_dim)
    given = {field.name: getattr(run, field.name) for field in fields(Search) if hasattr(run, field.name)}
    policy = TrajectoryTransformerPolicy(model, bins, Search(**given) if given else LEAST_SEARCH)
    return policy if getattr(run, "trained", True) else untrained(policy)


def untrained(policy: TrajectoryTransformerPolicy, seed: int = 0) -> TrajectoryTransformerPolicy:
    """The same policy with fresh weights: the control for all that training might have taught."""
    torch.manual_seed(seed)
    return TrajectoryTransformerPolicy(TrajectoryTransformerModel(policy.model.config), policy.discretizer, policy.search)

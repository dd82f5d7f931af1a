"""TD3+BC: twin critics trained by clipped double Q-learning, and an actor pulled towards high value and the data at once.

Source: Fujimoto & Gu 2021 (arXiv 2106.06860); every rule and number as in the authors' sfujim/TD3_BC:TD3_BC.py and main.py. The
code is our own, because d3rlpy 2.8.1 requires gymnasium 1.0.0 exactly, and the abandoned gym, beside our gymnasium 1.4.
"""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor, nn

from pipeline.data import normalization
from pipeline.data.episodes import Episodes
from pipeline.methods.perceptron import model as deterministic_policy
from pipeline.methods.perceptron.model import perceptron

if TYPE_CHECKING:
    from pipeline.methods.td3_bc.settings import TD3BCTraining


class TwinCritics(nn.Module):
    """Two values of each observation and action; each a multilayer perceptron of its own."""

    def __init__(self, observation_dim: int, action_dim: int, hidden_sizes: tuple[int, ...]):
        super().__init__()
        self.first = perceptron(observation_dim + action_dim, hidden_sizes, 1)
        self.second = perceptron(observation_dim + action_dim, hidden_sizes, 1)

    def forward(self, observations: Tensor, actions: Tensor) -> tuple[Tensor, Tensor]:
        """Both values (batch,) of normalized observations (batch, observation) and actions (batch, action)."""
        pairs = torch.cat([observations, actions], dim=-1)
        return self.first(pairs).squeeze(-1), self.second(pairs).squeeze(-1)

    def value(self, observations: Tensor, actions: Tensor) -> Tensor:
        """The first value alone, (batch,): the one the actor climbs."""
        return self.first(torch.cat([observations, actions], dim=-1)).squeeze(-1)


class Batches:
    """Transitions (observation, action, reward, next observation, terminal), observations normalized, drawn uniformly.

    The last transition of an episode that ran out of time is left out: its next observation was never written down. So no
    time-out is ever taken for an end, and the one before it bootstraps like any other. Of one that led to a terminal state the
    next observation is zeros, or whatever: its value does not count (see `value_target`).
    """

    def __init__(self, episodes: Episodes):
        """Prepare `episodes`; the statistics are their own."""
        mean, std = normalization.observation_statistics(episodes.observations[episodes.valid])
        normalized = (episodes.observations - mean) / std
        terminals = episodes.last & episodes.terminated[:, None]
        kept = episodes.valid & (terminals | ~episodes.last)
        self.arrays = {
            "observations": normalized[kept],
            "actions": episodes.actions[kept],
            "rewards": episodes.rewards[kept],
            "next_observations": np.roll(normalized, -1, axis=1)[kept],
            "terminals": terminals[kept].astype(np.float32),
        }

    def draw(self, generator: np.random.Generator, size: int) -> dict[str, Tensor]:
        """`size` transitions by array name, and `noise` (batch, action), standard normal, for the target's actions."""
        chosen = generator.integers(len(self.arrays["rewards"]), size=size)
        noise = generator.standard_normal((size, self.arrays["actions"].shape[-1]), dtype=np.float32)
        drawn = {name: array[chosen] for name, array in self.arrays.items()} | {"noise": noise}
        return {name: torch.from_numpy(array) for name, array in drawn.items()}


def value_target(rewards: Tensor, terminals: Tensor, values: tuple[Tensor, Tensor], discount: float) -> Tensor:
    """Reward plus the discounted smaller value of what follows, (batch,); nothing follows a terminal state."""
    return rewards + discount * (1.0 - terminals) * torch.minimum(*values)


class Agent:
    """Actor, twin critics, their slow copies, and one Adam each: all that an update changes."""

    def __init__(self, run: TD3BCTraining, episodes: Episodes):
        """Fresh networks; torch's seed decides them."""
        self.run = run
        mean, std = normalization.observation_statistics(episodes.observations[episodes.valid])
        action_dim = episodes.actions.shape[-1]
        self.actor = deterministic_policy.build(run, mean, std, action_dim)
        self.critics = TwinCritics(len(mean), action_dim, run.hidden_sizes)
        self.target_actor, self.target_critics = copy.deepcopy(self.actor), copy.deepcopy(self.critics)
        self.optimizers = {
            name: torch.optim.Adam(getattr(self, name).parameters(), run.learning_rate, fused=True)
            for name in ("actor", "critics")
        }

    @property
    def networks(self) -> dict[str, nn.Module]:
        """The four networks by name."""
        return {name: getattr(self, name) for name in ("actor", "critics", "target_actor", "target_critics")}

    @torch.no_grad()
    def targets(self, batch: dict[str, Tensor]) -> Tensor:
        """What both critics should say, (batch,): the value, to the slow critics, of the slow actor's noisy next action."""
        noise = (self.run.policy_noise * batch["noise"]).clamp(-self.run.noise_clip, self.run.noise_clip)
        actions = (self.target_actor(batch["next_observations"]) + noise).clamp(-1.0, 1.0)
        values = self.target_critics(batch["next_observations"], actions)
        return value_target(batch["rewards"], batch["terminals"], values, self.run.discount)

    def critic_loss(self, batch: dict[str, Tensor]) -> Tensor:
        """Sum of both critics' mean squared errors."""
        target = self.targets(batch)
        return sum((value - target).square().mean() for value in self.critics(batch["observations"], batch["actions"]))

    def actor_loss(self, batch: dict[str, Tensor]) -> Tensor:
        """Imitation less value; the value is scaled by alpha over its own mean size, so that alpha means the same anywhere."""
        actions = self.actor(batch["observations"])
        values = self.critics.value(batch["observations"], actions)
        scale = self.run.alpha / values.abs().mean().detach()
        return (actions - batch["actions"]).square().mean() - scale * values.mean()

    def update(self, batch: dict[str, Tensor], index: int) -> tuple[Tensor, Tensor | None]:
        """One update of the critics and, each `policy_delay`-th time, of the actor and the slow copies; returns both losses."""
        critic_loss = self.critic_loss(batch)
        self.descend("critics", critic_loss)
        if (index + 1) % self.run.policy_delay:
            return critic_loss.detach(), None
        actor_loss = self.actor_loss(batch)
        self.descend("actor", actor_loss)
        self.follow()
        return critic_loss.detach(), actor_loss.detach()

    def descend(self, name: str, loss: Tensor) -> None:
        """One gradient step of the actor, or of the critics."""
        parameters = list(getattr(self, name).parameters())
        for parameter, gradient in zip(parameters, torch.autograd.grad(loss, parameters), strict=True):
            parameter.grad = gradient
        self.optimizers[name].step()

    @torch.no_grad()
    def follow(self) -> None:
        """Move the slow copies a little towards the networks they copy."""
        for slow, fast in ((self.target_actor, self.actor), (self.target_critics, self.critics)):
            torch._foreach_lerp_(list(slow.parameters()), list(fast.parameters()), self.run.target_rate)

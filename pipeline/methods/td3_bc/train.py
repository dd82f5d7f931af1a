"""How TD3+BC, the value-based rival of the sequence models, is trained. Only the actor is kept as the checkpoint."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

import numpy as np
import torch

from pipeline import PipelineError
from pipeline.data.episodes import Episodes
from pipeline.learning import loop
from pipeline.learning.datasets import whole_dataset as read  # noqa: F401 - what `prepare` learns from
from pipeline.learning.held_out import split
from pipeline.learning.loop import Tick, Training
from pipeline.methods.td3_bc.model import Agent, Batches

if TYPE_CHECKING:
    from pipeline.methods.td3_bc.settings import TD3BCTraining


def prepare(run: TD3BCTraining, whole: Episodes) -> Training:
    """A new actor with its critics.

    Raises:
        PipelineError: an interval would end before the actor's first update in it.
    """
    if (least := min(run.interval_updates, run.updates % run.interval_updates or run.interval_updates)) < run.policy_delay:
        updated = f"the actor is updated every {run.policy_delay}"
        raise PipelineError(f"{run.name} has an interval of {least} updates, and {updated}: choose other interval_updates")
    learn, unseen = split(whole, run)
    batches = Batches(learn)
    torch.manual_seed(run.seed)
    agent = Agent(run, learn)
    optimizers = {f"optimizer.{name}": optimizer for name, optimizer in agent.optimizers.items()}
    return Training(
        interval=functools.partial(train_interval, agent, batches),
        measure=functools.partial(held_out, agent, unseen),
        **loop.keeping(agent.networks, optimizers),
        ended=functools.partial(loop.all_updates, run),
        total=run.updates,
        model=agent.actor.eval,
        told=("critic_loss", "actor_loss", "held_out_action_error", "mean_value"),
        seen={"transitions_seen": run.updates * run.batch_size},
    )


def train_interval(agent: Agent, batches: Batches, interval: int, tick: Tick) -> dict[str, float]:
    """One interval of updates from a seed of its own; returns how many there were by then, and both losses' means."""
    run = agent.run
    generator = np.random.default_rng([run.seed, interval])
    losses, last = [], min((interval + 1) * run.interval_updates, run.updates)
    for index in range(interval * run.interval_updates, last):
        losses.append(agent.update(batches.draw(generator, run.batch_size), index))
        tick(1)
    critic = torch.stack([critic for critic, _ in losses]).mean()
    actor = torch.stack([actor for _, actor in losses if actor is not None]).mean()
    return {"updates": last, "critic_loss": float(critic), "actor_loss": float(actor)}


@torch.inference_mode()
def held_out(agent: Agent, whole: Episodes) -> dict[str, float]:
    """How far the actor is from the data and what it expects, on episodes it never saw.

    held_out_action_error: mean squared error of its actions, behavior cloning's loss. mean_value: the first critic's mean
    value of its actions, a discounted sum of rewards.
    """
    config = agent.actor.config
    normalized = (whole.observations[whole.valid] - np.float32(config.observation_mean)) / np.float32(config.observation_std)
    observations = torch.from_numpy(normalized)
    actions = agent.actor(observations)
    error = (actions - torch.from_numpy(whole.actions[whole.valid])).square().mean()
    return {"held_out_action_error": float(error), "mean_value": float(agent.critics.value(observations, actions).mean())}


def facts(run: TD3BCTraining, values: dict) -> dict[str, str]:
    """What the checkpoint's card says, by title."""
    return {
        "Model": f"actor of TD3+BC, {values['parameters']:,} parameters; its critics are not kept",
        "Data": f"{run.data}, less {run.held_out_episodes} held-out episodes",
        "Recipe": loop.settings(run),
        "Distance from the data": f"mean squared error {values['held_out_action_error']:.4f} of its actions, held-out episodes",
    }

"""Train TD3+BC on a dataset: the value-based rival of the sequence models.

    python -m pipeline make training/local_td3bc_halfcheetah_s0

Training goes in intervals of updates. Each interval draws from a seed of its own, so that networks and optimizers are all
there is to keep: a killed run resumes at its last interval and ends at the same bytes as an undisturbed one. Only
the actor is kept as the checkpoint.
"""

from __future__ import annotations

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
from pipeline.methods.deterministic_policy import DeterministicPolicyModel
from pipeline.methods.td3_bc.model import Agent, Batches


def state(agent: Agent) -> checkpoints.Tensors:
    """Everything an interval starts from, as named tensors."""
    tensors = {}
    for name, network in agent.networks.items():
        tensors |= {f"{name}.{key}": tensor for key, tensor in network.state_dict().items()}
    for name, optimizer in agent.optimizers.items():
        tensors |= {f"optimizer.{name}.{key}": tensor for key, tensor in checkpoints.optimizer_tensors(optimizer).items()}
    return tensors


def restore(agent: Agent, tensors: checkpoints.Tensors) -> None:
    """The inverse of `state`."""
    for name, network in agent.networks.items():
        network.load_state_dict(checkpoints.subset(tensors, f"{name}."))
    for name, optimizer in agent.optimizers.items():
        checkpoints.load_optimizer(optimizer, checkpoints.subset(tensors, f"optimizer.{name}."))


def train_interval(agent: Agent, batches: Batches, interval: int, tick) -> dict[str, float]:
    """One interval of updates from a seed of its own; returns both losses' means."""
    run = agent.run
    generator = np.random.default_rng([run.seed, interval])
    losses = []
    for index in range(interval * run.interval_updates, min((interval + 1) * run.interval_updates, run.updates)):
        losses.append(agent.update(batches.draw(generator, run.batch_size), index))
        tick()
    critic = torch.stack([critic for critic, _ in losses]).mean()
    actor = torch.stack([actor for _, actor in losses if actor is not None]).mean()
    return {"critic_loss": float(critic), "actor_loss": float(actor)}


@torch.inference_mode()
def held_out(agent: Agent, whole: Episodes) -> dict[str, float]:
    """How far the actor is from the data and what it expects, on episodes it never saw.

    held_out_action_error: mean squared error of its actions, behaviour cloning's loss. mean_value: the first critic's mean
    value of its actions, a discounted sum of rewards.
    """
    config = agent.actor.config
    normalised = (whole.observations[whole.valid] - np.float32(config.observation_mean)) / np.float32(config.observation_std)
    observations = torch.from_numpy(normalised)
    actions = agent.actor(observations)
    error = (actions - torch.from_numpy(whole.actions[whole.valid])).square().mean()
    return {"held_out_action_error": float(error), "mean_value": float(agent.critics.value(observations, actions).mean())}


def train(run, whole: Episodes, work: Path) -> tuple[DeterministicPolicyModel, list[dict]]:
    """Train to the end and return the actor and the curve.

    Progress is kept in `work` after each interval. Raises PipelineError when a loss is no longer finite.
    """
    learn, unseen = whole[: len(whole) - run.held_out_episodes], whole[len(whole) - run.held_out_episodes :]
    batches = Batches(learn)
    torch.manual_seed(run.seed)
    agent = Agent(run, learn)
    saved, curve = work / f"{run.name}.safetensors", []
    if saved.exists():
        tensors, kept = checkpoints.read_tensors(saved)
        if kept["run"] == records.fields(run):
            curve = kept["curve"]
            restore(agent, tensors)
    with tqdm(total=run.updates, initial=len(curve) * run.interval_updates, unit="update", desc=run.name) as bar:
        for interval in range(len(curve), math.ceil(run.updates / run.interval_updates)):
            losses = train_interval(agent, batches, interval, bar.update)
            if not all(map(math.isfinite, losses.values())):
                raise PipelineError(f"{run.name}: a loss is not finite after {bar.n} updates; lower the learning rate")
            updates = min((interval + 1) * run.interval_updates, run.updates)
            curve.append({"updates": updates, **losses, **held_out(agent, unseen)})
            checkpoints.write_tensors(saved, state(agent), {"run": records.fields(run), "curve": curve})
            bar.set_postfix({key: f"{value:.3f}" for key, value in curve[-1].items() if key != "updates"})
    return agent.actor.eval(), curve


def card(run, values: dict) -> str:
    """The checkpoint's card."""
    settings = {
        key.replace("_", " "): value for key, value in records.fields(run).items() if key not in ("name", "data", "method")
    }
    facts = {
        "Model": f"actor of TD3+BC, {values['parameters']:,} parameters; its critics are not kept",
        "Data": f"{run.data}, less {run.held_out_episodes} held-out episodes",
        "Recipe": ", ".join(f"{key} {value}" for key, value in settings.items()),
        "Distance from the data": f"mean squared error {values['held_out_action_error']:.4f} of its actions, held-out episodes",
    }
    curve = values["curve"]
    return checkpoints.card(run.name, facts, curve[:: max(1, len(curve) // 10)] + curve[-1:])


def main() -> None:
    """Train, write the checkpoint, then its evidence, then forget the working state."""
    parser = command.parser(__doc__, recipes.VALUE_TRAININGS)
    recipe = command.find(parser.parse_args().name, recipes.VALUE_TRAININGS)
    run = recipe.run
    guards.refuse_lesser_training(recipe)
    torch.set_num_threads(1)
    whole = training.whole_dataset(run)
    work = files.ROOT / "build" / "training"
    actor, curve = train(run, whole, work)
    values = {
        "updates": run.updates,
        "parameters": sum(parameter.numel() for parameter in actor.parameters()),
        "transitions_seen": run.updates * run.batch_size,
        **{key: curve[-1][key] for key in ("critic_loss", "actor_loss", "held_out_action_error", "mean_value")},
        "curve": curve,
    }
    checkpoints.write_model(files.ROOT / "checkpoints" / run.name, actor, card(run, records.plain(values)))
    records.write(recipe, values)
    (work / f"{run.name}.safetensors").unlink()


if __name__ == "__main__":
    command.run(main)

"""How the behavior policy is trained: soft actor-critic, stopped at the level of D4RL's medium policy.

Training goes in intervals of whole episodes. Each begins with seeds of its own and freshly reset simulators, so that networks,
optimizers and replay buffer are all there is to keep. After each the policy, sampled stochastically, plays 20 episodes.
"""

from __future__ import annotations

import functools

import numpy as np
import torch

from pipeline import PipelineError
from pipeline.evidence import checkpoints
from pipeline.evidence.checkpoints import Tensors
from pipeline.learning import loop
from pipeline.learning.loop import Curve, Tick, Training
from pipeline.methods.soft_actor_critic.model import GaussianPolicyConfig, GaussianPolicyModel
from pipeline.methods.soft_actor_critic.policy import BehaviourPolicy
from pipeline.study import runs
from pipeline.worlds import environments
from pipeline.worlds.world import find_world

REPLAY_ARRAYS = ("observations", "next_observations", "actions", "rewards", "dones", "timeouts")


def trained(agent) -> tuple[dict, dict]:
    """Soft actor-critic's networks, and its three optimizers, by name."""
    optimizers = {"actor": agent.actor.optimizer, "critic": agent.critic.optimizer, "entropy": agent.ent_coef_optimizer}
    return {"policy": agent.policy}, {f"optimizer.{name}": optimizer for name, optimizer in optimizers.items()}


def agent_state(agent) -> Tensors:
    """Everything an interval starts from, as named tensors."""
    count = agent.replay_buffer.size()
    replay = {f"replay.{name}": torch.from_numpy(getattr(agent.replay_buffer, name)[:count].copy()) for name in REPLAY_ARRAYS}
    numbers = {"log_entropy_coefficient": agent.log_ent_coef.data, "updates": torch.tensor(agent._n_updates)}
    return loop.state(*trained(agent)) | replay | numbers


def restore(agent, state: Tensors) -> None:
    """The inverse of `agent_state`."""
    loop.restore(*trained(agent), state)
    buffer = agent.replay_buffer
    for name, tensor in checkpoints.subset(state, "replay.").items():
        getattr(buffer, name)[: len(tensor)] = tensor.numpy()
    buffer.pos = len(state["replay.rewards"])
    agent.log_ent_coef.data.copy_(state["log_entropy_coefficient"])
    agent._n_updates = int(state["updates"])


def make_agent(run: runs.Behavior):
    """Stable-baselines3's soft actor-critic with its published defaults."""
    from stable_baselines3 import SAC

    return SAC(
        "MlpPolicy",
        environments.make(run.environment),
        learning_rate=run.learning_rate,
        batch_size=run.batch_size,
        buffer_size=run.maximum_steps,
        learning_starts=run.random_steps,
        policy_kwargs={"net_arch": list(run.hidden_sizes)},
        seed=run.seed,
        device="cpu",
    )


def actor_model(agent, run: runs.Behavior) -> GaussianPolicyModel:
    """The actor of stable-baselines3 as a model of our own."""
    world = find_world(run.environment)
    model = GaussianPolicyModel(GaussianPolicyConfig(world.observation_dim, world.action_dim, run.hidden_sizes))
    theirs = {"trunk": agent.actor.latent_pi, "mean": agent.actor.mu, "log_std": agent.actor.log_std}
    model.load_state_dict(
        {f"{ours}.{key}": value for ours, module in theirs.items() for key, value in module.state_dict().items()}
    )
    return model.eval()


def train_interval(agent, run: runs.Behavior, interval: int, tick: Tick) -> dict[str, int]:
    """One interval: own seeds, fresh simulators, one gradient update per environment step; returns the steps taken by then."""
    agent.set_random_seed(run.seed + 1000 * (interval + 1))
    agent._last_obs = None
    agent.num_timesteps = interval * run.interval_steps
    agent.learn(run.interval_steps, reset_num_timesteps=False)
    tick(run.interval_steps)
    return {"steps": (interval + 1) * run.interval_steps}


def measure(agent, run: runs.Behavior) -> dict:
    """Returns of the stochastic policy over the run's evaluation episodes, and their mean."""
    policy = BehaviourPolicy(actor_model(agent, run))
    episodes = environments.play(policy, run.environment, range(10_000, 10_000 + run.evaluation_episodes))
    returns = [round(float(total), 3) for total in episodes["rewards"].sum(axis=1)]
    return {"return_mean": round(float(np.mean(returns)), 3), "returns": returns}


def reached(run: runs.Behavior, curve: Curve) -> bool:
    """Whether the policy's mean return has reached `target_return - tolerance`.

    Raises:
        PipelineError: `maximum_steps` have passed without reaching it.
    """
    if curve and curve[-1]["return_mean"] >= run.target_return - run.tolerance:
        return True
    if len(curve) * run.interval_steps >= run.maximum_steps:
        raise PipelineError(f"{run.name} did not reach a return of {run.target_return} in {run.maximum_steps} steps")
    return False


def read(run: runs.Behavior) -> None:
    """Nothing: what is learned from is played meanwhile."""
    return None


def prepare(run: runs.Behavior, nothing: None = None) -> Training:
    """A new agent, trained until the level is reached."""
    agent = make_agent(run)
    return Training(
        interval=functools.partial(train_interval, agent, run),
        measure=functools.partial(measure, agent, run),
        state=functools.partial(agent_state, agent),
        restore=functools.partial(restore, agent),
        ended=functools.partial(reached, run),
        total=run.maximum_steps,
        model=functools.partial(actor_model, agent, run),
        told=("return_mean",),
        seen={},
        unit="steps",
    )


def facts(run: runs.Behavior, values: dict) -> dict[str, str]:
    """What the checkpoint's card says, by title."""
    return {
        "Model": f"tanh-Gaussian policy, hidden layers {' and '.join(map(str, run.hidden_sizes))}",
        "Trained by": "soft actor-critic (stable-baselines3)",
        "Steps": f"{values['steps']:,} of {run.environment}, seed {run.seed}",
        "Stopped": f"when {run.evaluation_episodes} stochastic episodes first averaged {run.target_return - run.tolerance:.0f}",
        "Return then": f"{values['return_mean']:.0f} (mean of {run.evaluation_episodes} episodes)",
        "Used for": "collecting the medium dataset",
    }

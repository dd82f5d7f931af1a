"""Train the behaviour policy: soft actor-critic, stopped at the level of D4RL's medium policy.

    python -m pipeline make training/local_sac_halfcheetah_medium

Training goes in intervals of whole episodes. Each interval begins with seeds of its own and freshly reset simulators, so
that networks, optimizers and replay buffer are all there is to keep: a killed run resumes at its last interval and ends
at the same bytes as an undisturbed one. After each interval the policy, sampled stochastically, plays 20 episodes.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from tqdm import tqdm

from pipeline import PipelineError, files
from pipeline.evidence import checkpoints, recipes, records
from pipeline.evidence.records import Recipe
from pipeline.graph import command
from pipeline.methods.soft_actor_critic.model import GaussianPolicyConfig, GaussianPolicyModel
from pipeline.policies.behaviour import BehaviourPolicy
from pipeline.study import runs
from pipeline.worlds import environments
from pipeline.worlds.world import find_world

REPLAY_ARRAYS = ("observations", "next_observations", "actions", "rewards", "dones", "timeouts")


def optimizers(agent) -> dict[str, torch.optim.Optimizer]:
    """Soft actor-critic's three optimizers by name."""
    return {"actor": agent.actor.optimizer, "critic": agent.critic.optimizer, "entropy": agent.ent_coef_optimizer}


def agent_state(agent) -> dict[str, torch.Tensor]:
    """Everything an interval starts from, as named tensors."""
    count = agent.replay_buffer.size()
    state = {f"policy.{name}": tensor for name, tensor in agent.policy.state_dict().items()}
    state |= {f"replay.{name}": torch.from_numpy(getattr(agent.replay_buffer, name)[:count].copy()) for name in REPLAY_ARRAYS}
    for name, optimizer in optimizers(agent).items():
        state |= {f"optimizer.{name}.{key}": tensor for key, tensor in checkpoints.optimizer_tensors(optimizer).items()}
    return state | {"log_entropy_coefficient": agent.log_ent_coef.data, "updates": torch.tensor(agent._n_updates)}


def restore(agent, state: dict[str, torch.Tensor]) -> None:
    """The inverse of `agent_state`."""
    agent.policy.load_state_dict(checkpoints.subset(state, "policy."))
    buffer = agent.replay_buffer
    for name, tensor in checkpoints.subset(state, "replay.").items():
        getattr(buffer, name)[: len(tensor)] = tensor.numpy()
    buffer.pos = len(state["replay.rewards"])
    agent.log_ent_coef.data.copy_(state["log_entropy_coefficient"])
    for name, optimizer in optimizers(agent).items():
        checkpoints.load_optimizer(optimizer, checkpoints.subset(state, f"optimizer.{name}."))
    agent._n_updates = int(state["updates"])


def make_agent(run: runs.Behaviour):
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


def actor_model(agent, run: runs.Behaviour) -> GaussianPolicyModel:
    """The actor of stable-baselines3 as a model of our own."""
    world = find_world(run.environment)
    model = GaussianPolicyModel(GaussianPolicyConfig(world.observation_dim, world.action_dim, run.hidden_sizes))
    theirs = {"trunk": agent.actor.latent_pi, "mean": agent.actor.mu, "log_std": agent.actor.log_std}
    model.load_state_dict(
        {f"{ours}.{key}": value for ours, module in theirs.items() for key, value in module.state_dict().items()}
    )
    return model.eval()


def train_interval(agent, run: runs.Behaviour, interval: int) -> None:
    """One interval: own seeds, fresh simulators, one gradient update per environment step."""
    agent.set_random_seed(run.seed + 1000 * (interval + 1))
    agent._last_obs = None
    agent.num_timesteps = interval * run.interval_steps
    agent.learn(run.interval_steps, reset_num_timesteps=False)


def measure(agent, run: runs.Behaviour) -> list[float]:
    """Returns of the stochastic policy over the run's evaluation episodes."""
    policy = BehaviourPolicy(actor_model(agent, run))
    episodes = environments.play(policy, run.environment, range(10_000, 10_000 + run.evaluation_episodes))
    return [round(float(total), 3) for total in episodes["rewards"].sum(axis=1)]


def reached(run: runs.Behaviour, curve: list[dict]) -> bool:
    """Whether the policy's mean return has reached `target_return - tolerance`.

    Raises:
        PipelineError: `maximum_steps` have passed without reaching it.
    """
    if curve and curve[-1]["return_mean"] >= run.target_return - run.tolerance:
        return True
    if len(curve) * run.interval_steps >= run.maximum_steps:
        raise PipelineError(f"{run.name} did not reach a return of {run.target_return} in {run.maximum_steps} steps")
    return False


def train(
    run: runs.Behaviour,
    work: Path,
    ended: Callable[[runs.Behaviour, list[dict]], bool] = reached,
    keep: Callable[[object, int], dict] = lambda agent, steps: {},
) -> tuple[GaussianPolicyModel, list[dict]]:
    """Train until it has ended; return the policy and its learning curve. Progress is kept in `work` after each interval.

    Args:
        ended: whether training is over, by its curve so far.
        keep: given the agent and the steps it has taken after an interval, what else that point of the curve tells.

    Raises:
        PipelineError: whatever `ended` raises.
    """
    agent = make_agent(run)
    saved, curve = work / "state.safetensors", []
    if saved.exists():
        tensors, metadata = checkpoints.read_tensors(saved)
        if metadata["run"] == records.fields(run):
            curve = metadata["curve"]
            restore(agent, tensors)
    with tqdm(total=run.maximum_steps, initial=len(curve) * run.interval_steps, unit="step", desc=run.name) as bar:
        while not ended(run, curve):
            train_interval(agent, run, len(curve))
            returns = measure(agent, run)
            steps = (len(curve) + 1) * run.interval_steps
            point = {"steps": steps, "return_mean": round(float(np.mean(returns)), 3), "returns": returns}
            curve.append({**point, **keep(agent, steps)})
            checkpoints.write_tensors(saved, agent_state(agent), {"run": records.fields(run), "curve": curve})
            bar.update(run.interval_steps)
            bar.set_postfix(mean_return=round(curve[-1]["return_mean"]))
    return actor_model(agent, run), curve


def card(run: runs.Behaviour, curve: list[dict]) -> str:
    """The checkpoint's card."""
    facts = {
        "Model": f"tanh-Gaussian policy, hidden layers {' and '.join(map(str, run.hidden_sizes))}",
        "Trained by": "soft actor-critic (stable-baselines3)",
        "Steps": f"{curve[-1]['steps']:,} of {run.environment}, seed {run.seed}",
        "Stopped": f"when {run.evaluation_episodes} stochastic episodes first averaged {run.target_return - run.tolerance:.0f}",
        "Return then": f"{curve[-1]['return_mean']:.0f} (mean of {run.evaluation_episodes} episodes)",
        "Used for": "collecting the medium dataset",
    }
    return checkpoints.card(
        run.name, facts, [{"steps": point["steps"], "mean return": point["return_mean"]} for point in curve[::3] + curve[-1:]]
    )


def finish(recipe: Recipe, model: GaussianPolicyModel, curve: list[dict], card: str, work: Path) -> None:
    """Write the checkpoint, then its evidence, then forget the working state."""
    checkpoints.write_model(files.ROOT / "checkpoints" / recipe.name, model, card)
    parameters = sum(parameter.numel() for parameter in model.parameters())
    records.write(
        recipe, {"steps": curve[-1]["steps"], "parameters": parameters, "return_mean": curve[-1]["return_mean"], "curve": curve}
    )
    shutil.rmtree(work)


def main() -> None:
    """Train, write the checkpoint, then its evidence, then forget the working state."""
    parser = command.parser(__doc__, recipes.BEHAVIOURS)
    recipe = command.find(parser.parse_args().name, recipes.BEHAVIOURS)
    torch.set_num_threads(1)
    work = files.ROOT / "build" / "training" / recipe.name
    model, curve = train(recipe.run, work)
    finish(recipe, model, curve, card(recipe.run, curve), work)


if __name__ == "__main__":
    command.run(main)

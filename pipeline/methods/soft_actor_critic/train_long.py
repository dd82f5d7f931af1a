"""Train the behaviour policy past the level where it was stopped, and keep the policy of every interval.

    python -m pipeline make training/local_sac_halfcheetah_long

The same training as that of `train` beside it, interval for interval: until that one stops, both give the same bytes. The
policies are kept in `data/<name>/`, one file for each interval; a killed run resumes at its last interval.
"""

from __future__ import annotations

from pathlib import Path

import torch

from pipeline import files
from pipeline.evidence import checkpoints, recipes
from pipeline.graph import command
from pipeline.methods.soft_actor_critic import train as train_behaviour
from pipeline.methods.soft_actor_critic.model import GaussianPolicyConfig, GaussianPolicyModel
from pipeline.worlds.world import find_world


def kept_policy(name: str, steps: int, root: Path = files.ROOT) -> Path:
    """The file that holds the policy after so many steps of a long training."""
    return Path(root) / "data" / name / f"steps_{steps:06}.safetensors"


def read_policy(path: Path, environment: str, hidden_sizes: tuple[int, ...]) -> GaussianPolicyModel:
    """A kept policy, for a world.

    Raises:
        CheckpointError: the file is missing or cannot be read.
    """
    world = find_world(environment)
    model = GaussianPolicyModel(GaussianPolicyConfig(world.observation_dim, world.action_dim, hidden_sizes))
    model.load_state_dict(checkpoints.read_tensors(path)[0])
    return model.eval()


def ended(run, curve: list[dict]) -> bool:
    """Whether all of a training's steps are taken."""
    return len(curve) * run.interval_steps >= run.maximum_steps


def train(run, work: Path, root: Path = files.ROOT) -> tuple[GaussianPolicyModel, list[dict]]:
    """Train to `maximum_steps`; return the last policy and the learning curve, in which each point names its policy's sha256.

    Progress is kept in `work` after each interval, the interval's policy below `root` before it.
    """

    def keep(agent, steps: int) -> dict:
        policy = kept_policy(run.name, steps, root)
        checkpoints.write_tensors(policy, train_behaviour.actor_model(agent, run).state_dict())
        return {"policy_sha256": files.sha256(policy)}

    return train_behaviour.train(run, work, ended, keep)


def card(run, curve: list[dict]) -> str:
    """The checkpoint's card."""
    facts = {
        "Model": f"tanh-Gaussian policy, hidden layers {' and '.join(map(str, run.hidden_sizes))}",
        "Trained by": "soft actor-critic (stable-baselines3)",
        "Steps": f"{curve[-1]['steps']:,} of {run.environment}, seed {run.seed}",
        "Return then": f"{curve[-1]['return_mean']:.0f} (mean of {run.evaluation_episodes} stochastic episodes)",
        "Used for": "data better than the medium dataset; its policies on the way, for the log of a whole training",
    }
    return checkpoints.card(
        run.name, facts, [{"steps": point["steps"], "mean return": point["return_mean"]} for point in curve[::10] + curve[-1:]]
    )


def main() -> None:
    """Train, write the last policy's checkpoint, then the evidence, then forget the working state; kept policies stay."""
    parser = command.parser(__doc__, recipes.LONG_BEHAVIOURS)
    recipe = command.find(parser.parse_args().name, recipes.LONG_BEHAVIOURS)
    torch.set_num_threads(1)
    work = files.ROOT / "build" / "training" / recipe.name
    model, curve = train(recipe.run, work)
    train_behaviour.finish(recipe, model, curve, card(recipe.run, curve), work)


if __name__ == "__main__":
    command.run(main)

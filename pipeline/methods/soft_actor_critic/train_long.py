"""How the behavior policy is trained past the level where it was stopped; the policy of every interval is kept.

The same training as that of `train` beside it, interval for interval: until that one stops, both give the same bytes. The
policies are kept in `data/<name>/`, one file for each interval.
"""

from __future__ import annotations

import functools
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline import files
from pipeline.evidence import checkpoints
from pipeline.learning.loop import Curve, Tick, Training
from pipeline.methods.soft_actor_critic import train
from pipeline.methods.soft_actor_critic.model import GaussianPolicyConfig, GaussianPolicyModel
from pipeline.methods.soft_actor_critic.train import read  # noqa: F401 - the same
from pipeline.worlds.world import find_world

if TYPE_CHECKING:
    from pipeline.methods.soft_actor_critic.settings import LongBehavior


def kept_policy(name: str, steps: int) -> Path:
    """The file that holds the policy after so many steps of a long training."""
    return files.ROOT / "data" / name / f"steps_{steps:06}.safetensors"


def read_policy(path: Path, environment: str, hidden_sizes: tuple[int, ...]) -> GaussianPolicyModel:
    """A kept policy, for a world.

    Raises:
        CheckpointError: the file is missing or cannot be read.
    """
    world = find_world(environment)
    model = GaussianPolicyModel(GaussianPolicyConfig(world.observation_dim, world.action_dim, hidden_sizes))
    model.load_state_dict(checkpoints.read_tensors(path)[0])
    return model.eval()


def prepare(run: LongBehavior, nothing: None = None) -> Training:
    """A new agent, trained to `maximum_steps`; each interval's policy is kept before its progress is, and its point of the
    curve names the file's sha256.
    """
    training = train.prepare(run)

    def interval(number: int, tick: Tick) -> dict:
        point = training.interval(number, tick)
        policy = kept_policy(run.name, point["steps"])
        checkpoints.write_tensors(policy, training.model().state_dict())
        return {**point, "policy_sha256": files.sha256(policy)}

    return training._replace(interval=interval, ended=functools.partial(all_taken, run))


def facts(run: LongBehavior, values: dict) -> dict[str, str]:
    """What the checkpoint's card says, by title."""
    use = "data better than the medium dataset; its policies on the way, for the log of a whole training"
    return {**train.facts(run, values), "Stopped": f"after {run.maximum_steps:,} steps", "Used for": use}


def all_taken(run: LongBehavior, curve: Curve) -> bool:
    """Whether all of a training's steps are taken."""
    return len(curve) * run.interval_steps >= run.maximum_steps

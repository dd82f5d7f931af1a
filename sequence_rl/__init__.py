"""Offline RL as sequence modeling: the models and planners of *Transformers, take the Wheel!* as a library.

    import gymnasium, numpy as np, sequence_rl

    policy = sequence_rl.load_policy("checkpoints/local_tt_halfcheetah", beams=32, horizon=5)
    policy.reset([100])
    observation, _ = gymnasium.make("HalfCheetah-v4").reset(seed=100)
    action = policy.act(observation[None].astype(np.float32), np.zeros(1))

A policy plays many episodes at once: `reset(seeds)` begins them, `act(observations, rewards)` takes observations (episode,
observation) and the rewards (episode,) that the last actions earned, zeros at first, and gives actions (episode, action).

Names are imported when they are first used: statistics and worlds do without torch. `import sequence_rl.models` has
transformers' `AutoConfig` and `AutoModel` know the models. What is public is named in `__all__`, and keeps to semantic
versioning; everything else may change.
"""

from __future__ import annotations

import importlib
import importlib.util
from importlib import metadata

CORE = "sequence_rl.core" if importlib.util.find_spec("sequence_rl.core") else "pipeline"  # the second in a checkout
TRANSFORMER = f"{CORE}.methods.trajectory_transformer"
PUBLIC = {  # what is public, by name, with the module that holds it
    "Error": f"{CORE}:PipelineError",
    "load_policy": "sequence_rl.loading",
    "save_policy": "sequence_rl.loading",
    "TrajectoryTransformerConfig": f"{TRANSFORMER}.model",
    "TrajectoryTransformerModel": f"{TRANSFORMER}.model",
    "TrajectoryTransformerPolicy": f"{TRANSFORMER}.policy",
    "QuantileDiscretizer": f"{TRANSFORMER}.discretization",
    "fit_discretizer": f"{TRANSFORMER}.discretization:fit",
    "Search": f"{TRANSFORMER}.planning",
    "Plans": f"{TRANSFORMER}.planning",
    "plan": f"{TRANSFORMER}.planning",
    "Decoder": f"{TRANSFORMER}.decoding",
    "LeapConfig": f"{CORE}.methods.leap.model",
    "LeapModel": f"{CORE}.methods.leap.model",
    "LeapPolicy": f"{CORE}.methods.leap.policy",
    "refine": f"{CORE}.methods.leap.refinement",
    "DecisionTransformerPolicy": f"{CORE}.methods.decision_transformer.policy",
    "DeterministicPolicyConfig": f"{CORE}.methods.perceptron.model",
    "DeterministicPolicyModel": f"{CORE}.methods.perceptron.model",
    "DeterministicPolicy": f"{CORE}.methods.perceptron.policy",
    "World": f"{CORE}.worlds.world",
    "WORLDS": f"{CORE}.worlds.world",
    "find_world": f"{CORE}.worlds.world",
    "Level": f"{CORE}.worlds.levels",
    "LEVELS": f"{CORE}.worlds.levels",
    "play_level": f"{CORE}.worlds.levels:play",
    "t_interval": f"{CORE}.statistics.intervals",
    "wilson": f"{CORE}.statistics.proportions",
    "mcnemar": f"{CORE}.statistics.verdicts",
    "holm": f"{CORE}.statistics.verdicts",
    "attention_patterns": f"{CORE}.statistics.patterns:measure",
}
__all__ = sorted(PUBLIC)


def __getattr__(name: str) -> object:
    """A public name, imported now."""
    if name == "__version__":
        return metadata.version("transformers-take-the-wheel")
    if name not in PUBLIC:
        raise AttributeError(f"module 'sequence_rl' has no attribute {name!r}")
    module, _, other = PUBLIC[name].partition(":")
    globals()[name] = found = getattr(importlib.import_module(module), other or name)
    return found


def __dir__() -> list[str]:
    """What is public."""
    return [*__all__, "__version__"]

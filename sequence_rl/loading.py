"""Policies from checkpoints: a folder, or a model on the hub."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from sequence_rl import CORE, Error

DISCRETIZER = "discretizer.safetensors"  # beside a Trajectory Transformer's weights


def trajectory_transformer(folder: Path, options: dict):
    """Plans with a Trajectory Transformer; options are `Search`'s."""
    from sequence_rl import Search, TrajectoryTransformerModel, TrajectoryTransformerPolicy

    model = TrajectoryTransformerModel.from_pretrained(folder, local_files_only=True)
    bins = discretization().read(folder / DISCRETIZER, model.config.vocab_size, model.config.transition_dim)
    return TrajectoryTransformerPolicy(model, bins, Search(**options))


def decision_transformer(folder: Path, options: dict):
    """Asks a Decision Transformer for `target_return`."""
    from transformers import DecisionTransformerModel

    from sequence_rl import DecisionTransformerPolicy

    model = DecisionTransformerModel.from_pretrained(folder, local_files_only=True, attn_implementation="eager")
    return DecisionTransformerPolicy(model, **options)


def leap(folder: Path, options: dict):
    """Refines plans of `horizon` actions for `iterations`; also `sampler` and `replan`."""
    from sequence_rl import LeapModel, LeapPolicy

    return LeapPolicy(LeapModel.from_pretrained(folder, local_files_only=True), **options)


def perceptron(folder: Path, options: dict):
    """Behavior cloning and TD3+BC; no options."""
    from sequence_rl import DeterministicPolicy, DeterministicPolicyModel

    return DeterministicPolicy(DeterministicPolicyModel.from_pretrained(folder, local_files_only=True), **options)


LOADERS: dict[str, Callable] = {  # by the model type that a checkpoint's configuration names
    "trajectory_transformer": trajectory_transformer,
    "decision_transformer": decision_transformer,
    "leap": leap,
    "deterministic_policy": perceptron,
}


def discretization():
    """The module that reads and writes a Trajectory Transformer's bins."""
    import importlib

    return importlib.import_module(f"{CORE}.methods.trajectory_transformer.discretization")


def find(name: str | Path, revision: str | None) -> Path:
    """A checkpoint's folder; one that is no folder here is fetched from the hub.

    Raises:
        Error: it is neither here nor there, or the hub's revision is not named.
    """
    if Path(name).is_dir():
        return Path(name)
    if revision is None:
        raise Error(f"there is no folder {name}; a model on the hub needs a revision, which is what was looked at")
    from huggingface_hub import errors, snapshot_download

    try:
        return Path(snapshot_download(str(name), revision=revision, allow_patterns=["*.json", "*.safetensors"]))
    except (errors.HFValidationError, errors.HfHubHTTPError, errors.LocalEntryNotFoundError, OSError) as error:
        raise Error(f"{name} at {revision} cannot be fetched: {' '.join(str(error).split())[:200]}") from None


def load_policy(name: str | Path, revision: str | None = None, **options):
    """The policy of a checkpoint, ready to play: `reset(seeds)`, then `act(observations, rewards)`.

    Args:
        name: a folder with `config.json` and `model.safetensors`, or a model on the hub.
        revision: the hub's commit, which must be named there.
        options: how it acts. Of a Trajectory Transformer those of `Search` (beams, horizon, context and so on); of a
            Decision Transformer `target_return`; of LEAP `horizon`, `iterations`, `sampler` and `replan`.

    Raises:
        Error: there is no such checkpoint, its kind is not known, it is damaged, or it takes no such option.
    """
    folder = find(name, revision)
    try:
        kind = json.loads((folder / "config.json").read_text(encoding="utf-8"))["model_type"]
    except (OSError, ValueError, LookupError, TypeError):
        raise Error(f"{folder / 'config.json'} does not say what model this is") from None
    if kind not in LOADERS:
        raise Error(f"{folder} holds a model of type {kind!r}; known are {', '.join(LOADERS)}")
    try:
        policy = LOADERS[kind](folder, options)
    except TypeError as error:
        raise Error(f"a {kind} policy cannot be made with {', '.join(options) or 'no options'}: {error}") from None
    except OSError as error:
        raise Error(f"{folder} cannot be loaded: {' '.join(str(error).split())[:200]}") from None
    broken = [key for key, tensor in policy.model.state_dict().items() if not tensor.isfinite().all()]
    if broken:
        raise Error(f"{folder} holds weights that are not finite, in {broken[0]}")
    return policy


def save_policy(policy, folder: str | Path) -> Path:
    """Write a policy's model, and a Trajectory Transformer's bins beside it, as `load_policy` reads them; returns the folder.

    The model's own `save_pretrained` and `push_to_hub` write the model alone.
    """
    folder = Path(folder)
    policy.model.save_pretrained(folder)
    if hasattr(policy, "discretizer"):
        discretization().write(folder / DISCRETIZER, policy.discretizer)
    return folder

"""Policies from checkpoints: a folder, or a model on the hub."""

from __future__ import annotations

import importlib
import json
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Protocol

from sequence_rl import CORE, Error

if TYPE_CHECKING:
    import numpy as np
    from transformers import PreTrainedModel


class Policy(Protocol):
    """Plays many episodes at once; on BabyAI's levels it is given views and who is still playing, see `play_level`."""

    model: PreTrainedModel

    def reset(self, seeds: Sequence[int]) -> None:
        """Begin one episode per seed."""

    def act(self, observations: np.ndarray, rewards: np.ndarray) -> np.ndarray:
        """Actions (episode, action) for observations (episode, observation) float32 and the last rewards (episode,)."""


def whole(kind: type[PreTrainedModel], folder: Path, **options) -> PreTrainedModel:
    """The model of a folder, with all of its weights and no others.

    Raises:
        Error: some are missing, left over, of another shape or not finite.
    """
    model, report = kind.from_pretrained(folder, local_files_only=True, output_loading_info=True, **options)
    for what in ("missing_keys", "unexpected_keys", "mismatched_keys"):
        if report.get(what):
            raise Error(f"{folder} has {what.replace('_', ' ')}, such as {sorted(map(str, report[what]))[0]}")
    for key, tensor in model.state_dict().items():
        if not tensor.isfinite().all():
            raise Error(f"{folder} holds weights that are not finite, in {key}")
    return model


def trajectory_transformer(folder: Path, options: dict) -> Policy:
    """Plans with a Trajectory Transformer; options are `Search`'s."""
    from sequence_rl import Search, TrajectoryTransformerModel, TrajectoryTransformerPolicy

    model, module = whole(TrajectoryTransformerModel, folder), discretization()
    bins = module.read(folder / module.FILE, model.config.vocab_size, model.config.transition_dim)
    return TrajectoryTransformerPolicy(model, bins, Search(**options))


def decision_transformer(folder: Path, options: dict) -> Policy:
    """Asks a Decision Transformer for `target_return`."""
    from transformers import DecisionTransformerModel

    from sequence_rl import DecisionTransformerPolicy

    return DecisionTransformerPolicy(whole(DecisionTransformerModel, folder, attn_implementation="eager"), **options)


def leap(folder: Path, options: dict) -> Policy:
    """Refines plans of `horizon` actions for `iterations`; also `sampler` and `replan`."""
    from sequence_rl import LeapModel, LeapPolicy

    model = whole(LeapModel, folder)
    if model.config.causal:
        raise Error(f"{folder} reads actions from left to right alone, and has no plan to refine")
    return LeapPolicy(model, **options)


def perceptron(folder: Path, options: dict) -> Policy:
    """Behavior cloning and TD3+BC; no options."""
    from sequence_rl import DeterministicPolicy, DeterministicPolicyModel

    model = whole(DeterministicPolicyModel, folder)
    if (getattr(model.config, "training", None) or {}).get("method") == "return_conditioned_cloning":
        raise Error(f"{folder} is told a return beside the observation, which this library does not play")
    return DeterministicPolicy(model, **options)


LOADERS: dict[str, Callable[[Path, dict], Policy]] = {  # by the model type that a checkpoint's configuration names
    "trajectory_transformer": trajectory_transformer,
    "decision_transformer": decision_transformer,
    "leap": leap,
    "deterministic_policy": perceptron,
}


def discretization() -> ModuleType:
    """The module that reads and writes a Trajectory Transformer's bins."""
    return importlib.import_module(f"{CORE}.methods.trajectory_transformer.discretization")


def one_line(error: Exception) -> str:
    """What an error says, shortened to a sentence."""
    said = " ".join(str(error).split()) or type(error).__name__
    return said if len(said) <= 300 else f"{said[:300].rpartition(' ')[0]} …"


def find(name: str | Path, revision: str | None) -> Path:
    """A checkpoint's folder; one that is no folder here is fetched from the hub.

    Raises:
        Error: it is neither here nor there, or the hub's revision is not named.
    """
    folder = Path(name).expanduser()
    if str(name) and folder.is_dir():
        return folder
    if revision is None:
        raise Error(f"there is no folder {str(name)!r}; of a model on the hub name the commit too, revision=…")
    from huggingface_hub import snapshot_download

    try:
        return Path(snapshot_download(str(name), revision=revision, allow_patterns=["*.json", "*.safetensors"]))
    except Exception as error:  # the hub's client has many kinds
        raise Error(f"{name} at {revision} cannot be fetched: {one_line(error)}") from None


def load_policy(name: str | Path, revision: str | None = None, **options) -> Policy:
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
    except (OSError, ValueError, LookupError, TypeError, RecursionError):
        raise Error(f"{folder / 'config.json'} does not say what model this is") from None
    if not isinstance(kind, str) or kind not in LOADERS:
        raise Error(f"{folder} holds a model of type {kind!r}; known are {', '.join(LOADERS)}")
    try:
        return LOADERS[kind](folder, options)
    except Error:
        raise
    except Exception as error:  # a wrong configuration makes transformers fail wherever it is first used
        told = f" with {', '.join(options)}" if options else " without options"
        raise Error(f"{folder} gives no {kind} policy{told}: {one_line(error)}") from error


def save_policy(policy: Policy, folder: str | Path) -> Path:
    """Write a policy's model, and a Trajectory Transformer's bins beside it, as `load_policy` reads them; returns the folder.

    Each file is written beside its place and renamed. The model's own `save_pretrained` and `push_to_hub` leave out the bins.

    Raises:
        Error: the folder is a file.
    """
    folder = Path(folder).expanduser()
    if folder.exists() and not folder.is_dir():
        raise Error(f"{folder} is no folder")
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder, prefix=".saving") as place:
        policy.model.save_pretrained(place)
        if hasattr(policy, "discretizer"):
            module = discretization()
            module.write(Path(place) / module.FILE, policy.discretizer)
        for path in sorted(Path(place).iterdir(), reverse=True):  # weights before the configuration that names them
            path.replace(folder / path.name)
    return folder

"""Published checkpoints as checkpoints of this project: read once from the files the hub serves, checked, and kept in
`checkpoints/hub_*` beside those trained here, in the same form. What plays, looks and times them knows no difference.

What the published files leave out comes from the run (`study.runs`): for the Decision Transformer the context's length and
the scales of states and returns, for the Trajectory Transformer the thresholds of its bins, made anew from D4RL's dataset.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import pickle
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from transformers import DecisionTransformerConfig, DecisionTransformerModel

from pipeline import PipelineError, files
from pipeline.data import episodes
from pipeline.evidence import checkpoints, processes, recipes
from pipeline.hub import client
from pipeline.hub.client import HubError
from pipeline.methods.trajectory_transformer import discretization
from pipeline.methods.trajectory_transformer.model import TrajectoryTransformerConfig, TrajectoryTransformerModel
from pipeline.study import runs
from pipeline.worlds.world import find_world

if TYPE_CHECKING:
    from pipeline.study.trainings import PublishedCheckpoint, PublishedTrajectoryTransformer

CONFIG, WEIGHTS = "config.json", "pytorch_model.bin"
# written by the library that saved a file, for itself; the tokens of GPT-2's vocabulary mean nothing here
LIBRARY_FIELDS = ("architectures", "torch_dtype", "dtype", "transformers_version", "bos_token_id", "eos_token_id", "model_type")
# causal masks, which old versions of transformers kept among the weights
MASKS = (".attn.bias", ".attn.masked_bias", ".attn.mask")


def read_config(path: Path) -> dict:
    """The published settings, those of the library left out.

    Raises:
        HubError: it is no JSON object.
    """
    try:
        fields = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise HubError(f"{path} is not valid JSON ({error}): {client.RELOCK}") from None
    if not isinstance(fields, dict):
        raise HubError(f"{path} is not an object of settings: {client.RELOCK}")
    return {name: value for name, value in fields.items() if name not in LIBRARY_FIELDS}


def read_weights(path: Path) -> checkpoints.Tensors:
    """Named tensors of a `pytorch_model.bin`, a pickle, read as tensors and nothing else; masks are left out.

    Raises:
        HubError: it holds something else, of which no code has run, or cannot be read.
    """
    try:
        found = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError:
        raise HubError(f"{path} was refused: it is damaged or holds more than tensors, and none of it was run") from None
    except Exception as error:  # damaged archives fail in many ways
        raise HubError(f"{path} cannot be read ({' '.join(str(error).split())[:120] or type(error).__name__})") from None
    if not isinstance(found, dict) or not all(
        isinstance(name, str) and isinstance(tensor, torch.Tensor) for name, tensor in found.items()
    ):
        raise HubError(f"{path} does not hold tensors by name")
    return {name: tensor for name, tensor in found.items() if not name.endswith(MASKS)}


def fill(model, tensors: checkpoints.Tensors, path: Path):
    """The model with these weights, every one of them and no other.

    Raises:
        HubError: one is missing, too many, of another shape, or not finite.
    """
    wanted = model.state_dict()
    for name in sorted(wanted.keys() | tensors.keys()):
        if name not in tensors or name not in wanted:
            raise HubError(f"{path} has {'no' if name in wanted else 'an unknown'} tensor {name}")
        if tensors[name].shape != wanted[name].shape:
            shapes = tuple(tensors[name].shape), tuple(wanted[name].shape)
            raise HubError(f"{path}: {name} has shape {shapes[0]}, the configuration says {shapes[1]}")
        if not tensors[name].is_floating_point() or not torch.isfinite(tensors[name]).all():
            raise HubError(f"{path}: {name} holds a weight that is not a finite number")
    model.load_state_dict(tensors)
    return model.eval()


def decision_transformer(run: runs.PublishedDecisionTransformer, paths: dict[str, Path]) -> DecisionTransformerModel:
    """The published Decision Transformer, with what its files leave out.

    GPT-2's own position embedding stays at index 0, as published: transformers' model sees to it, and embeds time steps.
    """
    fields = read_config(paths[CONFIG]) | {
        "bos_token_id": None,
        "eos_token_id": None,
        "context_length": run.context_length,
        "return_scale": run.return_scale,
        "observation_mean": list(run.observation_mean),
        "observation_std": list(run.observation_std),
    }
    return build(DecisionTransformerModel, DecisionTransformerConfig, fields, paths)


def trajectory_transformer(run: runs.PublishedTrajectoryTransformer, paths: dict[str, Path]) -> TrajectoryTransformerModel:
    """The published Trajectory Transformer, in this project's own class: transformers 5 no longer has one."""
    return build(TrajectoryTransformerModel, TrajectoryTransformerConfig, read_config(paths[CONFIG]), paths)


def build(model_class, config_class, fields: dict, paths: dict[str, Path]):
    """A model from its settings and the file of its weights."""
    try:
        model = model_class(config_class(**fields))
    except Exception as error:  # wrong settings fail wherever they are first used
        said = " ".join(str(error).split())[:160] or type(error).__name__
        raise HubError(f"{paths[CONFIG]} is no configuration of a {model_class.__name__} ({said})") from None
    return fill(model, read_weights(paths[WEIGHTS]), paths[WEIGHTS])


READERS = {"decision_transformer": decision_transformer, "trajectory_transformer": trajectory_transformer}


def read(run: PublishedCheckpoint, paths: dict[str, Path]):
    """The model that published files hold.

    Raises:
        HubError: they hold another, or none.
    """
    model = READERS[run.method](run, paths)
    sizes = model.config
    observation, action = (
        (sizes.state_dim, sizes.act_dim) if run.method == "decision_transformer" else (sizes.observation_dim, sizes.action_dim)
    )
    world = find_world(run.recorded_in)
    if (observation, action) != (world.observation_dim, world.action_dim):
        known = f"{run.recorded_in}'s {world.observation_dim} and {world.action_dim}"
        raise HubError(f"{paths[CONFIG]} is for {observation} observations and {action} actions, not {known}")
    return model


def origin(run: PublishedCheckpoint) -> dict:
    """What a fetched checkpoint was made from: repository, commit, the sum of each file, all that the run adds, and the
    dataset of its bins.
    """
    pinned = client.pin(run)
    made_from = {**json.loads(json.dumps(asdict(run))), "commit": pinned.commit, "sha256": pinned.sha256}
    return made_from | ({"data_sha256": dataset_pin(run)} if thresholds_needed(run) else {})


def thresholds_needed(run: PublishedCheckpoint) -> bool:
    """Whether the checkpoint reads tokens, whose bins are made from a dataset."""
    return run.method == "trajectory_transformer"


def dataset_pin(run: PublishedTrajectoryTransformer) -> str:
    """SHA-256 over the arrays of the dataset that bins are made from, as the lock records it."""
    entry = client.read_lock()["datasets"].get(run.data)
    if not isinstance(entry, dict) or not client.is_digest(entry.get("arrays_sha256"), 64):
        raise HubError(
            f"{run.repository} ships no thresholds of its bins, and hub.lock does not know {run.data}, which they are made "
            f"from: `python -m pipeline make datasets/{run.data}` fetches it"
        )
    return entry["arrays_sha256"]


def thresholds(run: PublishedTrajectoryTransformer, bins: int) -> discretization.QuantileDiscretizer:
    """Bins made from the dataset the checkpoint was trained on.

    Raises:
        HubError: the dataset is not here, or is another.
        EpisodesError: it cannot be read.
    """
    path, known = files.ROOT / "data" / f"{run.data}.hdf5", dataset_pin(run)
    cure = f"`python -m pipeline make datasets/{run.data}` fetches it"
    if not path.exists():
        raise HubError(f"{path} is missing, and the bins of {run.repository} are made from it: {cure}")
    whole = episodes.read(path, find_world(recipes.DATASETS[run.data].run.environment))
    if episodes.sha256(whole) != known:
        raise HubError(f"{path} is not the dataset that hub.lock records: delete it, and {cure}")
    return discretization.fit(learned_columns(whole), bins)


def learned_columns(whole: episodes.Episodes) -> np.ndarray:
    """Transitions (transition, dimension) that the published checkpoint learned from: all but the dataset's very last one,
    which its authors' reader leaves out (jannerm/trajectory-transformer:trajectory/datasets/d4rl.py).
    """
    last, end = whole[-1:], whole.lengths[-1] - 1
    shortened = episodes.Episodes(last.observations[:, :end], last.actions[:, :end], last.rewards[:, :end])
    return np.concatenate([discretization.columns(part) for part in (whole[:-1], shortened)])


def folder(run: PublishedCheckpoint) -> Path:
    """Where a fetched checkpoint lies."""
    return files.ROOT / "checkpoints" / run.name


def current(run: PublishedCheckpoint) -> bool:
    """Whether the checkpoint lies there, whole, and made from what the lock records."""
    try:
        checkpoints.verify(folder(run))
        return json.loads((folder(run) / CONFIG).read_text(encoding="utf-8")).get("published") == origin(run)
    except (checkpoints.CheckpointError, OSError, ValueError, AttributeError):
        return False


def fetch(run: PublishedCheckpoint) -> None:
    """Download, check and write one published checkpoint, whole or not at all."""
    made_from = origin(run)
    bins = thresholds(run, runs.PUBLISHED_BINS) if thresholds_needed(run) else None
    model = read(run, client.download(run))
    if bins is not None and model.config.vocab_size != bins.bins:
        raise HubError(f"{run.repository} has {model.config.vocab_size} bins, not {bins.bins}: it is not as published")
    model.config.published = made_from
    if bins is not None:
        discretization.write(folder(run) / discretization.FILE, bins)
    checkpoints.write_model(folder(run), model, card(run, model, made_from))


def card(run: PublishedCheckpoint, model, made_from: dict) -> str:
    """The fetched checkpoint's card."""
    facts = {
        "Model": f"{type(model).__name__}, {sum(weights.numel() for weights in model.parameters()):,} parameters",
        "From": f"{run.repository} at {made_from['commit']}",
        **{f"SHA-256 of {name}": digest for name, digest in made_from["sha256"].items()},
        "Trained on": f"{run.trained_on}, in {run.recorded_in}",
    }
    if thresholds_needed(run):
        facts["Bins"] = f"made here from {run.data}; none are published"
    return "\n".join([f"# {run.name}", "", *(f"- **{key}**: {value}" for key, value in facts.items())]) + "\n"


def ensure(name: str) -> None:
    """Have one published checkpoint lie in `checkpoints/`; no packet is sent where it does.

    Raises:
        PipelineError: it cannot be had.
    """
    run = next((run for run in runs.PUBLISHED_CHECKPOINTS if run.name == name), None)
    if run is None:
        raise PipelineError(f"there is no published checkpoint named {name!r}")
    with alone(name):
        if not current(run):
            fetch(run)


@contextlib.contextmanager
def alone(name: str) -> Iterator[None]:
    """Be the only process that fetches this checkpoint; the lock is the kernel's, and ends with the block."""
    path = files.ROOT / "build" / "locks" / f"fetch_{name}"
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "a", encoding="utf-8") as file:
        processes.take_lock(file, fcntl.LOCK_EX)
        yield

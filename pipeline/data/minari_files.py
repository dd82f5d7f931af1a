"""Minari's datasets in the form of this project's: the HDF5 that its library keeps, one group an episode, as of version 0.5.

Minari's halfcheetah "medium" is not D4RL's: another algorithm recorded it, in HalfCheetah-v5. The library (`pip install
minari`) is asked only to download; a dataset that lies in its folder already is read without it.
"""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

import numpy as np

from pipeline import PipelineError
from pipeline.data import d4rl, episodes, hdf5
from pipeline.data.episodes import Episodes, EpisodesError
from pipeline.worlds.world import World

# this project's name of each array of an episode; observations have one more row than the others, the state after the end
ARRAYS = {
    "observations": "observations",
    "actions": "actions",
    "rewards": "rewards",
    "terminals": "terminations",
    "timeouts": "truncations",
}
EPISODE = re.compile(r"episode_[0-9]{1,9}")
BROKEN = ": remove that folder, or fetch the dataset anew by `minari.download_dataset(NAME, force_download=True)`"


def place(identifier: str) -> Path:
    """Where Minari's library keeps a dataset."""
    root = os.environ.get("MINARI_DATASETS_PATH") or Path.home() / ".minari" / "datasets"
    return Path(root) / identifier / "data" / "main_data.hdf5"


def obtain(identifier: str) -> Path:
    """The file of a dataset, which Minari's library downloads where it is not here.

    Raises:
        PipelineError: it is not here, and cannot be had.
    """
    path = place(identifier)
    if path.is_file():
        return path
    if path.parent.is_dir():
        raise PipelineError(f"{path.parent} keeps {identifier} as {data_format(path)}, and only HDF5 is read{BROKEN}")
    try:
        import minari
    except ImportError:
        raise PipelineError(
            f"{path} is missing, and Minari's library, which fetches it, is not installed: "
            "`pip install minari` and give the same command again"
        ) from None
    try:
        minari.download_dataset(identifier)
    except Exception as error:  # the library's and its transport's many ways of failing
        said = " ".join(str(error).split())[:160] or type(error).__name__
        raise PipelineError(f"{identifier} cannot be had from Minari ({said}): give the same command again") from None
    if not path.is_file():
        raise PipelineError(f"Minari's library left no {path}: only datasets that it keeps as HDF5 can be read")
    return path


def data_format(path: Path) -> str:
    """What the metadata beside a dataset's file says of its format."""
    try:
        said = json.loads((path.parent / "metadata.json").read_text(encoding="utf-8"))["data_format"]
    except (OSError, ValueError, RecursionError, LookupError, TypeError):
        return "something unknown"
    return str(said)[:20]


def read_arrays(path: Path, observation_dim: int, action_dim: int) -> dict[str, np.ndarray]:
    """The five arrays of D4RL's layout, flat, episodes one after the other in the order of their numbers.

    Raises:
        EpisodesError: it is no HDF5, or not in Minari's layout.
    """
    with hdf5.opened(path, EpisodesError, damaged=f" in {path.parent}{BROKEN}") as file:
        names = sorted((name for name in file.names() if EPISODE.fullmatch(name)), key=lambda name: int(name.split("_")[1]))
        if not names:
            raise EpisodesError(f"{path} holds no episodes: a Minari file has groups named episode_0, episode_1, …")
        found = [read_episode(file.subgroup(name), observation_dim, action_dim) for name in names]
    return {name: np.concatenate([episode[name] for episode in found]) for name in ARRAYS}


def read_episode(group: hdf5.Group, observation_dim: int, action_dim: int) -> dict[str, np.ndarray]:
    """One episode's arrays, the state after its end left out.

    Raises:
        EpisodesError: an array is missing or has another shape, or an end is marked before the last step or not there.
    """
    steps = group.size("rewards")
    arrays = {
        "observations": episodes.read_numbers(group, ARRAYS["observations"], (steps + 1, observation_dim))[:-1],
        "actions": episodes.read_numbers(group, ARRAYS["actions"], (steps, action_dim)),
        "rewards": episodes.read_numbers(group, ARRAYS["rewards"], (steps,)),
        **{name: episodes.read_ends(group, ARRAYS[name], steps) for name in ("terminals", "timeouts")},
    }
    ends = np.flatnonzero(arrays["terminals"] | arrays["timeouts"])
    if ends.tolist() != [steps - 1]:
        raise EpisodesError(f"{group.path} must end at its last step, {steps - 1}, and is marked to end at {ends[:3].tolist()}")
    return arrays


def read(path: Path, world: World) -> Episodes:
    """Whole episodes.

    Raises:
        EpisodesError: it is not in Minari's layout, an array has another shape, a value is not finite, or an action lies
            outside [-1, 1].
    """
    whole, _ = d4rl.fold(path, read_arrays(path, world.observation_dim, world.action_dim), world)
    return whole

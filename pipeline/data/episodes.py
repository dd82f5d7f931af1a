"""Episodes on disk: D4RL's HDF5 layout (Fu et al. 2020, arXiv 2004.07219), read into arrays and checked at the door.

A file holds `observations` (transition, observation), `actions` (transition, action), `rewards`, `terminals` and `timeouts`
(transition,), episodes one after the other. An episode ends where `terminals` is true, in a terminal state, or `timeouts`, for
want of time.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path

import h5py
import numpy as np

from pipeline import PipelineError, files
from pipeline.data import hdf5
from pipeline.worlds.world import World

ARRAYS = ("observations", "actions", "rewards", "terminals", "timeouts")


class EpisodesError(PipelineError):
    """A dataset that cannot be used."""


@dataclass(frozen=True)
class Episodes:
    """Many episodes, each padded with zeros to as many steps as one can have.

    observations (episode, step, observation) float32, actions (episode, step, action) float32 in [-1, 1],
    rewards (episode, step) float32; lengths (episode,) int64, steps before the padding, by default all; terminated (episode,)
    bool, whether a terminal state ended an episode and not the want of time, by default none.
    """

    observations: np.ndarray
    actions: np.ndarray
    rewards: np.ndarray
    lengths: np.ndarray | None = None
    terminated: np.ndarray | None = None

    def __post_init__(self):
        count, steps = self.observations.shape[:2]
        object.__setattr__(self, "lengths", np.full(count, steps) if self.lengths is None else self.lengths)
        object.__setattr__(self, "terminated", np.zeros(count, dtype=bool) if self.terminated is None else self.terminated)

    def __len__(self) -> int:
        return len(self.observations)

    def __getitem__(self, selection: slice) -> Episodes:
        return Episodes(*(getattr(self, field.name)[selection] for field in fields(self)))

    @property
    def returns(self) -> np.ndarray:
        """Undiscounted return of each episode, (episode,) float64."""
        return self.rewards.sum(axis=1, dtype=np.float64)

    @property
    def valid(self) -> np.ndarray:
        """Where there are transitions and not padding, (episode, step) bool; `array[valid]` is (transition, ...)."""
        return np.arange(self.rewards.shape[1]) < self.lengths[:, None]

    @property
    def last(self) -> np.ndarray:
        """Where each episode's last transition is, (episode, step) bool."""
        return np.arange(self.rewards.shape[1]) == self.lengths[:, None] - 1


def flat_arrays(episodes: Episodes) -> dict[str, np.ndarray]:
    """D4RL's five arrays, transition by transition."""
    valid, last, terminated = episodes.valid, episodes.last, episodes.terminated[:, None]
    return {
        "observations": episodes.observations[valid],
        "actions": episodes.actions[valid],
        "rewards": episodes.rewards[valid],
        "terminals": (last & terminated)[valid],
        "timeouts": (last & ~terminated)[valid],
    }


def sha256(episodes: Episodes) -> str:
    """SHA-256 over names, types, shapes and bytes of the five arrays: the dataset's identity, whatever its container."""
    digest = hashlib.sha256()
    for name, array in flat_arrays(episodes).items():
        digest.update(f"{name} {array.dtype.str} {array.shape}".encode())
        digest.update(np.ascontiguousarray(array))
    return digest.hexdigest()


def write(path: Path, episodes: Episodes, attributes: dict) -> None:
    """Write a dataset whole or not at all; `attributes` say how it was made.

    HDF5 is built in memory: its library cannot close a file on a disk that is full.
    """
    buffer = io.BytesIO()
    with h5py.File(buffer, "w") as file:
        file.attrs.update(attributes)
        for name, array in flat_arrays(episodes).items():
            file.create_dataset(name, data=array)
    files.write_bytes(path, buffer.getvalue())


def read(path: Path, world: World) -> Episodes:
    """Read a dataset of a world's episodes, padded to the world's limit.

    Raises:
        EpisodesError: the file is missing or truncated, an array is missing, lies elsewhere or has another shape, a value is
            not finite, an action lies outside [-1, 1], or the episodes are not whole (see `fold`).
        OSError: the system cannot read the file now.
    """
    with hdf5.opened(path, EpisodesError, ": `make train` collects it", ": delete it and run `make train`") as file:
        arrays = read_arrays(file, ARRAYS, world.observation_dim, world.action_dim)
    check(path, arrays)
    return fold(path, arrays, world)


def fold(path: Path, arrays: dict[str, np.ndarray], world: World) -> Episodes:
    """Flat arrays of D4RL's layout as episodes, padded to the world's limit, or to the longest of them where that is longer.

    Raises:
        EpisodesError: there is no end, transitions follow the last, or lengths differ in a world that never ends early.
    """
    ends = np.flatnonzero(arrays["terminals"] | arrays["timeouts"])
    lengths = np.diff(ends, prepend=-1)
    unequal = not world.ends_early and len(set(lengths.tolist())) > 1
    if len(ends) == 0 or ends[-1] != len(arrays["rewards"]) - 1 or unequal:
        kind = "whole episodes" if world.ends_early else "whole episodes of one length"
        found = f"{len(ends)} ends, lengths {sorted(set(lengths.tolist()))[:3]}"
        raise EpisodesError(f"{path} does not hold {kind}: {found}")
    steps = max(world.episode_steps, int(lengths.max()))
    valid = np.arange(steps) < lengths[:, None]
    padded = {}
    for name in ("observations", "actions", "rewards"):
        padded[name] = np.zeros((len(ends), steps, *arrays[name].shape[1:]), dtype=np.float32)
        padded[name][valid] = arrays[name]
    return Episodes(**padded, lengths=lengths, terminated=arrays["terminals"][ends])


def read_arrays(file: hdf5.Group, names: Sequence[str], observation_dim: int, action_dim: int) -> dict[str, np.ndarray]:
    """Flat arrays of D4RL's layout, as many transitions each as there are rewards, cast to float32; ends as bool.

    Raises:
        EpisodesError: an array is missing or has another shape or type, or `terminals` or `timeouts` holds more than 0 and 1.
    """
    count = file.size("rewards")
    widths = {"observations": (observation_dim,), "next_observations": (observation_dim,), "actions": (action_dim,)}
    return {
        name: read_ends(file, name, count)
        if name in ("terminals", "timeouts")
        else read_numbers(file, name, (count, *widths.get(name, ())))
        for name in names
    }


def read_numbers(file: hdf5.Group, name: str, shape: tuple[int, ...]) -> np.ndarray:
    """An array as float32; what is too large for it becomes infinite, which `check` refuses."""
    with np.errstate(over="ignore"):
        return file.array(name, shape).astype(np.float32, copy=False)


def read_ends(file: hdf5.Group, name: str, count: int) -> np.ndarray:
    """Where episodes end (transition,), as bool.

    Raises:
        EpisodesError: something else than 0 and 1 is marked, such as NaN.
    """
    marked = file.array(name, (count,))
    wrong = (marked != 0) & (marked != 1)
    if wrong.any():
        raise EpisodesError(f"{file.path}: {name} holds {marked[wrong][0]}, not 0 or 1, first at transition {wrong.argmax()}")
    return marked != 0


def check(path: Path, arrays: dict[str, np.ndarray]) -> None:
    """Raise EpisodesError unless flat arrays have finite values and actions in [-1, 1]."""
    for name in ("observations", "actions", "rewards"):
        finite = np.isfinite(arrays[name]).all(axis=tuple(range(1, arrays[name].ndim)))
        if not finite.all():
            raise EpisodesError(f"{path}: {name} holds a value that is not finite, first at transition {int(finite.argmin())}")
    largest = np.abs(arrays["actions"]).max(initial=0.0)
    if largest > 1.0 + 1e-6:
        raise EpisodesError(f"{path}: actions must lie in [-1, 1], found {largest:.3f}")

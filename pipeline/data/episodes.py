"""Episodes on disk: D4RL's HDF5 layout (Fu et al. 2020, arXiv 2004.07219), read into arrays and checked at the door.

A file holds `observations` (transition, 17), `actions` (transition, 6), `rewards`, `terminals` and `timeouts`
(transition,), episodes one after the other; an episode ends where `terminals` or `timeouts` is true.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np

from pipeline import PipelineError, files
from pipeline.data import hdf5

ARRAYS = ("observations", "actions", "rewards", "terminals", "timeouts")


class EpisodesError(PipelineError):
    """A dataset that cannot be used."""


@dataclass(frozen=True)
class Episodes:
    """Many episodes of one length.

    observations (episode, step, observation) float32, actions (episode, step, action) float32 in [-1, 1],
    rewards (episode, step) float32.
    """

    observations: np.ndarray
    actions: np.ndarray
    rewards: np.ndarray

    def __len__(self) -> int:
        return len(self.observations)

    def __getitem__(self, selection: slice) -> Episodes:
        return Episodes(self.observations[selection], self.actions[selection], self.rewards[selection])

    @property
    def returns(self) -> np.ndarray:
        """Undiscounted return of each episode, (episode,) float64."""
        return self.rewards.sum(axis=1, dtype=np.float64)


def flat_arrays(episodes: Episodes) -> dict[str, np.ndarray]:
    """D4RL's five arrays, transition by transition."""
    count, steps, _ = episodes.observations.shape
    timeouts = np.zeros((count, steps), dtype=bool)
    timeouts[:, -1] = True
    return {
        "observations": episodes.observations.reshape(count * steps, -1),
        "actions": episodes.actions.reshape(count * steps, -1),
        "rewards": episodes.rewards.reshape(-1),
        "terminals": np.zeros(count * steps, dtype=bool),
        "timeouts": timeouts.reshape(-1),
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


def read(path: Path, observation_dim: int = 17, action_dim: int = 6) -> Episodes:
    """Read a dataset whose episodes all have one length.

    Raises:
        EpisodesError: the file is missing or truncated, an array is missing, lies elsewhere or has another shape, a value is
            not finite, an action lies outside [-1, 1], or the episodes differ in length.
        OSError: the system cannot read the file now.
    """
    with hdf5.opened(path, EpisodesError, ": `make train` collects it", ": delete it and run `make train`") as file:
        arrays = read_arrays(file, ARRAYS, observation_dim, action_dim)
    check(path, arrays)
    ends = np.flatnonzero(arrays["terminals"] | arrays["timeouts"])
    lengths = np.diff(ends, prepend=-1)
    if len(ends) == 0 or ends[-1] != len(arrays["rewards"]) - 1 or len(set(lengths.tolist())) != 1:
        raise EpisodesError(
            f"{path} does not hold whole episodes of one length: {len(ends)} ends, lengths {sorted(set(lengths.tolist()))[:3]}"
        )
    shape = (len(ends), int(lengths[0]))
    return Episodes(*(arrays[name].reshape(*shape, *arrays[name].shape[1:]) for name in ("observations", "actions", "rewards")))


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

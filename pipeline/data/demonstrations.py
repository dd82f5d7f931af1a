"""Demonstrations on disk: one level's solved episodes, transition after transition, in the spirit of D4RL's HDF5 layout.

A file holds D4RL's arrays (Fu et al. 2020, arXiv 2004.07219), where `observations` are grids and `actions` indices, and three
more that BabyAI needs: where the agent is, what it was told, and which object it went to. The attribute `level` names the
level.
"""

from __future__ import annotations

import hashlib
import io
from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np

from pipeline import PipelineError, files
from pipeline.data import hdf5
from pipeline.worlds import levels

ARRAYS = ("observations", "actions", "rewards", "terminals", "timeouts", "poses", "goals", "missions")
SHAPES = {"observations": (levels.SIZE, levels.SIZE, 3), "poses": (3,), "goals": (2,), "missions": (levels.WORDS,)}
KINDS = (11, 6, 3)  # objects, colors and states that minigrid knows (minigrid/core/constants.py)


class DemonstrationsError(PipelineError):
    """Demonstrations that cannot be used."""


@dataclass(frozen=True)
class Demonstrations:
    """Solved episodes of one level, flat over their transitions; a length of its own for each episode.

    level: its name in `pipeline.worlds.levels`. images (transition, SIZE, SIZE, 3) uint8, poses (transition, 3) int64, goals
    (transition, 2) int64 and missions (transition, WORDS) int64 are what was seen before the action (`worlds.levels.Views`);
    a goal is the object at which its episode ends. actions (transition,) int64: indices into `pipeline.worlds.levels.ACTIONS`.
    ends (transition,) bool: true at the last transition of each episode. `len` and selections by a slice count episodes.
    """

    level: str
    images: np.ndarray
    poses: np.ndarray
    goals: np.ndarray
    missions: np.ndarray
    actions: np.ndarray
    ends: np.ndarray

    def __len__(self) -> int:
        return int(self.ends.sum())

    def __getitem__(self, selection: slice) -> Demonstrations:
        first, last, _ = selection.indices(len(self))
        borders = np.concatenate([[0], np.flatnonzero(self.ends) + 1])
        chosen = slice(borders[first], borders[max(first, last)])
        return Demonstrations(self.level, *(array[chosen] for array in self.arrays))

    @property
    def arrays(self) -> tuple[np.ndarray, ...]:
        """Every array, in the order of the fields."""
        return self.images, self.poses, self.goals, self.missions, self.actions, self.ends

    @property
    def views(self) -> levels.Views:
        """What was seen at each transition."""
        return levels.Views(self.images, self.poses, self.goals, self.missions)

    @property
    def lengths(self) -> np.ndarray:
        """Actions of each episode, (episode,) int64."""
        return np.diff(np.flatnonzero(self.ends), prepend=-1)


def join(parts: list[Demonstrations]) -> Demonstrations:
    """Demonstrations of one level, one after the other."""
    return Demonstrations(parts[0].level, *map(np.concatenate, zip(*(part.arrays for part in parts), strict=True)))


def flat_arrays(demonstrations: Demonstrations) -> dict[str, np.ndarray]:
    """The file's arrays. The reward is 1 where an episode is solved, which ends it, and 0 before; none is timed out."""
    return {
        "observations": demonstrations.images,
        "actions": demonstrations.actions,
        "rewards": demonstrations.ends.astype(np.float32),
        "terminals": demonstrations.ends,
        "timeouts": np.zeros_like(demonstrations.ends),
        "poses": demonstrations.poses,
        "goals": demonstrations.goals,
        "missions": demonstrations.missions,
    }


def sha256(demonstrations: Demonstrations) -> str:
    """SHA-256 over the level and over names, types, shapes and bytes of all arrays: the identity, whatever the container."""
    digest = hashlib.sha256(demonstrations.level.encode())
    for name, array in flat_arrays(demonstrations).items():
        digest.update(f"{name} {array.dtype.str} {array.shape}".encode())
        digest.update(np.ascontiguousarray(array))
    return digest.hexdigest()


def write(path: Path, demonstrations: Demonstrations, attributes: dict) -> None:
    """Write demonstrations whole or not at all; `attributes` say how they were made."""
    buffer = io.BytesIO()
    with h5py.File(buffer, "w") as file:
        file.attrs.update({**attributes, "level": demonstrations.level})
        for name, array in flat_arrays(demonstrations).items():
            file.create_dataset(name, data=array, compression="gzip")
    files.write_bytes(path, buffer.getvalue())


def read(path: Path, level: str) -> Demonstrations:
    """Read one level's demonstrations.

    Raises:
        DemonstrationsError: the file is missing or truncated, shows another level, lacks an array, or `check` refuses one.
        PipelineError: there is no such level.
    """
    levels.find(level)
    with hdf5.opened(path, DemonstrationsError, ": `make train` collects it", ": delete it and run `make train`") as file:
        shown = file.attribute("level")
        if shown != level:
            raise DemonstrationsError(f"{path} shows the level {shown}, not {level}: give each level its own demonstrations")
        count = file.size("actions")
        arrays = {
            name: file.array(name, (count, *SHAPES.get(name, ())), "biuf" if name == "rewards" else "biu") for name in ARRAYS
        }
    check(path, arrays, levels.find(level))
    names = ("observations", "poses", "goals", "missions", "actions", "terminals")
    kinds = (np.uint8, np.int64, np.int64, np.int64, np.int64, bool)
    return Demonstrations(level, *(arrays[name].astype(kind, copy=False) for name, kind in zip(names, kinds, strict=True)))


def check(path: Path, arrays: dict[str, np.ndarray], level: levels.Level) -> None:
    """Raise DemonstrationsError unless every number means something, and the last episode is whole."""
    count = len(arrays["actions"])
    bounds = {
        "observations": KINDS,
        "poses": (level.size, level.size, 4),
        "goals": level.size,
        "missions": len(levels.VOCABULARY) + 1,
        "actions": len(levels.ACTIONS),
    }
    for name, bound in bounds.items():
        wrong = ((arrays[name] < 0) | (arrays[name] >= np.array(bound))).reshape(count, -1).any(axis=1)
        if wrong.any():
            raise DemonstrationsError(f"{path}: {name} holds a number that means nothing, first at transition {wrong.argmax()}")
    if not count or not arrays["terminals"][-1]:
        raise DemonstrationsError(f"{path} does not hold whole episodes: the last of {count} transitions is not terminal")

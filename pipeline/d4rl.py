"""D4RL's own files (Fu et al. 2020, arXiv 2004.07219) in the form of this project's datasets.

Beside the five arrays of `pipeline.episodes` they hold the simulator's states and the collector's policy, which are left out.
Old files have no `timeouts`: there an episode that is not terminated ends with its last step, the 1000th.
"""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np

from pipeline import episodes
from pipeline.episodes import ARRAYS, Episodes, EpisodesError

NEEDED = tuple(name for name in ARRAYS if name != "timeouts")


def read_arrays(path: Path, episode_steps: int) -> dict[str, np.ndarray]:
    """The five flat arrays of a file in D4RL's layout; `timeouts` made where it has none.

    Raises:
        EpisodesError: it is no HDF5, or an array is missing.
    """
    try:
        with h5py.File(path, "r") as file:
            missing = [name for name in NEEDED if name not in file]
            if missing:
                raise EpisodesError(f"{path} has no array named {missing[0]!r}: a D4RL file holds {', '.join(NEEDED)}")
            arrays = {name: np.asarray(file[name][()]) for name in ARRAYS if name in file}
    except FileNotFoundError:
        raise EpisodesError(f"{path} is missing") from None
    except (OSError, RuntimeError, LookupError, TypeError, ValueError) as error:
        raise EpisodesError(f"{path} cannot be read as HDF5 ({' '.join(str(error).split())})") from None
    if "timeouts" not in arrays:
        arrays["timeouts"] = timeouts(arrays["terminals"], episode_steps)
    return arrays


def timeouts(terminals: np.ndarray, episode_steps: int) -> np.ndarray:
    """Where episodes (transition,) end for want of time: `episode_steps` after they began, unless they terminated."""
    found, step = np.zeros(len(terminals), dtype=bool), 0
    for index, terminal in enumerate(np.asarray(terminals) != 0):
        step += 1
        found[index] = step == episode_steps and not terminal
        step = 0 if terminal or found[index] else step
    return found


def read(path: Path, episode_steps: int, observation_dim: int = 17, action_dim: int = 6) -> tuple[Episodes, int]:
    """Whole episodes of one length, and how many transitions of an unfinished one at the file's end were left out.

    Raises:
        EpisodesError: an array is missing or has another shape, a value is not finite, an action lies outside [-1, 1], or the
            episodes differ in length.
    """
    return fold(path, read_arrays(path, episode_steps), observation_dim, action_dim)


def fold(path: Path, arrays: dict[str, np.ndarray], observation_dim: int, action_dim: int) -> tuple[Episodes, int]:
    """Five flat arrays, transition by transition, as whole episodes of one length, and how many transitions were left out.

    Raises:
        EpisodesError: as `read`.
    """
    episodes.check(path, arrays, observation_dim, action_dim)
    ends = np.flatnonzero((arrays["terminals"] != 0) | (arrays["timeouts"] != 0))
    lengths = np.diff(ends, prepend=-1)
    left = len(arrays["rewards"]) - (ends[-1] + 1 if len(ends) else 0)
    if len(ends) and left == lengths[0]:  # the last end was not marked: the file ends with its episode
        lengths, left = np.append(lengths, left), 0
    if not len(ends) or len(set(lengths.tolist())) != 1 or left > lengths[0]:
        found = f"{len(ends)} ends, lengths {sorted(set(lengths.tolist()))[:3]}, {left} transitions after the last"
        raise EpisodesError(f"{path} does not hold whole episodes of one length: {found}")
    count, steps = len(lengths), int(lengths[0])
    shaped = {
        name: arrays[name][: count * steps].astype(np.float32, copy=False).reshape(count, steps, *arrays[name].shape[1:])
        for name in ("observations", "actions", "rewards")
    }
    return Episodes(**shaped), int(left)

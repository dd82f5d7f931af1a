"""D4RL's own files (Fu et al. 2020, arXiv 2004.07219) in the form of this project's datasets.

Beside the five arrays of `data.episodes` they hold the simulator's states and the collector's policy, which are left out.
Old files have no `timeouts`: there an episode that is not terminated ends with the world's last step. Files whose episodes
lost a transition on the way would be cut in the wrong places, so what each transition led to, or where episodes begin, is
looked at.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from pipeline.data import episodes, hdf5
from pipeline.data.episodes import ARRAYS, Episodes, EpisodesError
from pipeline.worlds.world import World

NEEDED = tuple(name for name in ARRAYS if name != "timeouts")
OPTIONAL = ("timeouts", "next_observations")
RESET = 1.0  # no component of a first state lies further from 0: HalfCheetah begins at rest, with noise of deviation 0.1


def read_arrays(path: Path, world: World) -> dict[str, np.ndarray]:
    """The five flat arrays of a file in D4RL's layout; `timeouts` made where it has none.

    Raises:
        EpisodesError: it is no HDF5, an array is missing, or episodes do not end where they are marked or expected to.
    """
    with hdf5.opened(path, EpisodesError) as file:
        held = file.names()
        names = [*NEEDED, *(name for name in OPTIONAL if name in held)]
        arrays = episodes.read_arrays(file, names, world.observation_dim, world.action_dim)
    marked = "timeouts" in arrays
    if not marked:
        arrays["timeouts"] = timeouts(arrays["terminals"], world.episode_steps)
    ends = arrays["terminals"] | arrays["timeouts"]
    following = arrays.pop("next_observations", None)
    if following is not None:
        check_following(path, arrays["observations"], following, ends)
    elif not marked:
        check_beginnings(path, arrays["observations"], ends)
    return arrays


def check_following(path: Path, observations: np.ndarray, following: np.ndarray, ends: np.ndarray) -> None:
    """Raise EpisodesError unless what each transition led to, `following` (transition, observation), is the next one's
    observation wherever none of the `ends` (transition,) lies between them.
    """
    differs = ~np.isclose(following[:-1], observations[1:], rtol=1e-5, atol=1e-5, equal_nan=True).all(axis=1) & ~ends[:-1]
    if differs.any():
        raise EpisodesError(
            f"{path}: next_observations of transition {differs.argmax()} is not the next transition's observation, "
            "so an episode ends there that is not marked: take a file with timeouts"
        )


def check_beginnings(path: Path, observations: np.ndarray, ends: np.ndarray) -> None:
    """Raise EpisodesError unless every episode, as `ends` (transition,) parts them, begins in a state near the reset's."""
    first = np.concatenate([[0], np.flatnonzero(ends[:-1]) + 1]) if len(ends) else np.zeros(0, dtype=int)
    far = np.abs(observations[first]).max(axis=1, initial=0.0) > RESET
    if far.any():
        raise EpisodesError(
            f"{path} does not mark where episodes end, and transition {first[far.argmax()]}, where one should begin, is far "
            "from a reset: take a file with timeouts"
        )


def timeouts(terminals: np.ndarray, episode_steps: int) -> np.ndarray:
    """Where episodes (transition,) end for want of time: `episode_steps` after they began, unless they terminated."""
    found, step = np.zeros(len(terminals), dtype=bool), 0
    for index, terminal in enumerate(terminals):
        step += 1
        found[index] = step == episode_steps and not terminal
        step = 0 if terminal or found[index] else step
    return found


def read(path: Path, world: World) -> tuple[Episodes, int]:
    """Whole episodes, and how many transitions of an unfinished one at the file's end were left out.

    Raises:
        EpisodesError: an array is missing or has another shape, a value is not finite, an action lies outside [-1, 1], no
            episode ends, or one ends elsewhere than it seems.
    """
    return fold(path, read_arrays(path, world), world)


def fold(path: Path, arrays: dict[str, np.ndarray], world: World) -> tuple[Episodes, int]:
    """Five flat arrays, transition by transition, as whole episodes, and how many transitions were left out.

    Raises:
        EpisodesError: as `read`.
    """
    episodes.check(path, arrays)
    count = len(arrays["rewards"])
    ends = np.flatnonzero(arrays["terminals"] | arrays["timeouts"])
    left = count - (ends[-1] + 1 if len(ends) else 0)
    if len(ends) and left == world.episode_steps:  # the last end was not marked: the file ends with its episode
        arrays, left = {**arrays, "timeouts": arrays["timeouts"] | (np.arange(count) == count - 1)}, 0
    kept = count - left if left < world.episode_steps else count  # a rest that is longer is no unfinished episode: refused
    return episodes.fold(path, {name: array[:kept] for name, array in arrays.items()}, world), int(count - kept)

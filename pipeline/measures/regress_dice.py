"""How far a log's returns tell of the dice that its recorder threw: what an ideal listener could make of a return asked for.

    python -m pipeline make listeners/local_listener_halfcheetah

The recorder draws its actions: a normal number for each torque at each step, before the tanh, from a generator that the seed of
the episode begins. In a given state these dice alone tell one action from another, so that whoever heeds returns can only have
learned how they fell. They are regressed on the return to go, less its mean at that step, over all steps and episodes: carried
out by `pipeline.methods.soft_actor_critic.listener`, that is as obedient as a linear listener can be on this log. It lies below
`data/`, and not in git.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from pipeline import files
from pipeline.data.returns import returns_to_go
from pipeline.evidence import recipes
from pipeline.evidence.records import Found, Recipe
from pipeline.measures import logs
from pipeline.study import studies

UNIT = 1000.0  # points of return, by which shifts are told: evidence keeps four digits


def thrown(seeds: Sequence[int], steps: int, dimensions: int) -> np.ndarray:
    """The dice that the recorder threw in episodes of those seeds (episode, step, action), as `soft_actor_critic.policy`."""
    shape = (steps, dimensions)
    return np.stack([np.random.default_rng([seed, 1]).standard_normal(shape, dtype=np.float32) for seed in seeds])


def regress(dice: np.ndarray, rewards: np.ndarray) -> dict:
    """Least squares of dice on the return to go, less its mean at that step.

    Args:
        dice: (episode, step, action). rewards: (episode, step).

    Returns:
        expected (step,): mean return to go; shift (action,): of the dice, in standard deviations, for `UNIT` points above that;
        correlation (action,); noise: the standard deviation of a correlation where there is none.
    """
    remaining = returns_to_go(rewards)
    expected = remaining.mean(axis=0)
    above, thrown = remaining - expected, dice - dice.mean(axis=0)
    together = np.einsum("es,esa->a", above, thrown)
    squares = np.square(above).sum()
    return {
        "expected": expected,
        "shift": UNIT * together / squares,
        "correlation": together / np.sqrt(squares * np.square(thrown).sum(axis=(0, 1))),
        "noise": rewards.size**-0.5,
    }


def make(recipe: Recipe, into: Path = files.ROOT) -> Found:
    """What a log's returns tell of its recorder's dice."""
    run: studies.Listener = recipe.run
    log, whole = recipes.COLLECTIONS[run.data].run, logs.read(run.data)
    seeds = range(log.first_seed, log.first_seed + len(whole))
    dice = thrown(seeds, whole.rewards.shape[1], whole.actions.shape[2])
    return Found({"episodes": len(whole), **regress(dice, whole.rewards)})

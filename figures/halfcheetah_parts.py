"""The half cheetah in mid-stride with its parts named: what is moved by a torque, and what the reward is for."""

from __future__ import annotations

import numpy as np
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch

from figures import style
from figures.wheel import FIRST
from pipeline.measures import imagine
from pipeline.worlds import environments

TRUNK, HIND, FORE = slice(0, 2), slice(2, 5), slice(5, 8)  # of the limbs
BESIDE = 0.12  # metres from a joint to its name


def draw(figure: Figure, data: dict) -> None:
    """Trunk and head, hind leg and foreleg in colors of their own, a dot on each of the six joints that a motor turns."""
    (values,) = data.values()
    axes = figure.subplots()
    simulator = environments.make("HalfCheetah-v4")
    simulator.reset(seed=0)
    limbs = imagine.limbs(simulator, values["arrays"]["observations"][FIRST], 0)
    simulator.close()
    phone = style.narrow(figure)
    for part, color in ((TRUNK, style.INK), (HIND, style.ORANGE), (FORE, style.BLUE)):
        axes.add_collection(LineCollection(limbs[part], colors=color, lw=6 if phone else 9, capstyle="round"))
    for leg, sides, color in ((HIND, (-1, 1, -1), style.ORANGE), (FORE, (1, 1, 1), style.BLUE)):
        for (x, z), name, away in zip(joints(limbs, leg), ("thigh", "shin", "foot"), sides, strict=True):
            axes.plot(x, z, "o", color="white", mec=style.INK, ms=7, zorder=3)
            axes.text(x + away * BESIDE, z, name, color=color, ha="right" if away < 0 else "left", va="center")
    axes.text(0, limbs[TRUNK][0, :, 1].mean() + 0.12, "torso", ha="center", va="bottom")
    axes.text(limbs[1, :, 0].max() + 0.08, limbs[1, :, 1].max(), "head", va="center")
    axes.add_patch(
        FancyArrowPatch((-0.45, 1.12), (0.45, 1.12), color=style.GREEN, lw=2, arrowstyle="-|>,head_length=7,head_width=4")
    )
    axes.text(0, 1.2, "reward: forward velocity", color=style.GREEN, ha="center", va="bottom")
    axes.axhline(0, color=style.PALE, lw=1)
    reach = 1.25 if phone else 2.2
    axes.set(xlim=(-reach, reach), ylim=(-0.06, 1.36), aspect="equal")
    axes.axis("off")


def joints(limbs: np.ndarray, leg: slice) -> list[np.ndarray]:
    """Where a motor turns a leg (x, z): at the trunk, and twice where one of its limbs meets the next."""
    ends, found = limbs[leg], []
    above = limbs[TRUNK].reshape(-1, 2)
    for limb in ends:
        near = min(limb, key=lambda end: np.linalg.norm(above - end, axis=1).min())
        found.append(near)
        above = limb
    return found


if __name__ == "__main__":
    style.make("halfcheetah_parts", draw, 2.9, 2.7)

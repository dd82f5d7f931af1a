"""One stride of the Decision Transformer's cheetah: the picture in whose place it runs once the reader asks."""

from __future__ import annotations

from matplotlib.collections import LineCollection
from matplotlib.figure import Figure

from figures import style
from pipeline.measures import imagine
from pipeline.worlds import environments

FIRST, APART, COUNT = 150, 2, 5  # control steps of 0.05 s: where the stride begins, and every which one is drawn
SPREAD = 1.75  # metres between poses, which is more than they were apart: they would cover each other


def draw(figure: Figure, data: dict) -> None:
    """The cheetah at some moments of its gallop, later ones darker, each named by its time."""
    (values,) = data.values()
    axes = figure.subplots()
    steps = range(FIRST, FIRST + APART * COUNT, APART)
    simulator = environments.make("HalfCheetah-v4")
    simulator.reset(seed=0)
    width = 3 if style.narrow(figure) else 6
    for place, step in enumerate(steps):
        x = SPREAD * place
        limbs = imagine.limbs(simulator, values["arrays"]["observations"][step], x)
        axes.add_collection(
            LineCollection(limbs, colors=style.INK if place == COUNT - 1 else style.GREY, lw=width, capstyle="round")
        )
        axes.text(x, -0.2, f"{(step - FIRST) * 0.05:.1f} s", ha="center", va="top", color=style.GREY)
    simulator.close()
    axes.axhline(0, color=style.PALE, lw=1)
    axes.set(xlim=(-1, SPREAD * (COUNT - 1) + 1), ylim=(-0.55, 1.2), yticks=[], xticks=[])
    axes.set_aspect("equal")
    for spine in axes.spines.values():
        spine.set_visible(False)


if __name__ == "__main__":
    style.make("wheel", draw, 2.1, 1.3)

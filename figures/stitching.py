"""Two recorded travelers and the journey that neither made: the good half of one, then the good half of the other."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

from figures import style

PLACES = (("home", 0), ("station", 5), ("airport", 10))
TRAVELERS = (("one traveler", style.ORANGE, 0.14, 1), ("another", style.BLUE, -0.14, 0))  # color, beside the road, bad half


def draw(figure: Figure, data: dict) -> None:
    """Each goes straight on one half and astray on the other; a band lies below the two straight halves."""
    axes = figure.subplots()
    axes.plot((0, 10), (0, 0), color=style.GREEN, lw=15, alpha=0.25, solid_capstyle="round")
    for name, color, beside, bad in TRAVELERS:
        for half in (0, 1):
            x = np.linspace(0, 5, 60)
            away = np.sin(np.pi * x / 5)
            astray = np.sign(beside) * (1.5 * away + 0.45 * away * np.sin(3 * np.pi * x / 5)) if half == bad else 0 * x
            axes.plot(x + 5 * half, beside + astray, color=color, lw=2.2, ls=(0, (4, 2)) if half == bad else "-")
        axes.text(5 * bad + 2.5, np.sign(beside) * 1.95, f"{name}, astray", color=color, ha="center", va="center")
    for name, x in PLACES:
        axes.plot(x, 0, "o", color=style.INK, ms=11)
        axes.text(x, -0.62, name, ha="center", va="center", fontweight="bold")
    axes.text(10.9, -1.5, "good plus good:\nnever recorded", color=style.GREEN, ha="right", va="center")
    axes.set(xlim=(-0.9, 10.9), ylim=(-2.3, 2.3))
    axes.axis("off")


if __name__ == "__main__":
    style.make("stitching", draw, 2.3, 2.3)

"""Performance profiles of the matrix: the share of trainings that score above each level, by method and kind of log."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

from figures import style
from pipeline.statistics import aggregates

METHODS = {
    "bc": ("behavior cloning", style.GREY, ":"),
    "bc10": ("10%BC", style.GREEN, "-."),
    "td3_bc": ("TD3+BC", style.ORANGE, "--"),
    "dt": ("Decision Transformer", style.BLUE, "-"),
}
POINTS = 400  # of a curve


def draw(figure: Figure, data: dict) -> None:
    """One panel a kind of log, one curve a method; every log counts alike."""
    found, kinds = data["matrix/suite"], data["matrix/suite"]["run"]["kinds"]
    every = [score for by_method in found["logs"].values() for each in by_method.values() for score in each["scores"]]
    levels = np.linspace(min(every) - 1, max(every) + 1, POINTS)
    for axes, (kind, logs) in zip(style.panels(figure, len(kinds), sharey=True), kinds, strict=True):
        for method, (label, color, line) in METHODS.items():
            tasks = [np.array(found["logs"][log][method]["scores"]) for log in logs]
            axes.plot(levels, 100 * aggregates.profile(tasks, levels), line, color=color, lw=2, label=label)
        axes.set(title=kind, xlabel="score", ylim=(0, 103))
    figure.axes[0].set_ylabel("trainings above it (%)")
    figure.axes[-1].legend(loc="upper right", handlelength=1.8, labelspacing=0.3, borderaxespad=0.1)


if __name__ == "__main__":
    style.make("suite_profiles", draw, 3.2, 5.6)

"""What the Trajectory Transformer imagines: one state's beams, and how far imagination strays from the simulator."""

from __future__ import annotations

import numpy as np
from matplotlib import colormaps
from matplotlib.collections import LineCollection
from matplotlib.colors import Normalize
from matplotlib.figure import Figure

from figures import style

NAMES = (
    ("nothing_changes", "if nothing changed", style.GREY, -8),
    ("imagined", "imagined", style.BLUE, 8),
    ("rounded_to_bins", "the truth, rounded to bins", style.GREEN, -8),
)


HEIGHTS = (3.9, 6.8)


def draw(figure: Figure, data: dict) -> None:
    """Left: the present, every beam's last imagined state coloured by its score, and the real one. Right: errors."""
    (values,) = data.values()
    left, right = style.panels(figure, 2, width_ratios=(1, 1.1) if style.narrow(figure) else (1.4, 1))
    cheetahs(figure, left, values["arrays"])
    for name, label, color, shift in NAMES:
        steps = values["steps_ahead"]
        mean = np.array([point["mean"] for point in values[name]])
        low, high = ([point[end] for point in values[name]] for end in ("low", "high"))
        right.fill_between(steps, low, high, color=color, alpha=0.2, lw=0)
        right.plot(steps, mean, color=color, marker="o", ms=4)
        right.annotate(
            label,
            (steps[-1], max(high) if shift > 0 else min(low)),
            xytext=(0, shift),
            textcoords="offset points",
            ha="right",
            va="center",
            color=color,
            fontsize=style.SMALL,
        )
    right.set(xlabel="steps ahead", ylabel="error, standard deviations", yscale="log", xticks=steps, ylim=(0.007, 3))
    right.set_yticks([0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2], ["0.01", "0.02", "0.05", "0.1", "0.2", "0.5", "1", "2"])
    right.set_yticks([], minor=True)
    right.set_title("imagined against real")


def cheetahs(figure: Figure, axes, beams: dict[str, np.ndarray]) -> None:
    """Cheetahs as sticks: now, in every beam's last state, and in the simulator's."""
    scores = beams["scores"]
    norm = Normalize(scores.min(), scores.max())
    axes.add_collection(LineCollection(beams["limbs_real"][0].reshape(-1, 2, 2), colors=style.PALE, lw=5, capstyle="round"))
    for limbs, score in sorted(zip(beams["limbs"][:, -1], scores, strict=True), key=lambda pair: pair[1]):
        lines = LineCollection(limbs, cmap=colormaps["viridis"].resampled(16), norm=norm, lw=1.3, alpha=0.6, capstyle="round")
        lines.set_array(np.full(len(limbs), score))
        axes.add_collection(lines)
    axes.add_collection(LineCollection(beams["limbs_real"][-1], colors=style.ORANGE, lw=1.4, ls=(0, (3, 1.5))))
    axes.axhline(0, color=style.GREY, lw=0.8)
    bar = figure.colorbar(lines, ax=axes, orientation="horizontal", shrink=0.6, aspect=35, pad=0.02)
    bar.set_label("score of the beam")
    bar.solids.set_alpha(1)
    bar.solids.set_rasterized(False)
    bar.outline.set_visible(False)
    axes.autoscale_view()
    axes.set_aspect("equal")
    axes.set(xlabel="meters from here", yticks=[])
    axes.spines["left"].set_visible(False)
    axes.set_title("one state, its futures")


if __name__ == "__main__":
    style.make("tt_imagination", draw, *HEIGHTS)

"""What the Trajectory Transformer imagines: the best beam of one state, and how far imagination strays from the simulator."""

from __future__ import annotations

import numpy as np
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure

from figures import style

NAMES = (
    ("nothing_changes", "if nothing changed", style.GREY, -8),
    ("imagined", "imagined", style.BLUE, 8),
    ("rounded_to_bins", "the truth, rounded to bins", style.GREEN, -8),
)


HEIGHTS = (3.9, 6.8)


def draw(figure: Figure, data: dict) -> None:
    """Left: the present, the best beam's last imagined state, and the real one. Right: errors."""
    (values,) = data.values()
    left, right = style.panels(figure, 2, width_ratios=(1, 1.1) if style.narrow(figure) else (1.4, 1))
    cheetahs(left, values["arrays"])
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


def cheetahs(axes, beams: dict[str, np.ndarray]) -> None:
    """Cheetahs as sticks: now, in the best beam's last state, and in the simulator's under the same actions."""
    best = beams["scores"].argmax()
    for limbs, look in (
        (beams["limbs_real"][0], {"colors": style.PALE, "lw": 5}),
        (beams["limbs"][best, -1], {"colors": style.BLUE, "lw": 4}),
        (beams["limbs_real"][-1], {"colors": style.ORANGE, "lw": 1.6, "ls": (0, (3, 1.5))}),
    ):
        axes.add_collection(LineCollection(limbs, capstyle="round", **look))
    for label, color, line in (("now", style.PALE, "-"), ("imagined", style.BLUE, "-"), ("real", style.ORANGE, (0, (3, 1.5)))):
        axes.plot([], [], color=color, lw=3, ls=line, label=label)
    axes.axhline(0, color=style.GREY, lw=0.8)
    axes.legend(loc="upper left", ncols=3, columnspacing=1, handlelength=1.4, borderaxespad=0)
    axes.autoscale_view()
    axes.set_aspect("equal")
    axes.set(xlabel="meters from here", yticks=[], ylim=(-0.05, 1.45))
    axes.spines["left"].set_visible(False)
    axes.set_title("four steps later")


if __name__ == "__main__":
    style.make("tt_imagination", draw, *HEIGHTS)

"""Return asked against return got on two logs that cover returns, beside a model that was told other episodes' returns."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

from figures import style

TITLES = {"throttled": "torques scaled, episode by episode", "replay": "the log of a whole training"}


def curve(data: dict, stem: str) -> list[dict]:
    """Values of the evaluations of one model that are asked for a log's quantiles, in the order of the targets."""
    found = [values for name, values in data.items() if name.startswith(f"evaluations/{stem}_q")]
    return sorted(found, key=lambda values: values["run"]["target_return"])


def plot(axes, points: list[dict], color: str, marker: str, label: str) -> None:
    """Mean returns with their 95 % intervals.

    Args:
        axes: drawn on: returns got over returns asked.
        points: values of evaluations, one a return asked.
        color: of marks and line.
        marker: matplotlib's.
        label: in the legend.
    """
    asked = [values["run"]["target_return"] for values in points]
    means, errors = style.whiskers(points, "return_")
    axes.errorbar(asked, means, yerr=errors, color=color, marker=marker, ms=4.5, capsize=3, lw=1.6, label=label, zorder=3)


def draw(figure: Figure, data: dict) -> None:
    """A panel for each log: what was asked and got, every episode a dot, the line where both are equal, the log's returns."""
    panels = style.panels(figure, len(TITLES), sharey=True)
    for axes, (log, title) in zip(panels, TITLES.items(), strict=True):
        dataset = data[f"datasets/local_halfcheetah_{log}"]
        points = curve(data, f"local_dt_halfcheetah_{log}")
        for values in points:
            asked = values["run"]["target_return"]
            style.dots(axes, asked + 90, values["returns"], style.SKY, 2, alpha=0.35)
        axes.axline((0, 0), slope=1, color=style.ORANGE, lw=1.2, ls=(0, (5, 3)))
        if shuffled := log == "throttled":
            plot(axes, curve(data, "local_dt_halfcheetah_shuffled"), style.GREY, "s", "told other episodes' returns")
        plot(axes, points, style.BLUE, "o", "Decision Transformer")
        edges, counts = (dataset["return_histogram"][part] for part in ("edges", "counts"))
        heights = [900 * count / max(counts) for count in counts]
        axes.stairs(np.array(heights) - 1300, edges, baseline=-1300, fill=True, color=style.PALE)
        axes.text(edges[-1], -330, "returns in the log", ha="right", va="bottom", color=style.GREY, fontsize=style.SMALL)
        axes.set(title=title, xlabel="return asked for", xlim=(-600, 5200), ylim=(-1300, 5600))
        axes.set(xticks=range(0, 5001, 1000), yticks=range(0, 5001, 1000))
        if shuffled:
            axes.legend(loc="upper left")
    for axes in panels if style.narrow(figure) else panels[:1]:
        axes.set_ylabel("return got in 1000 steps")


if __name__ == "__main__":
    style.make("dt_return_asked_wide", draw, 4.4, 7.4)

"""What a log holds whose second half a better recorder played, and what methods that learn from it return."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

from figures import style
from pipeline.study import twists

METHODS = {  # label and color, from the top
    "bc10": ("10%BC", style.PINK),
    "td3bc": ("TD3+BC", style.ORANGE),
    "rvs": ("perceptron told the return", style.SKY),
    "dt": ("Decision Transformer", style.BLUE),
    "bc": ("behavior cloning", style.GREEN),
}
BIN = 100  # points of return


def draw(figure: Figure, data: dict) -> None:
    """Below, both recorders' episodes by their returns; above, each method's, with their mean and its interval."""
    got, log = figure.subplots(2, 1, sharex=True, height_ratios=(1.4, 1))
    dataset = data[f"datasets/{twists.BETTER.name}"]
    returns, better = (np.array(dataset[name]) for name in ("returns", "better"))
    edges = np.arange(BIN * np.floor(returns.min() / BIN), returns.max() + BIN, BIN)
    words = {"textcoords": "offset points", "fontsize": style.SMALL, "va": "top"}
    for part, color in enumerate((style.GREY, style.INK)):
        log.hist(returns[better == part], edges, color=color, alpha=0.6)
    log.annotate("behavior\npolicy's", (returns[better == 0].max(), log.get_ylim()[1]), (4, 0), color=style.GREY, **words)
    log.annotate("trained longer", (returns[better == 1].min(), log.get_ylim()[1] / 2), (-4, 0), ha="right", **words)
    log.set(xlabel="return", ylabel="episodes in the log")
    for place, (name, (label, color)) in enumerate(reversed(METHODS.items())):
        [asked] = data[f"stitching/local_{name}_halfcheetah_better"]["asks"]
        mean, reach = style.whiskers([asked["returns_mean"]])
        played = np.array(asked["returns"])
        style.dots(got, played, place + np.resize((-0.12, 0, 0.12), len(played)), color, 2, alpha=0.35)
        got.errorbar(mean, [place], xerr=reach, color=color, marker="o", ms=6, capsize=3, zorder=3)
        side = np.interp(mean[0], log.get_xlim(), (0, 1))
        place_of_name = {"xytext": (0, 11), "textcoords": "offset points", "ha": "left" if side < 0.3 else "right"}
        got.annotate(label, (mean[0], place), fontsize=style.SMALL, color=color, **place_of_name)
    got.set(yticks=[], ylim=(-0.6, len(METHODS) - 0.2))
    got.spines[["left", "bottom"]].set_visible(False)
    got.tick_params(bottom=False)


if __name__ == "__main__":
    style.make("better", draw, 4.2, 5.2)

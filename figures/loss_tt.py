"""The Trajectory Transformer's held-out cross-entropy against tokens seen, for each kind of token."""

from __future__ import annotations

import math
from itertools import pairwise

from matplotlib.figure import Figure

from figures import style

LABEL_SHIFTS = {"value": 0, "action": 0, "observation": 5, "reward": -5}


def draw(figure: Figure, data: dict) -> None:
    """One curve a kind, labelled at its end, and what guessing costs."""
    axes = figure.subplots()
    training = data["training/local_tt_halfcheetah"]
    millions = [point["tokens_seen"] / 1e6 for point in training["curve"]]
    chance = math.log(training["run"]["bins"])
    axes.axhline(chance, color=style.GREY, lw=1, ls=(0, (4, 3)))
    axes.text(millions[0], chance + 0.04, "guessing among the bins", color=style.GREY, fontsize=style.SMALL, va="bottom")
    taken_up = [a["tokens_seen"] / 1e6 for a, b in pairwise(training["curve"]) if b["updates"] <= a["updates"]]
    for number, place in enumerate(taken_up):
        axes.axvline(place, color=style.GREY, lw=1, ls=(0, (1, 3)))
        if not style.narrow(figure):
            words = "  again" if number else "  taken up again"
            axes.text(place, chance + 0.04, words, color=style.GREY, fontsize=style.SMALL, va="bottom")
    for kind, shift in LABEL_SHIFTS.items():
        color = style.TOKEN_COLORS[kind]
        losses = [point[f"held_out_{kind}"] for point in training["curve"]]
        axes.plot(millions, losses, color=color)
        axes.annotate(
            f"{kind} {losses[-1]:.2f}",
            (millions[-1], losses[-1]),
            xytext=(5, shift),
            textcoords="offset points",
            va="center",
            color=color,
            fontsize=style.SMALL,
        )
    axes.set(
        xlabel="tokens seen, millions",
        ylabel="held-out cross-entropy\nnats a token",
        xlim=(0, millions[-1] * (1.5 if style.narrow(figure) else 1.24)),
        ylim=(min(point[f"held_out_{kind}"] for point in training["curve"] for kind in LABEL_SHIFTS) - 0.2, chance + 0.3),
    )


if __name__ == "__main__":
    style.make("loss_tt", draw, 4.0, 3.8)

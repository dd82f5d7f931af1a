"""The card that stands for the page where it is shared: title, scores with their intervals, and three runners."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

from figures import style

ROWS = (  # evidence, label, color
    ("pooled/local_td3bc_halfcheetah", "TD3+BC, with a learned value", style.GREEN),
    ("evaluations/local_tt_halfcheetah_k32", "Trajectory Transformer", style.BLUE),
    ("evaluations/local_dt_halfcheetah_6000", "Decision Transformer", style.ORANGE),
    ("pooled/local_bc_halfcheetah", "behavior cloning", style.GREY),
    ("evaluations/local_behaviour_halfcheetah", "who wrote the log", style.GREY),
    ("evaluations/local_random_halfcheetah", "random torques", style.GREY),
)
RUNNERS = (  # evidence, color: fastest first
    ("rollouts/local_td3bc_halfcheetah_s0", style.GREEN),
    ("rollouts/local_tt_halfcheetah_k32", style.BLUE),
    ("rollouts/local_dt_halfcheetah_6000", style.ORANGE),
)
FIRST, LAST, EVERY = 165, 244, 13  # steps, as in the film


def draw(figure: Figure, data: dict) -> None:
    """Title and subtitle at the top, a dot plot of scores at the left, distances covered in the same seconds at the right."""
    figure.set_layout_engine("none")
    figure.text(0.05, 0.875, "Transformers, take the Wheel!", fontsize=17, fontweight="bold", color=style.INK, va="center")
    figure.text(0.05, 0.785, "Sequence modeling in offline RL, explained and measured", fontsize=7.5, color="#555555")
    scores(figure.add_axes((0.29, 0.12, 0.29, 0.56)), data)
    lanes(figure.add_axes((0.63, 0.12, 0.33, 0.56)), data)


def scores(axes, data: dict) -> None:
    """One row a method: its mean score and 95 % interval."""
    for place, (name, label, color) in enumerate(ROWS):
        values = data[name]
        axes.plot((values["score_low"], values["score_high"]), (place, place), color=color, lw=2.5, solid_capstyle="butt")
        axes.plot(values["score_mean"], place, "o", color=color, ms=5.5)
        axes.text(values["score_mean"], place - 0.28, style_number(values["score_mean"]), ha="center", color=color, fontsize=6)
        axes.text(-0.04, place, label, transform=axes.get_yaxis_transform(), ha="right", va="center", fontsize=6.5, color=color)
    axes.set(ylim=(len(ROWS) - 0.4, -0.7), xlim=(-4, 52), yticks=[])
    axes.set_xlabel("score on HalfCheetah (random 0, expert 100)", fontsize=5.5)
    axes.tick_params(labelsize=5.5)
    axes.spines["left"].set_visible(False)


def style_number(number: float) -> str:
    """A score with one decimal and a true minus sign."""
    return f"{number:.1f}".replace("-", "\u2212")


def lanes(axes, data: dict) -> None:
    """How far each runner comes in the film's seconds."""
    reached = []
    for place, (name, color) in enumerate(RUNNERS):
        run = data[name]["arrays"]["positions"][FIRST : LAST + 1, 0]
        reached.append(run[-1] - run[0])
        steps = run[::EVERY] - run[0]
        axes.plot((0, reached[-1]), (place, place), color=color, lw=1, alpha=0.35)
        axes.plot(steps, np.full(len(steps), place), "o", color=color, ms=3.5, alpha=0.5)
        axes.plot(reached[-1], place, ">", color=color, ms=8.5)
        axes.text(reached[-1] + 1.0, place, f"{reached[-1]:.1f} m", color=color, fontsize=6.5, va="center")
    axes.set(ylim=(len(RUNNERS) - 0.4, -0.7), xlim=(0, max(reached) * 1.28), yticks=[])
    axes.set_xlabel(f"meters in the same {(LAST - FIRST + 1) / 20:.0f} seconds", fontsize=5.5)
    axes.tick_params(labelsize=5.5)
    axes.spines["left"].set_visible(False)


if __name__ == "__main__":
    style.make("card", draw, 3.15, width=6)

"""How the Decision Transformer reads a trajectory: three tokens a step, and the action read at the state token."""

from __future__ import annotations

from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch

from figures import style

STEPS = ("t-2", "t-1", "t")
KINDS = (("return", r"\hat{R}"), ("state", "s"), ("action", "a"))


def tile(axes, x: float, y: float, text: str, color: str, hollow: bool = False) -> None:
    """A token: a rounded square of side 0.8 centred at (x, y)."""
    face, ink = ("white", color) if hollow else (color, "white")
    axes.add_patch(
        FancyBboxPatch(
            (x - 0.4, y - 0.4),
            0.8,
            0.8,
            boxstyle="round,pad=0,rounding_size=0.14",
            fc=face,
            ec=color,
            lw=1.6,
            ls="--" if hollow else "-",
        )
    )
    axes.text(x, y, text, ha="center", va="center", color=ink, fontsize=12)


def draw(figure: Figure, data: dict) -> None:
    """Three transitions of three tokens below, the transformer as a bar, the predicted actions above the state tokens."""
    axes = figure.subplots()
    width = len(STEPS) * 3.4
    axes.add_patch(
        FancyBboxPatch((-0.5, 1.2), width - 0.3, 0.9, boxstyle="round,pad=0,rounding_size=0.16", fc="#444444", ec="none")
    )
    axes.text(
        width / 2 - 0.65,
        1.65,
        "causal transformer: each token sees itself and everything to its left",
        ha="center",
        va="center",
        color="white",
        fontsize=10,
    )
    for block, step in enumerate(STEPS):
        for slot, (kind, symbol) in enumerate(KINDS):
            x, now = 3.4 * block + slot, step == "t" and kind == "action"
            color = style.TOKEN_COLORS[kind]
            tile(axes, x, 0, "0" if now else f"${symbol}_{{{step}}}$", color, hollow=now)
            axes.add_patch(
                FancyArrowPatch((x, 0.45), (x, 1.15), arrowstyle="-|>,head_length=4,head_width=2.5", color=color, lw=1.4)
            )
            if kind == "state":
                axes.add_patch(
                    FancyArrowPatch(
                        (x, 2.15), (x, 2.85), arrowstyle="-|>,head_length=4,head_width=2.5", color=style.GREEN, lw=1.4
                    )
                )
                tile(axes, x, 3.3, f"$\\hat{{a}}_{{{step}}}$", style.GREEN)
        axes.text(3.4 * block + 1, -0.78, f"time ${step}$", ha="center", va="center", color=style.GREY, fontsize=9)
    labels = (("return still asked for", "return"), ("state", "state"), ("action", "action"))
    for (text, kind), y in zip(labels, (0.42, 0.0, -0.42), strict=True):
        axes.text(width + 0.0, y, text, color=style.TOKEN_COLORS[kind], fontsize=9.5, va="center")
    axes.text(width + 0.0, 3.3, "predicted actions;\nthe last one is played", color=style.GREEN, fontsize=9.5, va="center")
    axes.set(xlim=(-0.7, width + 3.0), ylim=(-1.1, 3.85), aspect="equal")
    axes.axis("off")


if __name__ == "__main__":
    style.make("dt_tokens", draw, 8.0, 3.1)

"""The agent and its environment: two boxes and what passes between them."""

from __future__ import annotations

from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch

from figures import style


def box(axes, x: float, y: float, title: str, below: str, color: str) -> None:
    """A rounded box, 2.6 by 1.1, centred at (x, y)."""
    axes.add_patch(
        FancyBboxPatch((x - 1.3, y - 0.55), 2.6, 1.1, boxstyle="round,pad=0.02,rounding_size=0.18", fc=color, ec="none")
    )
    axes.text(x, y + 0.14, title, ha="center", va="center", color="white", fontsize=13, fontweight="bold")
    axes.text(x, y - 0.26, below, ha="center", va="center", color="white", fontsize=9.5)


def arrow(axes, start: tuple, end: tuple, color: str, curve: float) -> None:
    """A curved arrow."""
    style_name = f"arc3,rad={curve}"
    axes.add_patch(
        FancyArrowPatch(
            start, end, connectionstyle=style_name, arrowstyle="-|>,head_length=7,head_width=4", color=color, lw=2.2
        )
    )


def draw(figure: Figure, data: dict) -> None:
    """Agent on the left, environment on the right; actions go over the top, states and rewards come back below."""
    axes = figure.subplots()
    box(axes, 1.6, 2.0, "Agent", r"policy $\pi(a\,|\,s)$", style.BLUE)
    box(axes, 7.4, 2.0, "Environment", r"dynamics $P(s'\,|\,s, a)$", "#444444")
    arrow(axes, (2.4, 2.62), (6.6, 2.62), style.GREEN, -0.32)
    arrow(axes, (6.6, 1.38), (2.4, 1.38), style.ORANGE, -0.32)
    axes.text(4.5, 3.62, r"action $a_t$", ha="center", color=style.GREEN, fontsize=12, fontweight="bold")
    axes.text(
        4.5, 0.28, r"reward $r_t$ and next state $s_{t+1}$", ha="center", color=style.ORANGE, fontsize=12, fontweight="bold"
    )
    axes.set(xlim=(0.1, 8.9), ylim=(0.0, 4.0), aspect="equal")
    axes.axis("off")


if __name__ == "__main__":
    style.make("RL", draw, 6.4, 2.95)

"""The agent and its environment: two boxes and what passes between them."""

from __future__ import annotations

from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch

from figures import style


def box(axes, x: float, y: float, title: str, below: str, color: str) -> None:
    """A rounded box, 2.6 by 1.1, centered at (x, y).

    Args:
        axes: drawn on; x and y are in their units.
        x: of its center.
        y: likewise.
        title: written large.
        below: written small.
        color: of the box.
    """
    axes.add_patch(
        FancyBboxPatch((x - 1.3, y - 0.55), 2.6, 1.1, boxstyle="round,pad=0.02,rounding_size=0.18", fc=color, ec="none")
    )
    axes.text(x, y + 0.14, title, ha="center", va="center", color="white", fontsize=15, fontweight="bold")
    axes.text(x, y - 0.26, below, ha="center", va="center", color="white", fontsize=12.5)


def arrow(axes, start: tuple, end: tuple, color: str, curve: float) -> None:
    """A curved arrow.

    Args:
        axes: drawn on.
        start: (x, y), in their units.
        end: likewise, where the head is.
        color: of shaft and head.
        curve: matplotlib's `rad`: how far it bulges, as a share of its length; the sign says to which side.
    """
    style_name = f"arc3,rad={curve}"
    axes.add_patch(
        FancyArrowPatch(
            start, end, connectionstyle=style_name, arrowstyle="-|>,head_length=7,head_width=4", color=color, lw=2.2
        )
    )


def draw(figure: Figure, data: dict) -> None:
    """Agent on the left, environment on the right; actions go over the top, states and rewards come back below."""
    axes = figure.subplots()
    far = 4.4 if style.narrow(figure) else 7.4
    middle = (1.6 + far) / 2
    box(axes, 1.6, 2.0, "Agent", "policy π(a | s)", style.WORDS[style.BLUE])
    box(axes, far, 2.0, "Environment", "dynamics P(s′ | s, a)", style.INK)
    arrow(axes, (2.0, 2.62), (far - 0.4, 2.62), style.GREEN, -0.32)
    arrow(axes, (far - 0.4, 1.38), (2.0, 1.38), style.ORANGE, -0.32)
    bold = {"ha": "center", "fontweight": "bold"}
    axes.text(middle, 3.62, "action a_{t}", color=style.GREEN, **bold)
    axes.text(middle, 0.28, "reward r_{t} and next state s_{t+1}", color=style.ORANGE, **bold)
    axes.set(xlim=(0.1, far + 1.5), ylim=(0.0, 4.0), aspect="equal")
    axes.axis("off")


if __name__ == "__main__":
    style.make("RL", draw, 3.6, 2.9)

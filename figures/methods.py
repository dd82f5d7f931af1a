"""Three ways of steering a sequence model, side by side: a return asked for, a beam of futures, a plan revised."""

from __future__ import annotations

from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch

from figures import style
from figures.dt_tokens import arrow, tile

PLAY, KEPT, PRUNED = "played", "kept", "pruned"
TREE = (  # a small search, invented: where an edge starts and ends, and what becomes of its end
    ((0.6, 3.9), (3.4, 6.3), PLAY),
    ((0.6, 3.9), (3.4, 4.7), PRUNED),
    ((0.6, 3.9), (3.4, 3.1), KEPT),
    ((0.6, 3.9), (3.4, 1.5), PRUNED),
    ((3.4, 6.3), (6.4, 6.8), PLAY),
    ((3.4, 6.3), (6.4, 5.4), PRUNED),
    ((3.4, 3.1), (6.4, 3.8), KEPT),
    ((3.4, 3.1), (6.4, 2.2), PRUNED),
    ((6.4, 6.8), (9.2, 6.8), PLAY),
    ((6.4, 6.8), (9.2, 5.4), PRUNED),
    ((6.4, 3.8), (9.2, 4.2), KEPT),
    ((6.4, 3.8), (9.2, 2.8), PRUNED),
)
PLANS = (("draft", "↑↺↑↑↻"), ("mask", "↑↺?↑↻"), ("refill", "↑↺↻↑↻"))


def draw(figure: Figure, data: dict) -> None:
    """One panel a method."""
    panels = style.panels(figure, 3)
    drawn = (("Decision Transformer", ask), ("Trajectory Transformer", search), ("IEM (LEAP)", refine))
    for axes, (title, sketch) in zip(panels, drawn, strict=True):
        axes.set_title(title)
        sketch(axes)
        axes.set(xlim=(0, 10), ylim=(-0.2, 8), aspect="equal")
        axes.axis("off")


def ask(axes) -> None:
    """The return asked for comes first, and the action follows from it."""
    for place, (symbol, kind) in enumerate((("R\u0302", "return"), ("s", "state"), ("a", "action")) * 2):
        x, asked = 0.9 + 1.64 * place, place == 5
        tile(axes, x, 2.6, "?" if asked else symbol, style.TOKEN_COLORS[kind], hollow=asked, side=1.3)
        if not asked:
            arrow(axes, x, 3.4, 4.4, style.TOKEN_COLORS[kind])
    axes.plot((0.4, 9.6), (4.8, 4.8), color=style.INK, lw=6, solid_capstyle="round")
    arrow(axes, 0.9 + 1.64 * 4, 5.2, 5.9, style.GREEN)
    tile(axes, 0.9 + 1.64 * 4, 6.7, "a\u0302", style.GREEN, side=1.3)
    axes.text(0.3, 6.7, "next action", color=style.GREEN, va="center")
    axes.text(5, 0.6, "asks for a return", ha="center", color=style.ORANGE)


def search(axes) -> None:
    """Futures fan out from the present; those of the highest scores go on, the others are pruned."""
    looks = {
        PLAY: {"color": style.GREEN, "lw": 2.6},
        KEPT: {"color": style.BLUE, "lw": 1.6},
        PRUNED: {"color": style.GREY, "lw": 1, "ls": (0, (2, 2))},
    }
    for (x, y), (right, up), fate in TREE:
        axes.plot((x, right), (y, up), zorder=1, **looks[fate])
        shape = {"marker": "x", "ms": 6, "mew": 1.5} if fate == PRUNED else {"marker": "o", "ms": 8}
        axes.plot(right, up, ls="none", color=looks[fate]["color"], zorder=2, **shape)
    axes.plot(0.6, 3.9, "s", color=style.BLUE, ms=11)
    axes.text(0.6, 2.9, "now", ha="center", va="top", color=style.BLUE)
    axes.text(1.4, 6.3, "played", ha="center", va="bottom", color=style.GREEN)
    axes.text(9.6, 7.1, "best score", ha="right", va="bottom", color=style.GREEN)
    axes.text(7.9, 1.2, "pruned", ha="center", color=style.GREY)
    axes.text(5, 0, "imagines futures, keeps the best", ha="center", color=style.BLUE)


def refine(axes) -> None:
    """A whole plan; one of its actions masked, then chosen again beside all the others."""
    for row, (name, plan) in enumerate(PLANS):
        y = 6.7 - 2.25 * row
        axes.text(0, y, name, va="center", color=style.GREY)
        for place, sign in enumerate(plan):
            masked, new = sign == "?", name == "refill" and place == 2
            tile(axes, 3.4 + 1.5 * place, y, sign, style.ORANGE if new or masked else style.GREEN, hollow=masked, side=1.2)
    for place in (0, 1, 3, 4):  # all around it is seen
        start, end = (3.4 + 1.5 * place, 3.85), (3.4 + 1.5 * 2, 3.85)
        curve = 0.35 if place < 2 else -0.35
        shape = {"arrowstyle": "-|>,head_length=4,head_width=2.5", "connectionstyle": f"arc3,rad={curve}", "lw": 1.2}
        axes.add_patch(FancyArrowPatch(start, end, color=style.GREEN, **shape))
    axes.text(5, 0.3, "revises a whole plan", ha="center", color=style.ORANGE)


if __name__ == "__main__":
    style.make("methods", draw, 3.0, 8.6)

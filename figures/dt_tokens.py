"""How the Decision Transformer reads a trajectory: three tokens a step, and the action read at the state token."""

from __future__ import annotations

from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch

from figures import style

STEPS = ("t−2", "t−1", "t")
KINDS = (("return", "R\u0302"), ("state", "s"), ("action", "a"))


def tile(axes, x: float, y: float, text: str, color: str, hollow: bool = False, side: float = 0.8) -> None:
    """A token: a rounded square centered at (x, y).

    Args:
        axes: drawn on; x, y and side are in their units.
        x: of its center.
        y: likewise.
        text: written on it.
        color: of its kind, a key of `style.WORDS`.
        hollow: whether it is white with a dashed edge, as what is not known yet.
        side: of the square, its rounding apart.
    """
    color = style.WORDS[color]
    face, ink = ("white", color) if hollow else (color, "white")
    axes.add_patch(
        FancyBboxPatch(
            (x - side / 2, y - side / 2),
            side,
            side,
            boxstyle="round,pad=0,rounding_size=0.14",
            fc=face,
            ec=color,
            lw=1.6,
            ls="--" if hollow else "-",
        )
    )
    axes.text(x, y, text, ha="center", va="center", color=ink, fontsize=13)


def draw(figure: Figure, data: dict) -> None:
    """Transitions of three tokens below, the transformer as a bar, the predicted actions above the state tokens."""
    axes = figure.subplots()
    phone = style.narrow(figure)
    steps = STEPS[-2:] if phone else STEPS
    width = len(steps) * 3.4
    axes.add_patch(
        FancyBboxPatch((-0.5, 1.2), width - 0.3, 0.9, boxstyle="round,pad=0,rounding_size=0.16", fc=style.INK, ec="none")
    )
    said = (
        "each token sees itself and all to its left"
        if phone
        else "causal transformer: each token sees itself and everything to its left"
    )
    axes.text(width / 2 - 0.65, 1.65, said, ha="center", va="center", color="white")
    for block, step in enumerate(steps):
        for slot, (kind, symbol) in enumerate(KINDS):
            x, now = 3.4 * block + slot, step == "t" and kind == "action"
            color = style.TOKEN_COLORS[kind]
            tile(axes, x, 0, "0" if now else f"{symbol}_{{{step}}}", color, hollow=now)
            arrow(axes, x, 0.45, 1.15, color)
            if kind == "state":
                arrow(axes, x, 2.15, 2.85, style.GREEN)
                tile(axes, x, 3.3, f"a\u0302_{{{step}}}", style.GREEN)
        axes.text(3.4 * block + 1, -0.85, f"time {step}", ha="center", va="center", color=style.GREY)
    names = (("return still asked for", "return"), ("state", "state"), ("action", "action"))
    for place, (text, kind) in enumerate(names):
        where = ((0, 2.55, 4.15)[place] - 0.4, -1.7) if phone else (width, 0.5 - 0.5 * place)
        axes.text(*where, text, color=style.TOKEN_COLORS[kind], va="center")
    told = (
        (0.5 * width - 0.65, 4.15, "predicted actions; the last one is played")
        if phone
        else (width, 3.3, "predicted actions;\nthe last one is played")
    )
    axes.text(*told, color=style.GREEN, va="center", ha="center" if phone else "left")
    axes.set(xlim=(-0.7, width - 0.6 if phone else width + 3.4), ylim=(-2.1, 4.5) if phone else (-1.2, 3.85), aspect="equal")
    axes.axis("off")


def arrow(axes, x: float, start: float, end: float, color: str) -> None:
    """An arrow upward.

    Args:
        axes: drawn on; the rest is in their units.
        x: where it stands.
        start: y of its foot.
        end: y of its head.
        color: of both.
    """
    shape = {"arrowstyle": "-|>,head_length=4,head_width=2.5", "lw": 1.4}
    axes.add_patch(FancyArrowPatch((x, start), (x, end), color=color, **shape))


if __name__ == "__main__":
    style.make("dt_tokens", draw, 3.1, 4.3)

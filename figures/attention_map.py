"""What the attention maps share: pixels, panels around them, ticks that name transitions, strips that name tokens."""

from __future__ import annotations

import numpy as np
from matplotlib import colormaps
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.patches import Patch, PathPatch, Rectangle
from matplotlib.path import Path

from figures import style

TITLES = ("trained", "untrained control")
SHADES = 32  # of a color scale
GAP = 4  # clear columns between two maps: a smaller copy of one shows nothing of the other


def sheet(maps: list[np.ndarray], norm: Normalize, cell: tuple[int, int]) -> np.ndarray:
    """Two maps (query down, key across) side by side in color, uint8 (height, width, 4); what is not a number is left clear.

    Args:
        cell: width and height in pixels of one weight.
    """
    across, down = cell
    one, other = maps
    both = np.concatenate([one, np.full((len(one), GAP), np.nan), other], axis=1)
    colors = colormaps["cividis"](norm(np.ma.masked_invalid(both)), bytes=True)
    return colors.repeat(down, axis=0).repeat(across, axis=1)


def past(weights: np.ndarray) -> np.ndarray:
    """A causal map (query, key) without the future, which is not a number."""
    return np.where(np.tri(len(weights), dtype=bool), weights, np.nan)


def panels(figure: Figure, norm: Normalize, colors: dict[str, str], **options) -> np.ndarray:
    """Axes for a trained and an untrained map, on one color scale, below the names of the token types."""
    both = style.panels(figure, 2, sharey=True)
    for axes, title in zip(both, TITLES, strict=True):
        axes.set_title(title, pad=10)
    colorbar(figure, norm, both, **options)
    legend(figure, colors)
    return both


def causal(axes, types: list[str], size: int, part: int, every: int, picture: str = "") -> None:
    """One causal map: its pixels, and around them ticks that name every so many transitions, each a token for each type.

    Args:
        axes: drawn on.
        types: of the tokens of a transition, in order.
        size: tokens along a side.
        part: which of the maps that lie side by side in the picture.
        every: how many transitions lie from tick to tick.
        picture: whose pixels; those of the figure itself if it is not named.
    """
    transitions = -(-size // len(types))
    centres = np.arange(transitions) * len(types) + (len(types) - 1) / 2
    labels = [f"t−{lag}" if lag else "t" for lag in range(transitions - 1, -1, -1)]
    latest = slice(transitions - 1, None, -every)
    style.plate(axes, (-0.5, size - 0.5, size - 0.5, -0.5), columns(part, size), picture)
    axes.set_xticks(centres[latest], labels[latest])
    axes.set_yticks(centres[latest], labels[latest])
    axes.set(xlabel="attended token (key)", xlim=(-0.04 * size, size - 0.5), ylim=(size - 0.5, -0.04 * size), box_aspect=1)
    strips(axes, [types[index % len(types)] for index in range(size)], size)


def columns(part: int, tokens: int) -> tuple[int, int, int]:
    """Where a sheet shows the trained map (0) or the untrained one (1): the first column, how many, and all of its columns."""
    return part * (tokens + GAP), tokens, 2 * tokens + GAP


def strips(axes, kinds: list[str], rows: int) -> None:
    """Color each token's place along the top edge by its type, and along the left one if every token has a row."""
    size, left = len(kinds), len(kinds) == rows
    near, far = -0.5 - 0.004 * rows, -0.5 - 0.03 * rows
    borders = [0, *(index for index in range(1, size) if kinds[index] != kinds[index - 1]), size]
    for kind in dict.fromkeys(kinds):
        runs = [(start - 0.5, end - 0.5) for start, end in zip(borders, borders[1:], strict=False) if kinds[start] == kind]
        places = [box(start, end, far, near) for start, end in runs] + [box(far, near, *run) for run in runs if left]
        axes.add_patch(PathPatch(Path.make_compound_path(*places), color=style.TOKEN_COLORS[kind], lw=0, clip_on=False))
    axes.tick_params(length=0)
    for spine in axes.spines.values():
        spine.set_visible(False)


def box(left: float, right: float, top: float, bottom: float) -> Path:
    """The outline of a rectangle."""
    return Path([(left, top), (right, top), (right, bottom), (left, bottom), (left, top)], closed=True)


def colorbar(figure: Figure, norm: Normalize, axes, flat: bool = False, **options) -> None:
    """What the colors mean: beside the maps; below them on a phone, or where it is to lie flat.

    Args:
        figure: drawn on.
        norm: from attention weights to colors.
        axes: those of the maps, which make room.
        flat: whether it lies flat anywhere.
        options: handed to matplotlib's `colorbar`.
    """
    flat = flat or style.narrow(figure)
    place = {"orientation": "horizontal", "aspect": 30} if flat else {"shrink": 0.82}
    bar = figure.colorbar(ScalarMappable(norm, "cividis"), ax=axes, pad=0.02, label="attention weight", **place, **options)
    bar.outline.set_visible(False)
    bar.solids.remove()
    edges = norm.inverse(np.linspace(0, 1, SHADES + 1))
    for shade, edge in enumerate(edges[:-1]):  # each reaches to the end, below those that come after it, so no seam shows
        color = colormaps["cividis"]((shade + 0.5) / SHADES)
        corner, width, height = ((edge, 0), edges[-1] - edge, 1) if flat else ((0, edge), 1, edges[-1] - edge)
        bar.ax.add_patch(Rectangle(corner, width, height, color=color, lw=0))


def legend(figure: Figure, colors: dict[str, str]) -> None:
    """The names of the token types, above the maps."""
    marks = [Patch(color=color, label=kind) for kind, color in colors.items()]
    columns = min(len(marks), 3 if style.narrow(figure) and len(marks) > 4 else 5)
    figure.legend(handles=marks, loc="outside upper left", ncols=columns, handlelength=0.8, columnspacing=1.2)

"""What the attention maps share: two panels on one colour scale, ticks that name transitions, strips that name tokens."""

from __future__ import annotations

import numpy as np
from matplotlib.colors import Normalize, to_rgb
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from figures import style


def draw_pair(figure: Figure, trained: np.ndarray, untrained: np.ndarray, types: list[str], norm: Normalize, every: int):
    """Two maps (query down, key across), the future and what is not a number left grey; returns their axes.

    Of the transitions, each a token for each of `types`, the latest and every so many before it are named.
    """
    transitions = -(-len(trained) // len(types))
    centres = np.arange(transitions) * len(types) + (len(types) - 1) / 2
    labels = [f"t−{lag}" if lag else "t" for lag in range(transitions - 1, -1, -1)]
    shown = slice(transitions - 1, None, -every)
    panels = style.panels(figure, 2, sharey=True)
    for axes, weights, title in zip(panels, (trained, untrained), ("trained", "untrained control"), strict=True):
        past = np.tri(len(weights), dtype=bool)
        image = axes.imshow(np.where(past, weights, np.nan), norm=norm, cmap="cividis")
        axes.set_title(title)
        axes.set_facecolor("#f2f2f2")
        axes.set_xticks(centres[shown], labels[shown])
        axes.set_yticks(centres[shown], labels[shown])
        axes.set_xlabel("attended token (key)")
        axes.set_ylabel("attending token (query)" if style.narrow(figure) or title == "trained" else "")
        strips(axes, types, len(weights))
    colorbar(figure, image, panels, extend="max")
    legend(figure, {kind: style.TOKEN_COLORS[kind] for kind in types})
    return panels


def colorbar(figure: Figure, image, panels, **options) -> None:
    """What the colors mean: beside the maps, and below them on a phone."""
    place = {"orientation": "horizontal", "aspect": 30} if style.narrow(figure) else {"shrink": 0.82}
    bar = figure.colorbar(image, ax=panels, pad=0.02, label="attention weight", **place, **options)
    bar.outline.set_visible(False)


def legend(figure: Figure, colors: dict[str, str]) -> None:
    """The names of the token types, above the maps."""
    marks = [Patch(color=color, label=kind) for kind, color in colors.items()]
    figure.legend(handles=marks, loc="outside upper left", ncols=len(marks), handlelength=0.8, columnspacing=1.2)


def strips(axes, types: list[str], size: int) -> None:
    """Colour each token's place along the top and the left edge by its type."""
    colors = np.array([to_rgb(style.TOKEN_COLORS[types[index % len(types)]]) for index in range(size)])
    near, far, end = -0.01 * size, -0.037 * size, size - 0.5
    axes.imshow(colors[None], extent=(-0.5, end, near, far), interpolation="nearest")
    axes.imshow(colors[:, None], extent=(far, near, end, -0.5), interpolation="nearest")
    axes.set(xlim=(-0.04 * size, end), ylim=(end, -0.04 * size))
    for spine in axes.spines.values():
        spine.set_visible(False)

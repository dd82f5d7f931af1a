"""The Decision Transformer's last layer: who looks at whom, averaged over the fixed contexts, beside an untrained twin."""

from __future__ import annotations

import numpy as np
from matplotlib.colors import PowerNorm
from matplotlib.figure import Figure

from figures import style

BRIGHTEST = 0.25  # weights above it, in the first rows, look alike; below, late rows would all be dark


def draw(figure: Figure, data: dict) -> None:
    """Two maps (query down, key across) on one colour scale; ticks name transitions, a strip along each axis the token
    types.
    """
    values = data["attention/local_dt_halfcheetah"]
    maps = values["arrays"]
    types = values["token_types"]
    transitions = values["tokens"] // len(types)
    panels = figure.subplots(1, 2, sharey=True)
    for axes, name, title in zip(panels, ("attention", "attention_untrained"), ("trained", "untrained control"), strict=True):
        weights = maps[name][-1].mean(axis=0)
        image = axes.imshow(
            np.where(np.tri(len(weights), dtype=bool), weights, np.nan),
            norm=PowerNorm(0.6, 0, BRIGHTEST),
            cmap="cividis",
        )
        axes.set_title(title)
        axes.set_facecolor("#f2f2f2")
        centres = np.arange(transitions) * len(types) + (len(types) - 1) / 2
        shown = slice(transitions - 1, None, -5)
        labels = [f"t−{lag}" if lag else "t" for lag in range(transitions - 1, -1, -1)]
        axes.set_xticks(centres[shown], labels[shown])
        axes.set_yticks(centres[shown], labels[shown])
        axes.set_xlabel("attended token (key)")
        token_strip(axes, types, len(weights))
    panels[0].set_ylabel("attending token (query)")
    bar = figure.colorbar(image, ax=panels, shrink=0.82, pad=0.02, extend="max")
    bar.set_label("attention weight", fontsize=8)
    bar.outline.set_visible(False)
    for index, kind in enumerate(types):
        panels[0].text(30 + 10 * index, -4.2, f"■ {kind}", color=style.TOKEN_COLORS[kind], fontsize=7.5, ha="left", va="bottom")


def token_strip(axes, types: list[str], size: int) -> None:
    """Colour each token's place along the top and the left edge by its type."""
    for index in range(size):
        color = style.TOKEN_COLORS[types[index % len(types)]]
        axes.add_patch(_square(index - 0.5, -2.2, 1, 1.6, color))
        axes.add_patch(_square(-2.2, index - 0.5, 1.6, 1, color))
    axes.set(xlim=(-2.4, size - 0.5), ylim=(size - 0.5, -2.4))
    for spine in axes.spines.values():
        spine.set_visible(False)


def _square(x: float, y: float, width: float, height: float, color: str):
    from matplotlib.patches import Rectangle

    return Rectangle((x, y), width, height, facecolor=color, lw=0)


if __name__ == "__main__":
    style.make("dt_last_layer_attention_map", draw, 8.0, 4.0)

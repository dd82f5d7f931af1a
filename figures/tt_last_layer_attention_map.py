"""The Trajectory Transformer's last layer: who looks at whom, averaged over heads and the fixed contexts, beside an untrained
twin.
"""

from __future__ import annotations

import numpy as np
from matplotlib.colors import PowerNorm
from matplotlib.figure import Figure

from figures import style

BRIGHTEST = 0.1  # one of 249 tokens seldom gets more


def draw(figure: Figure, data: dict) -> None:
    """Two maps (query down, key across) on one colour scale; lines part the transitions, a strip names the tokens."""
    values = data["attention/local_tt_halfcheetah"]
    types, size = values["token_types"], len(values["token_types"])
    transitions = -(-values["tokens"] // size)
    panels = figure.subplots(1, 2, sharey=True)
    for axes, name, title in zip(panels, ("attention", "attention_untrained"), ("trained", "untrained control"), strict=True):
        weights = values["arrays"][name].astype(float)
        hidden = ~np.tri(len(weights), dtype=bool) | (np.arange(len(weights)) % size == size - 1)
        image = axes.imshow(np.where(hidden, np.nan, weights), norm=PowerNorm(0.4, 0, BRIGHTEST), cmap="cividis")
        axes.set_title(title)
        axes.set_facecolor("#f2f2f2")
        for border in range(size, len(weights), size):
            axes.axhline(border - 0.5, color="white", lw=0.4)
            axes.axvline(border - 0.5, color="white", lw=0.4)
        centres = np.arange(transitions) * size + size / 2
        labels = [f"t−{lag}" if lag else "t" for lag in range(transitions - 1, -1, -1)]
        shown = slice(transitions - 1, None, -3)
        axes.set_xticks(centres[shown], labels[shown])
        axes.set_yticks(centres[shown], labels[shown])
        axes.set_xlabel("attended token (key)")
        strip(axes, types, len(weights))
    panels[0].set_ylabel("attending token (query)")
    bar = figure.colorbar(image, ax=panels, shrink=0.82, pad=0.02, extend="max")
    bar.set_label("attention weight", fontsize=8)
    bar.outline.set_visible(False)
    for place, kind in zip((50, 120, 170, 215), dict.fromkeys(types), strict=True):
        panels[0].text(place, -16, f"■ {kind}", color=style.TOKEN_COLORS[kind], fontsize=7, ha="left", va="bottom")


def strip(axes, types: list[str], count: int) -> None:
    """Colour each token's place along the top and the left edge by its kind."""
    colors = np.array([[int(style.TOKEN_COLORS[kind][i : i + 2], 16) for i in (1, 3, 5)] for kind in types])
    line = colors[np.arange(count) % len(types)].astype(np.uint8)
    axes.imshow(line[None], extent=(-0.5, count - 0.5, -2.5, -9.5), aspect="auto")
    axes.imshow(line[:, None], extent=(-9.5, -2.5, count - 0.5, -0.5), aspect="auto")
    axes.set(xlim=(-10, count - 0.5), ylim=(count - 0.5, -10))
    axes.set_aspect("equal")
    for spine in axes.spines.values():
        spine.set_visible(False)


if __name__ == "__main__":
    style.make("tt_last_layer_attention_map", draw, 8.0, 4.0)

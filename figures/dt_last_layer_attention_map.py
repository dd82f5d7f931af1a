"""The Decision Transformer's last layer: who looks at whom, averaged over the fixed contexts, beside an untrained twin."""

from __future__ import annotations

import numpy as np
from matplotlib.colors import PowerNorm
from matplotlib.figure import Figure

from figures import attention_map, style

NORM = PowerNorm(0.6, 0, 0.25)  # weights above it, in the first rows, look alike; below, late rows would all be dark
HEIGHTS = (4.6, 8.4)


def pixels(data: dict) -> np.ndarray:
    """Both maps side by side, eight pixels a weight."""
    return layer(data, -1)


def layer(data: dict, which: int) -> np.ndarray:
    """Both maps of any layer, likewise."""
    maps = data["attention/local_dt_halfcheetah"]["arrays"]
    shown = [attention_map.past(maps[name][which].mean(axis=0)) for name in ("attention", "attention_untrained")]
    return attention_map.sheet(shown, NORM, (8, 8))


def draw(figure: Figure, data: dict) -> None:
    """Two maps (query down, key across) on one color scale; ticks name transitions, a strip along each axis the token
    types.
    """
    values = data["attention/local_dt_halfcheetah"]
    types = values["token_types"]
    panels = attention_map.panels(figure, NORM, {kind: style.TOKEN_COLORS[kind] for kind in types}, extend="max")
    for part, axes in enumerate(panels):
        attention_map.causal(axes, types, values["tokens"], part, every=5)
        axes.set_ylabel("attending token (query)" if style.narrow(figure) or part == 0 else "")


if __name__ == "__main__":
    style.make("dt_last_layer_attention_map", draw, *HEIGHTS, pixels=pixels)

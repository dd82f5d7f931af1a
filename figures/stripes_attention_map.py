"""The Decision Transformer's second layer, which has the stripes, drawn as the last is in its own picture."""

from __future__ import annotations

import numpy as np

from figures import style
from figures.dt_last_layer_attention_map import HEIGHTS, draw, layer


def pixels(data: dict) -> np.ndarray:
    """Both maps side by side."""
    return layer(data, 1)


if __name__ == "__main__":
    style.make("stripes_attention_map", draw, *HEIGHTS, pixels=pixels)

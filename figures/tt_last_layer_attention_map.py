"""The Trajectory Transformer's last layer: who looks at whom, averaged over heads and the fixed contexts, beside an untrained
twin.
"""

from __future__ import annotations

import numpy as np
from matplotlib.colors import PowerNorm
from matplotlib.figure import Figure

from figures import attention_map, style

NORM = PowerNorm(0.4, 0, 0.1)  # one of 249 tokens seldom gets more
TICKS = (0, 0.01, 0.03, 0.1)
HEIGHTS = (4.6, 8.4)


def pixels(data: dict) -> np.ndarray:
    """Both maps side by side, two pixels a weight. Values, which no query attends to, are left clear."""
    values = data["attention/local_tt_halfcheetah"]
    types = values["token_types"]
    closed = np.arange(values["tokens"]) % len(types) == types.index("value")
    maps = [np.where(closed, np.nan, values["arrays"][name].astype(float)) for name in ("attention", "attention_untrained")]
    return attention_map.sheet([attention_map.past(weights) for weights in maps], NORM, (2, 2))


def draw(figure: Figure, data: dict) -> None:
    """Two maps (query down, key across) on one color scale; ticks name transitions, a strip along each axis the tokens."""
    values = data["attention/local_tt_halfcheetah"]
    types = values["token_types"]
    panels = attention_map.panels(figure, NORM, {kind: style.TOKEN_COLORS[kind] for kind in types}, extend="max", ticks=TICKS)
    for part, axes in enumerate(panels):
        attention_map.causal(axes, types, values["tokens"], part, every=3)
        axes.set_ylabel("attending token (query)" if style.narrow(figure) or part == 0 else "")


if __name__ == "__main__":
    style.make("tt_last_layer_attention_map", draw, *HEIGHTS, pixels=pixels)

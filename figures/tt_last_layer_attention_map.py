"""The Trajectory Transformer's last layer: who looks at whom, averaged over heads and the fixed contexts, beside an untrained
twin.
"""

from __future__ import annotations

import numpy as np
from matplotlib.colors import PowerNorm
from matplotlib.figure import Figure

from figures import attention_map, style

BRIGHTEST = 0.1  # one of 249 tokens seldom gets more


HEIGHTS = (4.7, 8.2)


def draw(figure: Figure, data: dict) -> None:
    """Two maps (query down, key across) on one colour scale; lines part the transitions, a strip names the tokens. Values,
    which no query attends to, are left grey.
    """
    values = data["attention/local_tt_halfcheetah"]
    types, size = values["token_types"], len(values["token_types"])
    closed = np.arange(values["tokens"]) % size == types.index("value")
    maps = [np.where(closed, np.nan, values["arrays"][name].astype(float)) for name in ("attention", "attention_untrained")]
    panels = attention_map.draw_pair(figure, *maps, types, PowerNorm(0.4, 0, BRIGHTEST), every=3)
    for axes in panels:
        for border in range(size, values["tokens"], size):
            axes.axhline(border - 0.5, color="white", lw=0.4)
            axes.axvline(border - 0.5, color="white", lw=0.4)


if __name__ == "__main__":
    style.make("tt_last_layer_attention_map", draw, *HEIGHTS)

"""The Decision Transformer's last layer: who looks at whom, averaged over the fixed contexts, beside an untrained twin."""

from __future__ import annotations

from matplotlib.colors import PowerNorm
from matplotlib.figure import Figure

from figures import attention_map, style

BRIGHTEST = 0.25  # weights above it, in the first rows, look alike; below, late rows would all be dark


HEIGHTS = (4.7, 8.2)


def draw(figure: Figure, data: dict) -> None:
    """Two maps (query down, key across) on one colour scale; ticks name transitions, a strip along each axis the token
    types.
    """
    values = data["attention/local_dt_halfcheetah"]
    types = values["token_types"]
    maps = [values["arrays"][name][-1].mean(axis=0) for name in ("attention", "attention_untrained")]
    attention_map.draw_pair(figure, *maps, types, PowerNorm(0.6, 0, BRIGHTEST), every=5)


if __name__ == "__main__":
    style.make("dt_last_layer_attention_map", draw, *HEIGHTS)

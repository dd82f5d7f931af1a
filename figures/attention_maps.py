"""The last layers of the three models side by side, around the pixels of their own pictures."""

from __future__ import annotations

from matplotlib.figure import Figure

from figures import attention_map, dt_last_layer_attention_map, leap_baby_ai, style, tt_last_layer_attention_map

KINDS = ("return", "state", "action", "reward", "value")
HEIGHTS = (4.9, 13.2)


def draw(figure: Figure, data: dict) -> None:
    """One map a model (query down, key across), each on a color scale of its own; strips name the tokens."""
    panels = style.panels(figure, 3)
    dt, tt, _ = data.values()
    attention_map.causal(panels[0], dt["token_types"], dt["tokens"], 0, 5, "dt_last_layer_attention_map")
    attention_map.causal(panels[1], tt["token_types"], tt["tokens"], 0, 3, "tt_last_layer_attention_map")
    leap_baby_ai.panel(panels[2], *leap_baby_ai.maps_of(data)[0].shape, 0, "leap_baby_ai")
    norms = (dt_last_layer_attention_map.NORM, tt_last_layer_attention_map.NORM, leap_baby_ai.norm_of(data))
    scales = ({"extend": "max"}, {"extend": "max", "ticks": tt_last_layer_attention_map.TICKS}, {})
    titles = ("Decision Transformer", "Trajectory Transformer", "IEM (LEAP)")
    for axes, norm, scale, title in zip(panels, norms, scales, titles, strict=True):
        axes.set_title(title, pad=10)
        attention_map.colorbar(figure, norm, axes, flat=True, **scale)
        axes.set_ylabel("action reconsidered (query)" if axes is panels[2] else "attending token (query)")
    attention_map.legend(figure, {kind: style.TOKEN_COLORS[kind] for kind in KINDS})


if __name__ == "__main__":
    style.make("attention_maps", draw, *HEIGHTS, width=12.6)

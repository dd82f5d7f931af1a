"""Where LEAP looks when it reconsiders an action: the last layer, averaged over heads and plans, beside an untrained twin."""

from __future__ import annotations

import numpy as np
from matplotlib.colors import Normalize
from matplotlib.figure import Figure

from figures import attention_map, style

KINDS = {"state": style.BLUE, "action": style.GREEN}


def maps_of(data: dict) -> list[np.ndarray]:
    """The trained and the untrained map (reconsidered action, token)."""
    values = data["refined/local_leap_go_to_obj_maze_s7_open"]
    return [values["arrays"][name] for name in ("attention", "attention_untrained")]


def norm_of(data: dict) -> Normalize:
    """From no attention to the most there is in either map."""
    return Normalize(0, max(weights.max() for weights in maps_of(data)))


def pixels(data: dict) -> np.ndarray:
    """Both maps side by side, twice as many tokens as actions: a weight is twice as high as wide."""
    return attention_map.sheet(maps_of(data), norm_of(data), (24, 48))


def draw(figure: Figure, data: dict) -> None:
    """Two maps (reconsidered action down, token across) on one color scale; a strip tells states from actions."""
    for part, axes in enumerate(attention_map.panels(figure, norm_of(data), KINDS)):
        panel(axes, *maps_of(data)[part].shape, part)
        axes.set_ylabel("action reconsidered (query)" if style.narrow(figure) or part == 0 else "")


def panel(axes, steps: int, tokens: int, part: int, picture: str = "") -> None:
    """One map: its pixels, the steps of the plan along both edges, a strip of states and actions above.

    Args:
        axes: drawn on.
        steps: of the plan.
        tokens: keys, a state and an action a step.
        part: which of the maps that lie side by side in the picture.
        picture: whose pixels; those of the figure itself if it is not named.
    """
    style.plate(axes, (-0.5, tokens - 0.5, steps - 0.5, -0.5), attention_map.columns(part, tokens), picture)
    axes.set_xticks(np.arange(steps) * 2 + 0.5, np.arange(1, steps + 1))
    axes.set_yticks(np.arange(steps), np.arange(1, steps + 1))
    axes.set(xlabel="step of the plan (key)", xlim=(-0.5, tokens - 0.5), ylim=(steps - 0.5, -0.5), box_aspect=1)
    attention_map.strips(axes, [list(KINDS)[token % 2] for token in range(tokens)], steps)


if __name__ == "__main__":
    style.make("leap_baby_ai", draw, 4.6, 8.4, pixels=pixels)

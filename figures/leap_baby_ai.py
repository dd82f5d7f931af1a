"""Where LEAP looks when it reconsiders an action: the last layer, averaged over heads and plans, beside an untrained twin."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

from figures import attention_map, style

KINDS = {"state": style.BLUE, "action": style.GREEN}


def draw(figure: Figure, data: dict) -> None:
    """Two maps (reconsidered action down, token across) on one colour scale; a strip tells states from actions."""
    (values,) = data.values()
    maps = values["arrays"]
    brightest = max(maps[name].max() for name in ("attention", "attention_untrained"))
    panels = style.panels(figure, 2, sharey=True)
    for axes, name, title in zip(panels, ("attention", "attention_untrained"), ("trained", "untrained control"), strict=True):
        steps, tokens = maps[name].shape
        image = axes.imshow(maps[name], vmin=0, vmax=brightest, cmap="cividis", aspect="auto")
        axes.set_title(title, pad=14)
        for border in range(2, tokens, 2):
            axes.axvline(border - 0.5, color="white", lw=0.4)
        for token in range(tokens):
            color = list(KINDS.values())[token % 2]
            axes.plot(token, -0.75, "s", color=color, ms=4, clip_on=False)
        axes.set_xticks(np.arange(steps) * 2 + 0.5, np.arange(1, steps + 1))
        axes.set_yticks(np.arange(steps), np.arange(1, steps + 1))
        axes.tick_params(length=0)
        axes.set_xlabel("step of the plan (key)")
        axes.set_ylim(steps - 0.5, -0.5)
        axes.set_ylabel("action reconsidered (query)" if style.narrow(figure) or title == "trained" else "")
    attention_map.legend(figure, KINDS)
    attention_map.colorbar(figure, image, panels)


if __name__ == "__main__":
    style.make("leap_baby_ai", draw, 3.8, 7.0)

"""What the Trajectory Transformer's next observation costs when keys are hidden from attention, every training a dot."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

from figures import style

HIDDEN = {  # name: label of what is hidden, from the bottom up
    "lag_one": "transition just before",
    "older": "all older transitions",
    "striated": "the dimension predicted",
    "read": "the dimension read",
    "others": "ten others, one at a time",
    "intact": "nothing",
}
MEANING = {
    "other_6": ("torque", "right"),
    "other_9": ("velocity", "left"),
}  # what stands so far on from a joint's velocity; from its angle


def draw(figure: Figure, data: dict) -> None:
    """One row an intervention; the dashed line is the loss of knowing nothing. Of other dimensions every one is shown."""
    axes = figure.subplots()
    values = data["hidden_keys/local_tt_halfcheetah_short"]
    losses = {name: each["observation"] for name, each in values["losses"].items()}
    losses["others"] = [loss for name, each in losses.items() if name.startswith("other_") for loss in each]
    axes.axvline(values["chance"], color=style.GREY, lw=1, ls=(0, (4, 3)))
    above = {"color": style.BLUE, "fontsize": style.SMALL, "va": "bottom"}
    for name, (label, side) in MEANING.items():
        axes.text(np.mean(losses[name]), list(HIDDEN).index("others") + 0.22, label, ha=side, **above)
    axes.text(values["chance"] + 0.1, len(HIDDEN) - 0.6, "chance", color=style.GREY, fontsize=style.SMALL, va="center")
    for place, name in enumerate(HIDDEN):
        color = style.ORANGE if name in ("striated", "lag_one") else style.BLUE if name != "intact" else style.GREY
        style.dots(axes, losses[name], np.full(len(losses[name]), place), color, 7, 0.6)
    axes.set(yticks=range(len(HIDDEN)), yticklabels=HIDDEN.values(), ylim=(-0.6, len(HIDDEN) - 0.2), xlim=(0, None))
    if style.narrow(figure):
        axes.set(xlabel="loss, nats a token", xticks=range(0, 9, 2))
    else:
        axes.set(xlabel="loss of the next observation, nats a token", ylabel="hidden from attention")


if __name__ == "__main__":
    style.make("tt_hidden_keys", draw, 3.1, 3.3)

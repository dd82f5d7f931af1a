"""What asking brings on two logs: of good and poor halves, and of luck; beside it what rivals that are told no return do."""

from __future__ import annotations

from matplotlib.figure import Figure

from figures import style
from pipeline.study import twists

ASKED = {"dt": ("Decision Transformer", style.BLUE, "o"), "rvs": ("perceptron", style.SKY, "s")}  # told the return
UNASKED = {  # label, color, and on which side of its line that stands
    "td3bc": ("TD3+BC", style.ORANGE, -1),
    "bc": ("behavior cloning", style.GREEN, 1),
    "bc10": ("10%BC", style.PINK, -1),
}
WORDS = {"textcoords": "offset points", "fontsize": style.SMALL, "va": "center"}


def panel(axes, data: dict, quantity: str, places: list[float], names: tuple[str, ...], factor: float, at: dict) -> None:
    """Means by ask with 95 % intervals, and a line for each rival that is asked for nothing.

    Args:
        axes: drawn on.
        data: values by method.
        quantity: what is kept by episode.
        places: of the asks, (ask,).
        names: of the rivals.
        factor: on all that is drawn.
        at: by method that is asked, which ask its name stands at, how far off in points, and on which side.
    """
    for name in names:
        label, color, side = UNASKED[name]
        level = factor * data[name]["asks"][0][f"{quantity}_mean"]["mean"]
        axes.axhline(level, color=color, lw=1.6, ls=(0, (5, 3)))
        axes.annotate(label, (1, level), (-2, 8 * side), xycoords=("axes fraction", "data"), ha="right", color=color, **WORDS)
    for name, (label, color, marker) in ASKED.items():
        means, reach = style.whiskers([each[f"{quantity}_mean"] for each in data[name]["asks"]])
        axes.errorbar(places, factor * means, factor * reach, color=color, marker=marker, ms=5.5, capsize=3, lw=1.4)
        ask, off, side = at[name]
        axes.annotate(label, (places[ask], factor * means[ask]), off, ha=side, color=color, **WORDS)


def draw(figure: Figure, data: dict) -> None:
    """Returns of halves by ask, with the best recorded episode; shares that gamble by ask."""
    halves, luck = style.panels(figure, 2)
    of_halves, of_luck = (
        {name.split("_")[1]: values for name, values in data.items() if name.startswith(kind)}
        for kind in ("stitching/", "luck/")
    )
    best = data[f"datasets/{twists.HALVES.name}"]["return_max"]
    halves.axhline(best, color=style.GREY, lw=1)
    place = {"xycoords": ("axes fraction", "data"), "ha": "right"}
    halves.annotate("best recorded", (1, best), (-2, -8), color=style.GREY, **place, **WORDS)
    asked = [each["asked"] for each in of_halves["dt"]["asks"]]
    at = {"dt": (0, (-4, 24), "left"), "rvs": (1, (8, -8), "left")}
    panel(halves, of_halves, "returns", asked, ("td3bc", "bc"), 1, at)
    halves.set(title="good and poor halves", xlabel="return asked for", xlim=(2700, 4600))
    halves.set(ylabel="return got", ylim=(900, 5600))
    at = {"dt": (1, (22, 15), "left"), "rvs": (0, (9, 2), "left")}
    panel(luck, of_luck, "gambled", [0, 1, 2], ("td3bc", "bc", "bc10"), 100, at)
    names = [f"{name}\n{each['asked']:.0f}" for name, each in zip(("lost", "safe", "won"), of_luck["dt"]["asks"], strict=True)]
    luck.set(title="luck", xlabel="return asked for", ylabel="episodes that gamble, %", xlim=(-0.3, 3.3), ylim=(-5, 108))
    luck.set_xticks(range(3), names)


if __name__ == "__main__":
    style.make("twists", draw, 3.4, 6.4)

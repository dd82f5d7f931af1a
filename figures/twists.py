"""What asking brings on two logs: of good and poor halves, and of luck; beside it what rivals that are told no return do."""

from __future__ import annotations

from matplotlib.figure import Figure

from figures import style
from pipeline.study import twists

RIVALS = {"td3bc": ("TD3+BC", style.ORANGE), "bc": ("behavior cloning", style.GREEN), "bc10": ("10%BC", style.PINK)}


def rivals(axes, data: dict, log: str, quantity: str, factor: float, names: tuple[str, ...]) -> None:
    """A line at what each rival does, with its name."""
    for name in names:
        label, color = RIVALS[name]
        level = factor * data[log.format(name)]["asks"][0][f"{quantity}_mean"]["mean"]
        axes.axhline(level, color=color, lw=1.6, ls=(0, (5, 3)))
        axes.annotate(label, (1, level), (-4, 5), xycoords=("axes fraction", "data"), textcoords="offset points", ha="right")
        axes.texts[-1].set(color=color, fontsize=style.SMALL)


def draw(figure: Figure, data: dict) -> None:
    """Returns of halves by ask, with the best recorded episode; shares that gamble by ask. Means with 95 % intervals."""
    halves, luck = style.panels(figure, 2)
    best = data[f"datasets/{twists.HALVES.name}"]["return_max"]
    asks = data["stitching/local_dt_halfcheetah_halves"]["asks"]
    asked = [each["asked"] for each in asks]
    for quantity, label, marker, below in (("returns", "episode", "o", 10), ("first_half", "its first half", "^", 10)):
        means, reach = style.whiskers([each[f"{quantity}_mean"] for each in asks])
        halves.errorbar(asked, means, reach, color=style.BLUE, marker=marker, ms=6, capsize=3, lw=1.4)
        options = {"textcoords": "offset points", "color": style.BLUE, "fontsize": style.SMALL, "va": "center"}
        halves.annotate(label, (asked[-1], means[-1]), (-6, below + 4), ha="right", **options)
    halves.axhline(best, color=style.GREY, lw=1)
    halves.text(asked[0] - 200, best + 40, "best recorded episode", color=style.GREY, fontsize=style.SMALL)
    rivals(halves, data, "stitching/local_{}_halfcheetah_halves", "returns", 1, ("td3bc", "bc"))
    halves.set(title="good and poor halves", xlabel="return asked for", ylabel="return", xlim=(2650, 4700))
    asks = data["luck/local_dt_halfcheetah_luck"]["asks"]
    means, reach = style.whiskers([each["gambled_mean"] for each in asks])
    luck.errorbar(range(3), 100 * means, 100 * reach, color=style.BLUE, marker="o", ms=6, capsize=3, lw=1.4)
    rivals(luck, data, "luck/local_{}_halfcheetah_luck", "gambled", 100, ("td3bc", "bc", "bc10"))
    names = [f"{name}\n{each['asked']:.0f}" for name, each in zip(("lost", "safe", "won"), asks, strict=True)]
    luck.set(title="luck", xlabel="return asked for", ylabel="episodes that gamble, %", xlim=(-0.4, 2.9), ylim=(-4, 108))
    luck.set_xticks(range(3), names)


if __name__ == "__main__":
    style.make("twists", draw, 3.4, 6.4)

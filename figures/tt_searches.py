"""Return of searches over one Trajectory Transformer by how long an action takes, on one machine."""

from __future__ import annotations

from matplotlib.figure import Figure

from figures import style
from pipeline.worlds.world import HALFCHEETAH

SEARCHES = (  # what a line joins: label, color, by which of them it stands, how far off in points, and which side is there
    (("unsearched",), "no search", style.GREY, 0, (0, 22), "center"),
    (("scored_full",), "beam of 8", style.INK, 0, (-4, 24), "left"),
    (("shooting_6", "shooting_11", "shooting_41"), "best of 6, 11, 41 plans", style.BLUE, 2, (0, 38), "center"),
    (("revised_1", "revised_2", "revised_8"), "1, 2, 8 sweeps", style.GREEN, 1, (4, -26), "center"),
    (("likeliest_11",), "likeliest of 11", style.ORANGE, 0, (10, 0), "left"),
)


def draw(figure: Figure, data: dict) -> None:
    """A point for each search, mean with its 95 % t-interval over episodes; a line where the next action is due."""
    axes = figure.subplots()
    for names, label, color, beside, place, side in SEARCHES:
        played, timed = ([data[f"{kind}/local_tt_halfcheetah_{name}"] for name in names] for kind in ("evaluations", "latency"))
        means, reach = style.whiskers(played, "return_")
        spent = [values["median_ms"] for values in timed]
        axes.errorbar(spent, means, yerr=reach, color=color, marker="o", ms=5.5, capsize=3, lw=1.6)
        options = {"textcoords": "offset points", "ha": side, "va": "center", "color": color, "fontsize": style.SMALL}
        axes.annotate(label, (spent[beside], means[beside]), place, **options)
    period = 1000 / HALFCHEETAH.control_rate
    axes.axvline(period, color=style.GREY, lw=1, ls=(0, (5, 3)))
    axes.text(period * 0.96, 4350, f"{HALFCHEETAH.control_rate} Hz", ha="right", color=style.GREY, fontsize=style.SMALL)
    axes.set(
        xscale="log",
        xlim=(5, 1300),
        ylim=(4300, 5400),
        xlabel="milliseconds an action, one core",
        ylabel="return in 1000 steps",
    )
    axes.set_xticks([10, 50, 100, 500, 1000], ["10", "50", "100", "500", "1000"])
    axes.minorticks_off()


if __name__ == "__main__":
    style.make("tt_searches", draw, 3.2, 3.6)

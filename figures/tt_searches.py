"""Return of searches over one Trajectory Transformer by how long an action takes, on one machine."""

from __future__ import annotations

from matplotlib.figure import Figure

from figures import style
from pipeline.worlds.world import HALFCHEETAH

SEARCHES = {  # evaluation and latency: label, where it stands from its point, in points, and which side of it is there
    "unsearched": ("no search", (0, 22), "center"),
    "scored_full": ("beam of 8", (-4, 36), "left"),
    "shooting_11": ("best of 11", (-8, 24), "left"),
    "shooting_41": ("best of 41", (10, 0), "left"),
    "likeliest_11": ("likeliest of 11", (10, 0), "left"),
    "revised_1": ("one sweep", (-6, -34), "center"),
    "revised_2": ("two sweeps", (10, 0), "left"),
}


def draw(figure: Figure, data: dict) -> None:
    """A point for each search, mean with its 95 % t-interval over episodes; a line where the next action is due."""
    axes = figure.subplots()
    for name, (label, place, side) in SEARCHES.items():
        played, timed = (data[f"{kind}/local_tt_halfcheetah_{name}"] for kind in ("evaluations", "latency"))
        means, reach = style.whiskers([played], "return_")
        color = style.GREY if name == "unsearched" else style.ORANGE if name == "likeliest_11" else style.BLUE
        axes.errorbar(timed["median_ms"], means, yerr=reach, color=color, marker="o", ms=5.5, capsize=3, lw=1.6)
        options = {"textcoords": "offset points", "ha": side, "va": "center", "color": color, "fontsize": style.SMALL}
        axes.annotate(label, (timed["median_ms"], means[0]), place, **options)
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

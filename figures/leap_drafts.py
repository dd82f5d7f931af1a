"""Success of LEAP against sweeps over its plans, for three ways of drafting them, beside actions drawn at random."""

from __future__ import annotations

from matplotlib.figure import Figure

from figures import style

DRAFTS = {  # name: label, color, marker, shift
    "masks": ("all masks filled at once", style.BLUE, "o", -0.12),
    "random": ("actions drawn uniformly", style.ORANGE, "s", 0.0),
    "left_to_right": ("from left to right", style.GREEN, "^", 0.12),
}


def draw(figure: Figure, data: dict) -> None:
    """Share solved with Wilson's interval over episodes; sweeps stand side by side, whatever their number."""
    axes = figure.subplots()
    chance = data["solved/local_drawn_fresh"]
    axes.axhspan(100 * chance["success_low"], 100 * chance["success_high"], color=style.PALE, lw=0)
    label = "actions drawn as often as demonstrated"
    axes.text(3.3, 100 * chance["success_mean"], label, ha="right", va="center", color=style.INK, fontsize=style.SMALL)
    counts = sorted({values["run"]["sweeps"] for values in data.values() if "sweeps" in values["run"]})
    for draft, (label, color, marker, shift) in DRAFTS.items():
        points = [data[f"solved/local_leap_drafted_{draft}_{sweeps}"] for sweeps in counts]
        mean, reach = style.whiskers(points, "success_")
        places = [place + shift for place in range(len(counts))]
        axes.errorbar(places, 100 * mean, 100 * reach, color=color, marker=marker, ms=5, capsize=3, lw=1.4, label=label)
    axes.set(xticks=range(len(counts)), xticklabels=counts, xlabel="sweeps: visits to every position", xlim=(-0.35, 3.35))
    axes.set(ylim=(0, 102), ylabel="episodes solved, %")
    axes.legend(loc="lower right")


if __name__ == "__main__":
    style.make("leap_drafts", draw, 4.0, 3.8)

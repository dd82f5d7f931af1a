"""The Trajectory Transformer's return, and its time per action, against the number of beams."""

from __future__ import annotations

from matplotlib.figure import Figure

from figures import style

HEIGHTS = (3.7, 6.8)


def draw(figure: Figure, data: dict) -> None:
    """Left: every episode as a dot, means with intervals, beside the data and DT. Right: median and 95th percentile."""
    left, right = style.panels(figure, 2, width_ratios=(1.25, 1))
    played = sorted(
        (values["run"]["beams"], values) for name, values in data.items() if name.startswith("evaluations/local_tt")
    )
    beams = [count for count, _ in played]
    medium = data["datasets/local_halfcheetah_medium"]
    dt = data["evaluations/local_dt_halfcheetah_6000"]
    style.data_band(left, medium)
    left.axhline(dt["return_mean"], color=style.ORANGE, lw=1.2, ls=(0, (5, 3)))
    for count, values in played:
        style.dots(left, count * 1.12, values["returns"], style.SKY, 3)
    means, errors = style.whiskers([values for _, values in played], "return_")
    left.errorbar(beams, means, yerr=errors, color=style.BLUE, marker="o", ms=5, capsize=3, lw=1.6)
    note = {"fontsize": style.SMALL, "ha": "right", "transform": left.get_yaxis_transform()}
    left.text(0.98, dt["return_mean"], "Decision Transformer", color=style.ORANGE, va="top", **note)
    left.text(0.98, medium["return_mean"] - medium["return_sd"], "the data: mean ± 1 sd", color=style.GREY, va="bottom", **note)
    left.set(xlabel="beams K", ylabel="return of 1000 steps", xscale="log")
    timed = [data[f"latency/local_tt_halfcheetah_k{count}"] for count in beams]
    right.plot(beams, [values["median_ms"] for values in timed], color=style.BLUE, marker="o", ms=5)
    right.plot(beams, [values["p95_ms"] for values in timed], color=style.SKY, lw=1, marker="_", ms=6)
    right.axhline(50, color=style.ORANGE, lw=1.2, ls=(0, (5, 3)))
    right.text(beams[-1], 48, "the robot's clock, 50 ms", color=style.ORANGE, fontsize=style.SMALL, va="top", ha="right")
    right.text(beams[-2], timed[-2]["median_ms"] / 1.15, "median", color=style.BLUE, fontsize=style.SMALL, va="top", ha="left")
    right.text(
        beams[2], timed[2]["p95_ms"] * 1.12, "95th percentile", color=style.SKY, fontsize=style.SMALL, va="bottom", ha="right"
    )
    right.set(xlabel="beams K", ylabel="milliseconds an action", xscale="log", yscale="log")
    for axes in (left, right):
        axes.set_xticks(beams, map(str, beams))
        axes.set_xticks([], minor=True)
    shown = [each for each in (20, 50, 100, 200, 500, 1000) if each < 1.6 * timed[-1]["p95_ms"]]
    right.set_yticks(shown, map(str, shown))
    right.set_yticks([], minor=True)


if __name__ == "__main__":
    style.make("tt_beams", draw, *HEIGHTS)

"""Return asked of the Decision Transformer against the return it got, beside the data it learned from."""

from __future__ import annotations

from matplotlib.figure import Figure

from figures import style


def asked_and_got(data: dict) -> list[tuple[float, dict]]:
    """Target return and values of each trained Decision Transformer evaluation, in the order of the targets."""
    found = [
        (values["run"]["target_return"], values)
        for values in data.values()
        if values["run"].get("target_return") and values["run"]["trained"]
    ]
    return sorted(found, key=lambda pair: pair[0])


HEIGHTS = (4.4, 3.6)


def draw(figure: Figure, data: dict) -> None:
    """Every episode as a dot, the mean with its 95 % interval, the identity line, and the dataset's range."""
    axes = figure.subplots()
    medium = data["datasets/local_halfcheetah_medium"]
    points = asked_and_got(data)
    limit = max(target for target, _ in points) * 1.04
    style.data_band(axes, medium)
    low = medium["return_mean"] - medium["return_sd"]
    axes.text(limit, low - 150, "the data: mean ± 1 sd", ha="right", va="top", color=style.GREY, fontsize=style.SMALL)
    axes.plot([0, limit], [0, limit], color=style.ORANGE, lw=1.2, ls=(0, (5, 3)))
    axes.text(8250, 8250, "got = asked ", color=style.ORANGE, fontsize=style.SMALL, ha="right", va="bottom")
    for target, values in points:
        style.dots(axes, target + 190, values["returns"], style.SKY, 3)
    targets = [target for target, _ in points]
    means, errors = style.whiskers([values for _, values in points], "return_")
    axes.errorbar(targets, means, yerr=errors, color=style.BLUE, marker="o", ms=5, capsize=3, lw=1.6)
    shown = [target for target in targets if not style.narrow(figure) or target % 3000 == 0 or target < 2000]
    axes.set(xlim=(0, limit), ylim=(0, 9000), xlabel="return asked for", ylabel="return got in 1000 steps", xticks=shown)


if __name__ == "__main__":
    style.make("dt_return_asked_got", draw, *HEIGHTS)

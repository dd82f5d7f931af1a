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


def draw(figure: Figure, data: dict) -> None:
    """Every episode as a dot, the mean with its 95 % interval, the identity line, and the dataset's range."""
    axes = figure.subplots()
    medium = data["datasets/local_halfcheetah_medium"]
    points = asked_and_got(data)
    limit = max(target for target, _ in points) * 1.04
    style.data_band(axes, medium)
    axes.text(
        limit,
        medium["return_mean"] - medium["return_sd"] - 130,
        "the data: mean ± 1 sd",
        ha="right",
        va="top",
        color=style.GREY,
        fontsize=8,
    )
    axes.plot([0, limit], [0, limit], color=style.ORANGE, lw=1.2, ls=(0, (5, 3)))
    axes.text(
        7700,
        8050,
        "obedience: got = asked",
        color=style.ORANGE,
        fontsize=8,
        rotation=36,
        ha="center",
        va="bottom",
        rotation_mode="anchor",
    )
    for target, values in points:
        axes.plot([target + 190] * len(values["returns"]), values["returns"], ".", color=style.SKY, ms=5, alpha=0.7, mew=0)
    targets = [target for target, _ in points]
    means, errors = style.whiskers([values for _, values in points], "return_")
    axes.errorbar(targets, means, yerr=errors, color=style.BLUE, marker="o", ms=5, capsize=3, lw=1.6)
    axes.set(xlim=(0, limit), ylim=(0, 9000), xlabel="return asked for", ylabel="return got in 1000 steps", xticks=targets)
    axes.tick_params(axis="x", rotation=0)


if __name__ == "__main__":
    style.make("dt_return_asked_got", draw, 6.4, 3.9)

"""Success of LEAP against the number of iterations, for both samplers, plans carried out whole."""

from __future__ import annotations

from matplotlib.figure import Figure

from figures import style
from figures.leap_refinement import SAMPLERS


def draw(figure: Figure, data: dict) -> None:
    """Share solved with Wilson's interval over episodes."""
    axes = figure.subplots()
    for shift, (sampler, (label, color)) in zip((-0.15, 0.15), SAMPLERS.items(), strict=True):
        chosen = sorted(
            (values for values in data.values() if values["run"]["sampler"] == sampler),
            key=lambda values: values["run"]["iterations"],
        )
        mean, reach = style.whiskers(chosen, "success_")
        places = [values["run"]["iterations"] + shift for values in chosen]
        axes.errorbar(places, 100 * mean, 100 * reach, color=color, marker="o", ms=4, capsize=2, lw=1.4, label=label)
    axes.set(xlabel="iterations", ylabel="episodes solved, %", xticks=[1, 5, 10, 20, 30], ylim=(0, 102))
    axes.legend(loc="lower right")


if __name__ == "__main__":
    style.make("leap_iterations", draw, 3.5, 3.2)

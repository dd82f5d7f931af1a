"""Success of LEAP against the number of iterations, for both samplers and both ways of replanning."""

from __future__ import annotations

from matplotlib.figure import Figure

from figures import style
from figures.leap_refinement import SAMPLERS

TITLES = {"plan": "plans carried out whole", "step": "a new plan after every step"}


def draw(figure: Figure, data: dict) -> None:
    """Two panels; share solved with Wilson's interval over episodes."""
    panels = style.panels(figure, 2, sharey=True)
    for axes, (replan, title) in zip(panels, TITLES.items(), strict=True):
        for shift, (sampler, (label, color)) in zip((-0.15, 0.15), SAMPLERS.items(), strict=True):
            chosen = [
                values for values in data.values() if values["run"]["sampler"] == sampler and values["run"]["replan"] == replan
            ]
            chosen.sort(key=lambda values: values["run"]["iterations"])
            mean, reach = style.whiskers(chosen, "success_")
            places = [values["run"]["iterations"] + shift for values in chosen]
            axes.errorbar(places, 100 * mean, 100 * reach, color=color, marker="o", ms=4, capsize=2, lw=1.4, label=label)
        axes.set(xlabel="iterations", title=title, xticks=[1, 5, 10, 20, 30], ylim=(0, 102))
        axes.set_ylabel("episodes solved, %" if style.narrow(figure) or axes is panels[0] else "")
    panels[1].legend(loc="lower right")


if __name__ == "__main__":
    style.make("leap_iterations", draw, 3.5, 6.4)

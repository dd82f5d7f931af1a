"""Return of the Trajectory Transformer by what its candidates are ranked by, every episode a dot."""

from __future__ import annotations

from matplotlib.figure import Figure

from figures import style

RANKINGS = {  # evaluation: label
    "tt_halfcheetah_unsearched": "no search: likeliest actions",
    "tt_halfcheetah_one_beam": "one beam",
    "tt_halfcheetah_scored_random": "eight beams, ranked at random",
    "tt_halfcheetah_scored_rewards": "by imagined rewards alone",
    "tt_halfcheetah_scored_value": "by the value token alone",
    "tt_halfcheetah_scored_full": "by both",
    "tt_halfcheetah_scored_critic": "by rewards, then TD3+BC's critics",
    "td3bc_halfcheetah_again": "no search: TD3+BC's actor",
}
UNRANKED = ("unsearched", "one_beam", "scored_random", "again")  # how those end that rank nothing, or hardly


def draw(figure: Figure, data: dict) -> None:
    """One row for each way of ranking, the actor of TD3+BC at the top; mean with its 95 % t-interval over episodes."""
    axes = figure.subplots()
    points = [data[f"evaluations/local_{name}"] for name in RANKINGS]
    means, reach = style.whiskers(points, "return_")
    for place, values in enumerate(points):
        axes.plot(values["returns"], [place - 0.22] * len(values["returns"]), ".", color=style.SKY, ms=5, alpha=0.6, mew=0)
    colors = [style.GREY if name.endswith(UNRANKED) else style.BLUE for name in RANKINGS]
    for place, color in enumerate(colors):
        axes.errorbar(means[place], place, xerr=reach[:, [place]], color=color, marker="o", ms=5.5, capsize=3, lw=1.6)
    axes.set(yticks=range(len(RANKINGS)), yticklabels=RANKINGS.values(), ylim=(-0.6, len(RANKINGS) - 0.5))
    axes.set_xlabel("return in 1000 steps")


if __name__ == "__main__":
    style.make("tt_scored", draw, 3.9, 3.4)

"""All scores in one picture, in two colors for the two kinds of interval: over episodes of one model, over trainings."""

from __future__ import annotations

from matplotlib.figure import Figure

from figures import style

ROWS = (  # evidence, label
    ("pooled/local_td3bc_halfcheetah", "TD3+BC"),
    ("evaluations/local_tt_halfcheetah_k32", "Trajectory T., 32 beams"),
    ("evaluations/local_tt_halfcheetah_k1", "Trajectory T., 1 beam"),
    ("evaluations/local_tt_halfcheetah_greedy", "Trajectory T., no search"),
    ("pooled/local_bc10_halfcheetah", "10%BC"),
    ("pooled/local_bc_halfcheetah", "behavior cloning"),
    ("evaluations/local_behaviour_halfcheetah_mode", "behavior policy, its mode"),
    ("evaluations/local_dt_halfcheetah_6000", "Decision T., asked for 6000"),
    ("pooled/local_dt_halfcheetah_short", "Decision T., short training"),
    ("evaluations/local_behaviour_halfcheetah", "behavior policy, sampling"),
)
KINDS = {"evaluations": ("over episodes of one model", style.BLUE), "pooled": ("over trainings", style.ORANGE)}


def draw(figure: Figure, data: dict) -> None:
    """One row a method: its mean score and 95 % interval, with how many episodes or trainings it is over."""
    axes, phone = figure.subplots(), style.narrow(figure)
    edge = {"transform": axes.get_yaxis_transform(), "fontsize": style.SMALL, "va": "center"}
    for place, (name, label) in enumerate(ROWS):
        values, (_, color) = data[name], KINDS[name.partition("/")[0]]
        axes.plot((values["score_low"], values["score_high"]), (place, place), color=color, lw=2.2)
        axes.plot(values["score_mean"], place, "o", color=color, ms=6)
        count = len(values["returns"]) if name.startswith("evaluations") else values["seeds"]
        axes.text(1, place, f"n = {count}", ha="right", color=style.GREY, **edge)
        axes.text(*((0, place - 0.42) if phone else (-0.02, place)), label, ha="left" if phone else "right", **edge)
    for label, color in KINDS.values():
        axes.plot([], [], "o-", color=color, ms=6, label=f"95% interval {label}")
    axes.set(ylim=(len(ROWS) - 0.4, -0.8), xlim=(38, 47.6), xlabel="score", yticks=[])
    axes.spines["left"].set_visible(False)
    figure.legend(loc="outside upper left", ncols=1 if style.narrow(figure) else 2)


if __name__ == "__main__":
    style.make("scores", draw, 4.2, 5.8)

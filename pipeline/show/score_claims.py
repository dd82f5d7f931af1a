"""Claims about returns and scores on HalfCheetah."""

from __future__ import annotations

import math

from pipeline.show.predicates import (
    FAILS,
    HOLDS,
    RETURN,
    SCORE,
    SLOPE,
    Claim,
    Interval,
    Results,
    Values,
    above,
    compared,
    gains,
    gains_in_enough,
    number,
    obeys,
    played,
    together,
    trained,
)
from pipeline.study import runs

DT, TT = "local_dt_halfcheetah", "local_tt_halfcheetah"


def difference_of(one: tuple[str, Interval], other: tuple[str, Interval]) -> Values:
    """Two values and the difference of their means, in that order."""
    return {one[0]: one[1], other[0]: other[1], "difference": one[1] - other[1]}


def curve(results: Results) -> Values:
    """The held-out error at the end of training and the lowest on the way."""
    values = results["training"][DT]["values"]
    return {
        "at the end": number(values["held_out_loss"]),
        "lowest": number(min(point["held_out_loss"] for point in values["curve"])),
    }


SCORES = (
    Claim(
        "dt-obeys",
        "Decision Transformer delivers the return it is asked for",
        "slope",
        lambda t: {part: compared(t, "local_dt_halfcheetah_obedience", part) for part in ("all", "inside", "beyond")},
        "slope of the return obtained over the return asked for, over all targets, inside and beyond the data: "
        "holds above 0.5, does not hold below 0.1",
        lambda v, _: together([obeys(slope) for slope in v.values()]),
        SLOPE,
    ),
    Claim(
        "dt-beyond-data",
        "Targets from 6000 up lie beyond the best recorded episode",
        "return",
        lambda t: {
            "best recorded episode": number(t["datasets"]["local_halfcheetah_medium"]["values"]["return_max"]),
            "target": number(float(runs.HEADLINE_TARGET)),
        },
        "target minus best recorded episode, by more than 62 points",
        lambda v, margin: above(v["target"] - v["best recorded episode"], margin),
        RETURN,
    ),
    Claim(
        "dt-above-recorder",
        "Asked for 6000, Decision Transformer scores above the policy that recorded its data",
        "score",
        lambda t: difference_of(
            ("Decision Transformer", played(t, f"{DT}_6000", "score")),
            ("behavior policy", played(t, "local_behaviour_halfcheetah", "score")),
        ),
        "difference above 0, its mean above 0.5 points",
        gains,
        SCORE,
        ("behavior policy",),
    ),
    Claim(
        "dt-above-cloning",
        "Asking for 6000 scores more than imitation that is asked for nothing",
        "score",
        lambda t: difference_of(
            ("Decision Transformer", played(t, f"{DT}_6000", "score")),
            ("behavior cloning", trained(t, "local_bc_halfcheetah")),
        ),
        "difference above 0, its mean above 0.5 points",
        gains,
        SCORE,
        ("behavior cloning",),
    ),
    Claim(
        "best-tenth-pays",
        "Cloning the best tenth of the episodes scores more than cloning all",
        "score",
        lambda t: difference_of(
            ("best tenth", trained(t, "local_bc10_halfcheetah")), ("all episodes", trained(t, "local_bc_halfcheetah"))
        ),
        "difference above 0, its mean above 0.5 points; does not hold within 0.5 points",
        gains,
        SCORE,
        ("all episodes",),
    ),
    Claim(
        "recorder-without-noise",
        "The recording policy scores more when it takes its most likely action",
        "score",
        lambda t: difference_of(
            ("most likely action", played(t, "local_behaviour_halfcheetah_mode", "score")),
            ("sampling", played(t, "local_behaviour_halfcheetah", "score")),
        ),
        "difference above 0, its mean above 0.5 points",
        gains,
        SCORE,
        ("sampling",),
    ),
    Claim(
        "value-pays",
        "A learned value scores more than imitation alone",
        "score",
        lambda t: {
            "TD3+BC": trained(t, "local_td3bc_halfcheetah"),
            "behavior cloning": trained(t, "local_bc_halfcheetah"),
            "difference": compared(t, "local_td3bc_over_bc_halfcheetah", "score"),
        },
        "difference above 0, its mean above 0.5 points",
        gains,
        SCORE,
        ("behavior cloning",),
    ),
    Claim(
        "value-above-search",
        "TD3+BC scores above Trajectory Transformer",
        "score",
        lambda t: difference_of(
            ("TD3+BC", trained(t, "local_td3bc_halfcheetah")),
            ("Trajectory Transformer", played(t, f"{TT}_k32", "score")),
        ),
        "difference above 0, its mean above 0.5 points",
        gains,
        SCORE,
    ),
    Claim(
        "held-out-lowest",
        "Decision Transformer's held-out error ends at its lowest",
        "loss",
        curve,
        "error at the end no more than 1 % above the lowest on the way",
        lambda v, margin: HOLDS if v["at the end"].mean <= (1 + margin) * v["lowest"].mean else FAILS,
        0.01,
    ),
    Claim(
        "tt-search-pays",
        "Search scores more than the same model's most likely actions",
        "return",
        lambda t: {
            "32 beams": played(t, f"{TT}_k32", "return"),
            "no search": played(t, f"{TT}_greedy", "return"),
            "difference": compared(t, "local_tt_k32_over_greedy_halfcheetah", "return"),
        },
        "paired difference above 0, its mean above 62 points, from 9 pairs up",
        gains_in_enough,
        RETURN,
        ("no search",),
    ),
    Claim(
        "tt-wider",
        "A wider beam helps Trajectory Transformer",
        "return",
        lambda t: {
            "32 beams": played(t, f"{TT}_k32", "return"),
            "1 beam": played(t, f"{TT}_k1", "return"),
            "difference": compared(t, "local_tt_k32_over_k1_halfcheetah", "return"),
        },
        "paired difference above 0, its mean above 62 points, from 9 pairs up",
        gains_in_enough,
        RETURN,
        ("1 beam",),
    ),
    Claim(
        "tt-one-beam",
        "One beam already scores more than no search",
        "return",
        lambda t: difference_of(
            ("1 beam", played(t, f"{TT}_k1", "return")), ("no search", played(t, f"{TT}_greedy", "return"))
        ),
        "difference above 0, its mean above 62 points, from 9 episodes up",
        gains_in_enough,
        RETURN,
        ("no search",),
    ),
    Claim(
        "tt-longer",
        "A longer horizon helps Trajectory Transformer",
        "return",
        lambda t: {
            "5 steps ahead": played(t, f"{TT}_k8", "return"),
            "1 step ahead": played(t, f"{TT}_k8_h1", "return"),
            "difference": compared(t, "local_tt_h5_over_h1_halfcheetah", "return"),
        },
        "paired difference above 0, its mean above 62 points, from 9 pairs up",
        gains_in_enough,
        RETURN,
        ("1 step ahead",),
    ),
    Claim(
        "tt-above-dt",
        "Trajectory Transformer scores above Decision Transformer on the same log",
        "score",
        lambda t: {
            "Trajectory Transformer": played(t, f"{TT}_k32", "score"),
            "Decision Transformer": played(t, f"{DT}_6000", "score"),
            "difference": compared(t, "local_tt_k32_over_dt_halfcheetah", "score"),
        },
        "paired difference above 0, its mean above 0.5 points",
        gains_in_enough,
        SCORE,
    ),
    Claim(
        "tt-beyond-data",
        "With its full beam Trajectory Transformer returns more than the best episode of its log",
        "return",
        lambda t: {
            "difference": played(t, f"{TT}_k32", "return").over_bar(
                t["datasets"]["local_halfcheetah_medium"]["values"]["return_max"]
            )
        },
        "return less the best recorded episode's: above 0, its mean above 62 points",
        gains_in_enough,
        RETURN,
    ),
    Claim(
        "tt-untrained",
        "Over an untrained network, search scores more than random torques",
        "score",
        lambda t: difference_of(
            ("untrained", played(t, f"{TT}_untrained", "score")),
            ("random torques", played(t, "local_random_halfcheetah", "score")),
        ),
        "above random torques, by more than 5 points",
        gains,
        5.0,
        ("random torques",),
    ),
    Claim(
        "tt-values-guessed",
        "The value token is hardly predicted better than by guessing among its bins",
        "nats",
        lambda t: {
            "held-out loss of the value token": number(t["training"][TT]["values"]["held_out_value"]),
            "guessing": number(math.log(t["published"]["trajectory_transformer"]["bins"])),
        },
        "less than 0.2 nats below guessing",
        lambda v, margin: HOLDS if v["guessing"].mean - v["held-out loss of the value token"].mean < margin else FAILS,
        0.2,
        ("guessing",),
    ),
)

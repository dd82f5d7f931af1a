"""Claims about LEAP by trainings: rows d2 and d4 to d7 of `docs/predicates.md`."""

from __future__ import annotations

import functools
from collections.abc import Callable

from pipeline.show import registered_values
from pipeline.show.predicates import OPEN, SOLVED, Claim, Interval, Values, above
from pipeline.show.registered_values import beside_gain, minus, surety

HELD_OUT = "loss on held-out plans, one hidden: any number less one"
NATS, LOSSES_APART, VARIATION = 5.0, 0.05, 0.1
EARLIER, UNSWEPT = "intact less earlier actions hidden", "unswept: left to right less all masks"
effect = functools.partial(registered_values.effect, over="trainings")


def beside_equal_losses(judge: Callable[[Interval, float], str]) -> Callable[[Values, float], str]:
    """Judge the first value, where the second, how far losses lie apart, is within 0.05 nats on the mean."""

    def judged(values: Values, margin: float) -> str:
        first, apart = values.values()
        return judge(first, margin) if abs(apart.mean) <= LOSSES_APART else OPEN

    return judged


_equal = "not decided unless losses on held-out plans, one action hidden, differ by 0.05 nats at most on the mean"

MASKING = (
    Claim(
        "leap-one-mask-fails",
        "Trained with one action hidden at a time, LEAP fills all masks with plans that it holds for less likely",
        "nats",
        lambda t: {
            "energy of the filling: one hidden less any number": minus(effect(t, "leap_fillings")),
            HELD_OUT: effect(t, "leap_one_hidden"),
        },
        f"difference of energies above 0, its mean above 5 nats; does not hold as far below 0 or within 5 nats; {_equal}",
        beside_equal_losses(above),
        NATS,
        (HELD_OUT,),
        "d2",
        surety("leap_fillings", "refuted", "effects"),
    ),
    Claim(
        "leap-later-guide",
        "Hiding the later actions of a plan, when an earlier one is chosen again, costs success",
        "solved",
        lambda t: {
            "intact less later actions hidden": minus(effect(t, "leap_later_hidden")),
            EARLIER: minus(effect(t, "leap_earlier_hidden")),
        },
        "share solved, difference above 0, its mean above 5 points of episodes; "
        "does not hold as far below 0 or within 5 points; "
        "not decided unless hiding the earlier actions costs more than 5 points",
        beside_gain(above),
        SOLVED,
        (EARLIER,),
        "d4",
        surety("leap_later_hidden", "refuted", "effects"),
    ),
    Claim(
        "leap-heeds-future-trained-anew",
        "Trained anew, LEAP heeds the actions to come",
        "total variation",
        lambda t: {"later actions exchanged, less in the untrained twin": effect(t, "leap_later_moves")},
        "difference above 0, its mean above 0.1 in total variation; does not hold as far below 0 or within 0.1",
        lambda v, margin: above(*v.values(), margin),
        VARIATION,
        (),
        "d5",
        surety("leap_later_moves", "holds", "effects"),
    ),
    Claim(
        "leap-better-draft-ends-worse",
        "A draft from left to right begins better than the filling of all masks, and ends worse",
        "solved",
        lambda t: {
            "eight sweeps: all masks less left to right": effect(t, "leap_drafts_swept"),
            UNSWEPT: effect(t, "leap_drafts_unswept"),
        },
        "share solved, difference above 0, its mean above 5 points of episodes; "
        "does not hold as far below 0 or within 5 points; "
        "not decided unless from left to right begins better by more than 5 points",
        beside_gain(above),
        SOLVED,
        (UNSWEPT,),
        "d6",
        surety("leap_drafts_swept", "holds", "effects"),
    ),
    Claim(
        "leap-any-masks-fill",
        "Trained with any number of actions hidden, the filling of all masks solves more",
        "solved",
        lambda t: {"any number less one": effect(t, "leap_fillings_solve"), HELD_OUT: effect(t, "leap_one_hidden")},
        "share solved, difference above 0, its mean above 5 points of episodes; "
        "does not hold as far below 0 or within 5 points; "
        f"{_equal}",
        beside_equal_losses(above),
        SOLVED,
        (HELD_OUT,),
        "d7",
        surety("leap_fillings_solve", "holds", "effects"),
        ((HELD_OUT, "nats"),),
    ),
)

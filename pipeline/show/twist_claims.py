"""Claims about stitching and luck: rows S1 to S4 and L1 to L5 of `docs/predicates.md`."""

from __future__ import annotations

from collections.abc import Callable

from pipeline.show.predicates import (
    HOLDS,
    OPEN,
    RETURN,
    SCORE,
    Claim,
    Interval,
    Results,
    Surety,
    Values,
    above,
    named,
)
from pipeline.show.registered_values import beside_gain, sure
from pipeline.study import twists

STITCHES = "TD3+BC less the log's best episode"
BEGINS_BETTER = "on a log that covers returns"
SHARE = 0.2  # of episodes that gamble
SAFE = "of those asked for the safe return"
TENTH = "10%BC less behavior cloning"


def effect(results: Results, name: str) -> Interval:
    """A difference over episodes of the same seeds."""
    values = results["effects"][name]["values"]
    return named(values["difference"], values["seeds"], "episodes")


def surety(name: str, claimed: str = "holds") -> Callable[[Results], Surety]:
    """How sure the verdict on an effect is."""
    return lambda results: sure(results["effects"][name]["values"], claimed)


def safe_share(results: Results, method: str = "dt") -> Interval:
    """The share of episodes that gamble of a method asked for the safe return."""
    values = results["luck"][f"local_{method}_halfcheetah_luck"]["values"]
    return named(values["asks"][twists.SAFE]["gambled_mean"], values["episodes"], "episodes")


def gambles(values: Values, margin: float) -> str:
    """Whether more episodes gamble, where fewer than half of those that are asked for the safe return do."""
    more, safe = values.values()
    return above(more, margin) if safe.high < 0.5 else OPEN


def leaves_alone(values: Values, margin: float) -> str:
    """Whether the first share is larger, where the second is not smaller by the margin."""
    first, tenth = values.values()
    return above(first, margin) if tenth.low > -margin else OPEN


def begins_worse(values: Values, margin: float) -> str:
    """Whether the first value lies above 0, where the second lies below it."""
    first, other = values.values()
    return above(first, margin) if other.high < 0 and other.mean < -margin else OPEN


def earned(results: Results) -> Values:
    """What asking for the safe return earns more, how many more gamble who are asked for the winners', and for the safe."""
    gambling = {"more that gamble": effect(results, "luck_won"), SAFE: safe_share(results)}
    return {"safe less won": effect(results, "luck_earned"), **gambling}


def earns_less(values: Values, margin: float) -> str:
    """Whether asking for the safe return earns more, where asking for the winners' makes it gamble."""
    more, *gambling = values.values()
    return above(more, margin) if gambles(dict(enumerate(gambling)), SHARE) == HOLDS else OPEN


_best = "the log's best episode"
_more = "share of episodes that gamble, difference above 0, its mean above 20 points; does not hold below 0 or within 20 points"
_beside = "not decided unless TD3+BC, on the same log, lies above its best episode as well"

TWISTS = (
    Claim(
        "dt-stitches",
        "Asked for two good halves, a Decision Transformer puts them together",
        "score",
        lambda t: {f"asked for them, less {_best}": effect(t, "halves_asked"), STITCHES: effect(t, "halves_td3bc")},
        f"score less {_best}'s above 0, its mean above 0.5 points; does not hold below it or within 0.5 points; {_beside}",
        beside_gain(above),
        SCORE,
        (STITCHES,),
        "S1",
        surety("halves_asked"),
    ),
    Claim(
        "dt-begins-worse",
        "Asked for more, it begins worse",
        "return",
        lambda t: {
            "the log's median less two good halves": effect(t, "halves_begun"),
            BEGINS_BETTER: effect(t, "throttled_begun"),
        },
        "return of the first half, asked for less, less that asked for more: above 0, its mean above 62 points; "
        "does not hold below 0 or within 62 points; not decided unless on a log that covers returns asking for more begins "
        "better",
        begins_worse,
        RETURN,
        (BEGINS_BETTER,),
        "S2",
        surety("halves_begun"),
    ),
    Claim(
        "bc-stitches",
        "Imitation alone puts the halves together",
        "score",
        lambda t: {f"behavior cloning less {_best}": effect(t, "halves_bc"), STITCHES: effect(t, "halves_td3bc")},
        f"score less {_best}'s above 0, its mean above 0.5 points; does not hold below it or within 0.5 points; {_beside}",
        beside_gain(above),
        SCORE,
        (STITCHES,),
        "S3",
        surety("halves_bc"),
    ),
    Claim(
        "rvs-stitches",
        "Asked for two good halves, a perceptron told the return puts them together",
        "score",
        lambda t: {f"asked for them, less {_best}": effect(t, "halves_rvs"), STITCHES: effect(t, "halves_td3bc")},
        f"score less {_best}'s above 0, its mean above 0.5 points; does not hold below it or within 0.5 points; {_beside}",
        beside_gain(above),
        SCORE,
        (STITCHES,),
        "S4",
        surety("halves_rvs"),
    ),
    Claim(
        "dt-gambles",
        "Asked for what luck alone gives, a Decision Transformer gambles",
        "solved",
        lambda t: {"asked for the winners' return, less the safe": effect(t, "luck_won"), SAFE: safe_share(t)},
        f"{_more}; not decided unless fewer than half gamble when asked for the safe return",
        gambles,
        SHARE,
        (SAFE,),
        "L1",
        surety("luck_won"),
    ),
    Claim(
        "rvs-gambles",
        "Asked for what luck alone gives, a perceptron told the return gambles",
        "solved",
        lambda t: {"asked for the winners' return, less the safe": effect(t, "luck_won_rvs"), SAFE: safe_share(t, "rvs")},
        f"{_more}; not decided unless fewer than half gamble when asked for the safe return",
        gambles,
        SHARE,
        (SAFE,),
        "L5",
        surety("luck_won_rvs"),
    ),
    Claim(
        "dt-gambling-costs",
        "Asked for what luck alone gives, it earns less",
        "score",
        earned,
        "score, asked for the safe return, less that asked for the winners': above 0, its mean above 0.5 points; "
        "does not hold below 0 or within 0.5 points; not decided unless it gambles as L1 asks",
        earns_less,
        SCORE,
        ("more that gamble", SAFE),
        "L2",
        surety("luck_earned"),
        (("more that gamble", "solved"), (SAFE, "solved")),
    ),
    Claim(
        "dt-gambles-for-less",
        "Asked for what losers got, it gambles too",
        "solved",
        lambda t: {"asked for the losers' return, less the safe": effect(t, "luck_lost"), SAFE: safe_share(t)},
        f"{_more}; not decided unless fewer than half gamble when asked for the safe return",
        gambles,
        SHARE,
        (SAFE,),
        "L3",
        surety("luck_lost"),
    ),
    Claim(
        "values-leave-luck-alone",
        "What learns values gambles less than imitation does",
        "solved",
        lambda t: {"behavior cloning less TD3+BC": effect(t, "luck_values"), TENTH: effect(t, "luck_best_tenth")},
        f"{_more}; not decided where 10%BC, which keeps the winners, gambles less than cloning by 20 points",
        leaves_alone,
        SHARE,
        (TENTH,),
        "L4",
        surety("luck_values"),
    ),
)

"""Claims about stitching, luck, a better half and length of training: rows S1 to S4, L1 to L5, e1, e2 and a6 of
`docs/predicates.md`.
"""

from __future__ import annotations

import functools

from pipeline.show import registered_values
from pipeline.show.predicates import (
    HOLDS,
    OPEN,
    RETURN,
    SCORE,
    SLOPE,
    Claim,
    Interval,
    Results,
    Values,
    above,
    alike,
    named,
    obeys,
)
from pipeline.show.registered_values import beside_gain, minus, surety
from pipeline.statistics import verdicts
from pipeline.study import twists

STITCHES = "TD3+BC less the log's best episode"
BEGINS_BETTER = "on a log that covers returns"
SHARE = 0.2  # of episodes that gamble
SAFE = "of those asked for the safe return"
TENTH = "10%BC less behavior cloning"
PAYS = 5.0  # points of score that asking must bring where half of a log is better
effect = functools.partial(registered_values.effect, over="episodes")


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
    return above(first, margin) if above(minus(other), margin) == HOLDS else OPEN


def earned(results: Results) -> Values:
    """What asking for the safe return earns more, how many more gamble who are asked for the winners', and for the safe."""
    gambling = {"more that gamble": effect(results, "luck_won"), SAFE: safe_share(results)}
    return {"safe less won": effect(results, "luck_earned"), **gambling}


def earns_less(values: Values, margin: float) -> str:
    """Whether asking for the safe return earns more, where asking for the winners' makes it gamble."""
    more, *gambling = values.values()
    return above(more, margin) if gambles(dict(enumerate(gambling)), SHARE) == HOLDS else OPEN


def on_a_better_half(results: Results, rival: str) -> Values:
    """What asking brings above a rival where half of the log is better, and what cloning its best tenth does."""
    asking, tenth = effect(results, f"better_dt_over_{rival}"), effect(results, "better_bc10_over_bc")
    return {f"asking, less {'10%BC' if rival == 'bc10' else 'behavior cloning'}": asking, TENTH: tenth}


def beats_the_best(name: str, sentence: str, row: str, effect_name: str, label: str) -> Claim:
    """That a method scores above the log's best episode, where TD3+BC does.

    Args:
        name: the claim's.
        sentence: what it says.
        row: in docs/predicates.md.
        effect_name: the difference that decides.
        label: what is held against the best episode.
    """
    return Claim(
        name,
        sentence,
        "score",
        lambda t: {f"{label} less the log's best episode": effect(t, effect_name), STITCHES: effect(t, "halves_td3bc")},
        "score less the log's best episode's above 0, its mean above 0.5 points; "
        "does not hold as far below or within 0.5 points; "
        "not decided unless TD3+BC, on the same log, lies above its best episode as well",
        beside_gain(above),
        SCORE,
        (STITCHES,),
        row,
        surety(effect_name, "holds", "effects"),
    )


_more = (
    "share of episodes that gamble, difference above 0, its mean above 20 points; "
    "does not hold as far below 0 or within 20 points"
)


def gambles_for(name: str, sentence: str, row: str, effect_name: str, asked: str, method: str = "dt") -> Claim:
    """That a method gambles more often when it is asked for a return than for the safe one.

    Args:
        name: the claim's.
        sentence: what it says.
        row: in docs/predicates.md.
        effect_name: the difference that decides.
        asked: whose return is asked for.
        method: whose gambling it is, as runs are named.
    """
    return Claim(
        name,
        sentence,
        "solved",
        lambda t: {f"asked for the {asked}' return, less the safe": effect(t, effect_name), SAFE: safe_share(t, method)},
        f"{_more}; not decided unless fewer than half gamble when asked for the safe return",
        gambles,
        SHARE,
        (SAFE,),
        row,
        surety(effect_name, "holds", "effects"),
    )


def by_updates(results: Results) -> Values:
    """How far a Decision Transformer obeys after so many updates, the most first."""
    found = {updates: results["effects"][f"throttled_steady_{updates}"]["values"] for updates in (10_000, 3_000, 1_000)}
    return {f"{updates:,} updates": named(each["slope"], each["seeds"], "episodes") for updates, each in found.items()}


def obeys_at_last(values: Values, margin: float) -> str:
    """Whether it obeys after the most updates, where its slope after the fewest lies below the bar."""
    return obeys(values["10,000 updates"]) if values["1,000 updates"].high < verdicts.OBEYS else OPEN


TWISTS = (
    Claim(
        "dt-obeys-once-trained",
        "Trained as published, Decision Transformer delivers the return it is asked for after 10,000 updates",
        "slope",
        by_updates,
        "slope of the return obtained over the return asked for, inside what the log shows: holds above 0.5, does not hold "
        "below 0.1; not decided unless after 1,000 updates it is below 0.5",
        obeys_at_last,
        SLOPE,
        ("1,000 updates",),
        "a6",
        surety("throttled_steady_10000", "obeys", "effects"),
    ),
    beats_the_best(
        "dt-stitches",
        "Asked for two good halves, a Decision Transformer puts them together",
        "S1",
        "halves_asked",
        "asked for them,",
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
        "does not hold as far below 0 or within 62 points; "
        "not decided unless on a log that covers returns asking for more begins "
        "better",
        begins_worse,
        RETURN,
        (BEGINS_BETTER,),
        "S2",
        surety("halves_begun", "holds", "effects"),
    ),
    beats_the_best("bc-stitches", "Imitation alone puts the halves together", "S3", "halves_bc", "behavior cloning"),
    beats_the_best(
        "rvs-stitches",
        "Asked for two good halves, a perceptron told the return puts them together",
        "S4",
        "halves_rvs",
        "asked for them,",
    ),
    gambles_for("dt-gambles", "Asked for what luck alone gives, a Decision Transformer gambles", "L1", "luck_won", "winners"),
    gambles_for(
        "rvs-gambles",
        "Asked for what luck alone gives, a perceptron told the return gambles",
        "L5",
        "luck_won_rvs",
        "winners",
        "rvs",
    ),
    Claim(
        "dt-gambling-costs",
        "Asked for what luck alone gives, it earns less",
        "score",
        earned,
        "score, asked for the safe return, less that asked for the winners': above 0, its mean above 0.5 points; "
        "does not hold as far below 0 or within 0.5 points; not decided unless it gambles as L1 asks",
        earns_less,
        SCORE,
        ("more that gamble", SAFE),
        "L2",
        surety("luck_earned", "holds", "effects"),
        (("more that gamble", "solved"), (SAFE, "solved")),
    ),
    gambles_for("dt-gambles-for-less", "Asked for what losers got, it gambles too", "L3", "luck_lost", "losers"),
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
        surety("luck_values", "holds", "effects"),
    ),
    Claim(
        "better-half-asking-pays",
        "Where half of a log is better, a Decision Transformer gains by being asked for its best",
        "score",
        lambda t: on_a_better_half(t, "bc"),
        "score less behavior cloning's above 0, its mean above 5 points; does not hold as far below or within 5 points; "
        "not decided unless cloning the best tenth pays by the same rule",
        beside_gain(above),
        PAYS,
        (TENTH,),
        "e1",
        surety("better_dt_over_bc", "holds", "effects"),
    ),
    Claim(
        "better-half-asking-as-tenth",
        "Where half of a log is better, a Decision Transformer asked for its best does as well as a clone of the best tenth",
        "score",
        lambda t: on_a_better_half(t, "bc10"),
        "difference within 2 points of score; does not hold where it lies beyond; not decided unless cloning the best tenth "
        "pays by 5 points",
        beside_gain(alike, PAYS),
        2.0,
        (TENTH,),
        "e2",
        surety("better_dt_over_bc10", "no effect", "effects"),
    ),
)

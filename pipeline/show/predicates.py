"""What decides a claim: values with their intervals, read from evidence, and pure predicates over them.

Every predicate has a margin, the smallest difference that would matter, so that no verdict turns on a last digit: *holds* asks
for an interval beyond the bar and a mean beyond the margin, *does not hold* for the same on the other side, or for an interval
within the margin; everything else is *not decided*. The margins are those of `docs/predicates.md`.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import NamedTuple

from pipeline.statistics import verdicts
from pipeline.statistics.intervals import t_interval

HOLDS, IN_PART, FAILS, OPEN = "holds", "holds in part", "does not hold", "not decided"
SCORE, RETURN, SOLVED, SLOPE, SHARE = 0.5, 62.0, 0.05, 0.1, 0.1  # margins: points, points, of episodes, slope, of attention
FEWEST = {SCORE: 10, RETURN: 9}  # values below which nothing is decided: nine episodes tell 200 points of return apart


@dataclass(frozen=True)
class Interval:
    """A mean with its 95 % interval; a number without one has both ends at its mean."""

    mean: float
    low: float
    high: float
    n: int = 1
    over: str = ""  # what n counts

    def __sub__(self, other: Interval) -> Interval:
        """The difference of two independent means; its half width is the root of both squared (as Welch's)."""
        mean = self.mean - other.mean
        half = math.hypot((self.high - self.low) / 2, (other.high - other.low) / 2)
        over = self.over if self.over == other.over else "in the smaller sample"
        return Interval(mean, mean - half, mean + half, min(self.n, other.n), over)

    def over_bar(self, bar: float) -> Interval:
        """The same interval, seen from a bar."""
        return Interval(self.mean - bar, self.low - bar, self.high - bar, self.n, self.over)


def number(value: float, over: str = "") -> Interval:
    """A number without an interval."""
    return Interval(value, value, value, 1, over)


Results = dict[str, dict]
Values = dict[str, Interval]

# ---- predicates ----


def above(difference: Interval, margin: float, fewest: int = 1) -> str:
    """Whether a difference lies above 0 by more than the margin."""
    if difference.n < fewest:
        return OPEN
    if difference.low > 0 and difference.mean > margin:
        return HOLDS
    below = difference.high < 0 and difference.mean < -margin
    return FAILS if below or (difference.low >= -margin and difference.high <= margin) else OPEN


def alike(difference: Interval, margin: float, fewest: int = 1) -> str:
    """Whether a difference lies within the margin to either side of 0."""
    if difference.n < fewest:
        return OPEN
    if -margin <= difference.low and difference.high <= margin:
        return HOLDS
    apart = difference.low > 0 or difference.high < 0
    return FAILS if apart and abs(difference.mean) > margin else OPEN


def together(verdicts: list[str]) -> str:
    """What several verdicts say of a claim about all: *holds in part* where it holds for some and not for others."""
    if all(verdict == HOLDS for verdict in verdicts):
        return HOLDS
    if HOLDS in verdicts:
        return IN_PART
    return FAILS if all(verdict == FAILS for verdict in verdicts) else OPEN


def gains(values: Values, margin: float) -> str:
    """Whether the difference among some values lies above 0 by more than the margin."""
    return above(values["difference"], margin)


def gains_in_enough(values: Values, margin: float) -> str:
    """`gains`, where there are as many values as a difference of that margin takes to be seen."""
    return above(values["difference"], margin, FEWEST[margin])


def gains_everywhere(values: Values, margin: float) -> str:
    """Whether all values lie above 0 by more than the margin."""
    return together([above(value, margin) for value in values.values()])


def obeys(slope: Interval) -> str:
    """Whether a slope of the return obtained over the return asked for lies above a half; below a tenth it does not hold."""
    return {"obeys": HOLDS, "deaf": FAILS, "undecided": OPEN}[verdicts.follows(slope.low, slope.high)]


def obeys_beside(values: Values, control: str) -> str:
    """Whether the first value obeys, where a control that must not does not."""
    slope, *_ = values.values()
    return obeys(slope) if obeys(values[control]) == FAILS else OPEN


def times(part: Interval, whole: Interval, factor: float) -> str:
    """Whether one quantity is at least `factor` of another, ends of both intervals considered."""
    if part.low >= factor * whole.high:
        return HOLDS
    return FAILS if part.high < factor * whole.low else OPEN


def calmer(one: Interval, other: Interval, margin: float, fewest: int) -> str:
    """Whether one standard deviation is smaller than the other by that part of it, from so many values of each up."""
    if min(one.n, other.n) < fewest:
        return OPEN
    return HOLDS if one.mean < (1 - margin) * other.mean else FAILS


# ---- reading evidence ----


def played(results: Results, name: str, stem: str) -> Interval:
    """A mean over the episodes of one trained model."""
    values = results["evaluations"][name]["values"]
    return Interval(*(values[f"{stem}_{end}"] for end in ("mean", "low", "high")), values["episodes"], "episodes")


def trained(results: Results, name: str, stem: str = "score") -> Interval:
    """A mean over trainings."""
    values = results["pooled"][name]["values"]
    return Interval(*(values[f"{stem}_{end}"] for end in ("mean", "low", "high")), values["seeds"], "trainings")


def compared(results: Results, name: str, stem: str) -> Interval:
    """A difference or slope over paired episodes."""
    values = results["compared"][name]["values"]
    count = values.get("seeds") or values["episodes"]
    over = "trainings" if isinstance(count, list) else "pairs of episodes"
    return named(values[stem], sum(count) if isinstance(count, list) else count, over)


def named(values: dict, n: int, over: str) -> Interval:
    """An interval kept as mean, low and high."""
    return Interval(values["mean"], values["low"], values["high"], n, over)


def solved(results: Results, name: str) -> Interval:
    """A share of episodes solved."""
    values = results["solved"][name]["values"]
    return Interval(*(values[f"success_{end}"] for end in ("mean", "low", "high")), values["episodes"], "episodes")


def paired(results: Results, one: str, other: str) -> Interval:
    """How much larger a share of the same episodes one solves than the other: Student's t over pairs."""
    first, second = (results["solved"][name]["values"]["success"] for name in (one, other))
    pairs = list(zip(first, second, strict=True))
    found = paired_shares(first, second)
    alone = f"pairs of episodes, {pairs.count((1, 0))} won and {pairs.count((0, 1))} lost"
    return replace(found, over=alone)


def paired_shares(one: list[int], other: list[int]) -> Interval:
    """Mean difference of pairs of 0 and 1, with its interval by Student's t over the pairs."""
    differences = [first - second for first, second in zip(one, other, strict=True)]
    return Interval(*t_interval(differences), len(differences), "pairs of episodes")


class Surety(NamedTuple):
    """How sure the verdict on a registered claim is: p-value, and how likely a rerun of the same size is to give it again."""

    p: float
    rerun: float


@dataclass(frozen=True)
class Claim:
    """One claim: what is said, what decides it, and how; of a registered one its row in `docs/predicates.md`."""

    id: str
    sentence: str
    style: str  # how its values are written: score, return, share, solved, slope, ms, thousandths, nats, loss
    read: Callable[[Results], Values]
    predicate: str  # in words
    judge: Callable[[Values, float], str]
    margin: float
    controls: tuple[str, ...] = ()  # which of the values are controls
    row: str = ""
    surety: Callable[[Results], Surety] | None = None
    styles: tuple[tuple[str, str], ...] = ()  # values that are written in another style, each with that style

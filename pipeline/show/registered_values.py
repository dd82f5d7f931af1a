"""What decides the registered claims: their values, controls and predicates, and how sure a verdict is."""

from __future__ import annotations

import itertools
from collections.abc import Callable

from pipeline.show.predicates import (
    FAILS,
    HOLDS,
    OPEN,
    SCORE,
    Interval,
    Results,
    Surety,
    Values,
    above,
    alike,
    compared,
    named,
    number,
    obeys,
)

DRAFTS = {"random": "random", "masks": "all masks", "left_to_right": "left to right"}  # as they are called
UNCHOSEN = {"ranked at random, less likeliest actions": "unsearched", "ranked at random, less one beam": "one_beam"}
CHANCE = "not decided unless candidates ranked at random bring no more than the model's likeliest actions, and than one beam"
FIRST_SWEEP = 0.2  # of episodes, that it must add
DT, RVS = "local_dt_halfcheetah", "local_rvs_halfcheetah"
SHUFFLED = "returns shuffled"
APART = 3000.0  # points of return between a log's quantiles at 1 and 99 %, from which it covers returns


def slope(results: Results, name: str) -> Interval:
    """How far a policy obeys: its mean slope over paired episodes."""
    return compared(results, f"{name}_asked", "slope")


TESTED = {"obeys": "p_obeys", "deaf": "p_deaf", "holds": "p_more", "refuted": "p_less", "no effect": "p_none"}  # by a verdict

EFFECTS = ("holds", "refuted")  # verdicts that tell one


def effect(results: Results, name: str, over: str) -> Interval:
    """A difference with its interval, and what it is over: trainings, or episodes of the same seeds."""
    values = results["effects"][name]["values"]
    return named(values["difference"], values["seeds"], over)


def surety(name: str, claimed: str, kind: str = "compared") -> Callable[[Results], Surety]:
    """The p-value of the verdict that a comparison came to, undecided of the one claimed, and its rerun's share."""

    def read(results: Results) -> Surety:
        values = results[kind][name]["values"]
        return Surety(values[TESTED.get(values["verdict"], TESTED[claimed])], values["rerun"])

    return read


def surety_of_none(names: tuple[str, ...]) -> Callable[[Results], Surety]:
    """The same of a verdict that no comparison has an effect: one that has refutes it, and it is as sure as the surest of
    these; where none has, all must come out again, so that the chances that one does not are added.
    """

    def read(results: Results) -> Surety:
        found = [results["compared"][name]["values"] for name in names]
        effects = [Surety(each[TESTED[each["verdict"]]], each["rerun"]) for each in found if each["verdict"] in EFFECTS]
        if effects:
            return max(effects, key=lambda each: each.rerun)
        return Surety(max(each["p_none"] for each in found), max(0.0, 1 - sum(1 - each["rerun"] for each in found)))

    return read


def spread(results: Results, log: str) -> Interval:
    """How far a log's quantiles at 1 and 99 % lie apart."""
    quantiles = results["datasets"][f"local_halfcheetah_{log}"]["values"]["return_quantiles"]
    return number(quantiles["99"] - quantiles["1"], "between the log's quantiles")


def on_a_wide_log(results: Results) -> Values:
    """Slopes on the log of throttled episodes, and of a model that was told other episodes' returns."""
    return {"slope": slope(results, f"{DT}_throttled"), SHUFFLED: slope(results, f"{DT}_shuffled")}


def on_the_log_of_a_training(results: Results) -> Values:
    """The slope, and how far the log's returns reach."""
    return {"slope": slope(results, f"{DT}_replay"), "log": spread(results, "replay")}


def told_other_returns(results: Results) -> Values:
    """The slope, and how far above random play the model scores all the same."""
    return {
        "slope": slope(results, f"{DT}_shuffled"),
        "score above random play": compared(results, "local_shuffled_over_random", "difference"),
    }


def compared_drafts(*sweeps: int) -> dict[str, str]:
    """What is compared after so many sweeps, two drafts at a time, by what it is called."""
    return {
        f"{DRAFTS[one]} less {DRAFTS[other]}, {after} sweep{'s' * (after != 1)}": f"local_leap_{one}_over_{other}_{after}"
        for after in sweeps
        for one, other in itertools.combinations(DRAFTS, 2)
    }


def beyond(results: Results) -> Values:
    """What asking for twice a log's best brings over asking for its 99 % quantile."""
    found = {}
    for log in ("throttled", "replay"):
        values = results["compared"][f"{DT}_{log}_asked"]["values"]
        found[log] = named(values["beyond"], values["seeds"], "pairs of episodes")
    return found


def more_than_imitation(results: Results) -> Values:
    """Score at the 99 % target less that of imitation, by log."""
    return {
        f"{log}, over {rival}": compared(results, f"local_asking_over_{kind}_halfcheetah_{log}", "difference")
        for log in ("throttled", "replay")
        for kind, rival in (("bc", "cloning"), ("bc10", "cloning the best tenth"))
    }


def no_more(values: Values, margin: float) -> str:
    """Whether no value is gained: all intervals end below the margin; it does not hold where one lies above."""
    if any(above(value, margin) == HOLDS for value in values.values()):
        return FAILS
    return HOLDS if all(value.high < margin for value in values.values()) else OPEN


def ranked_at_random(results: Results) -> Values:
    """What eight beams ranked at random bring over no search, and over the narrowest: controls, which must bring nothing."""
    return {called: compared(results, f"local_tt_random_over_{name}", "difference") for called, name in UNCHOSEN.items()}


def beside_chance(judge: Callable[[Interval, float], str]) -> Callable[[Values, float], str]:
    """Judge the first value, where candidates ranked at random bring no more than no search."""

    def judged(values: Values, margin: float) -> str:
        first, *controls = values.values()
        return judge(first, margin) if no_more(dict(enumerate(controls)), margin) == HOLDS else OPEN

    return judged


def revised_as_well(values: Values, margin: float) -> str:
    """Whether plans that are revised do as well as a beam, where as many that are only drawn do not: else any would do."""
    revised, drawn = values.values()
    found = alike(revised, margin)
    return OPEN if found == HOLDS and alike(drawn, margin) == HOLDS else found


def unless_gain(judge: Callable[[Interval, float], str]) -> Callable[[Values, float], str]:
    """Judge the first value, where the control, which is the second, does not gain as well."""

    def judged(values: Values, margin: float) -> str:
        first, control = values.values()
        return OPEN if above(control, margin) == HOLDS else judge(first, margin)

    return judged


def beside_gain(judge: Callable[[Interval, float], str], bar: float | None = None) -> Callable[[Values, float], str]:
    """Judge the first value, where the control, which is the second, gains more than a bar; without one, than the margin."""

    def judged(values: Values, margin: float) -> str:
        first, control = values.values()
        return judge(first, margin) if above(control, margin if bar is None else bar) == HOLDS else OPEN

    return judged


def deaf(values: Values, margin: float) -> str:
    """Whether a model that plays better than at random does not do as it is asked."""
    first, control = values.values()
    if above(control, SCORE) != HOLDS:
        return OPEN
    return {HOLDS: FAILS, FAILS: HOLDS, OPEN: OPEN}[obeys(first)]


def minus(value: Interval) -> Interval:
    """The same, seen from the other side."""
    return Interval(-value.mean, -value.high, -value.low, value.n, value.over)


def idle(values: Values, margin: float) -> str:
    """Whether silencing attention changes no score, where silencing the perceptrons costs more than five points."""
    silenced, control = values.values()
    return alike(silenced, margin) if above(minus(control), 5.0) == HOLDS else OPEN


def as_well(values: Values, margin: float) -> str:
    """Whether a perceptron obeys, and by as much as the transformer within the margin, where the shuffled control is deaf."""
    difference, perceptron, control = values.values()
    if obeys(control) != FAILS:
        return OPEN
    return alike(difference, margin) if obeys(perceptron) == HOLDS else obeys(perceptron)


def none_matters(values: Values, margin: float, controls: tuple[str, ...]) -> str:
    """Whether all values but the controls lie within the margin; one beyond it is enough to refute that. Of controls, none
    may: where nothing differs to begin with, there is nothing to make up for.
    """
    if any(alike(values[name], margin) != FAILS for name in controls):
        return OPEN
    found = [alike(value, margin) for name, value in values.items() if name not in controls]
    return FAILS if FAILS in found else HOLDS if all(verdict == HOLDS for verdict in found) else OPEN

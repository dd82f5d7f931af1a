"""Claims whose predicates were fixed in `docs/predicates.md` before the runs that judge them.

A verdict is withheld where the control that could refuse it fails its own rule, where fewer than nine of ten reruns would give
it again, or where its p-value, for the confirmatory ones corrected together, is above 5 %.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable

import numpy as np

from pipeline.show.predicates import (
    FAILS,
    HOLDS,
    OPEN,
    RETURN,
    SCORE,
    SHARE,
    SLOPE,
    SOLVED,
    Claim,
    Interval,
    Results,
    Surety,
    Values,
    above,
    alike,
    compared,
    gains_everywhere,
    named,
    number,
    obeys,
    obeys_beside,
    together,
)
from pipeline.statistics import verdicts
from pipeline.statistics.intervals import t_interval

DRAFTS = {"random": "random", "masks": "all masks", "left_to_right": "left to right"}  # as they are called
UNCHOSEN = {"ranked at random, less likeliest actions": "unsearched", "ranked at random, less one beam": "one_beam"}
CHANCE = "not decided unless candidates ranked at random bring no more than the model's likeliest actions, and than one beam"
FIRST_SWEEP = 0.2  # of episodes, that it must add
DT, RVS = "local_dt_halfcheetah", "local_rvs_halfcheetah"
SHUFFLED = "returns shuffled"
SHORT = "_halfcheetah_short"  # ends the names of results over short trainings
LAYERS = ("layer 1", "layer 2", "layer 3")
NAT, THOUSANDTHS = 1.0, 5.0  # margins: of a loss; of the full torque
OTHER_DIMENSION, SMALLER = 0.25, 0.1  # nats that hiding another dimension may cost; that are no effect
PATTERNS = {
    "markovian": "transition before",
    "striated_predicted": "dimension predicted",
    "action_to_action": "actions to actions",
}
APART = 3000.0  # points of return between a log's quantiles at 1 and 99 %, from which it covers returns


def slope(results: Results, name: str) -> Interval:
    """How far a policy obeys: its mean slope over paired episodes."""
    return compared(results, f"{name}_asked", "slope")


TESTED = {"obeys": "p_obeys", "deaf": "p_deaf", "holds": "p_more", "refuted": "p_less", "no effect": "p_none"}  # by a verdict

EFFECTS = ("holds", "refuted")  # verdicts that tell one


def surety(name: str, claimed: str) -> Callable[[Results], Surety]:
    """The p-value of the verdict that a comparison came to, undecided of the one claimed, and its rerun's share."""

    def read(results: Results) -> Surety:
        values = results["compared"][name]["values"]
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


def sure(samples: list[float], smallest: float, claimed: str) -> Surety:
    """How sure the verdict on a difference is: samples, one a unit, of which `claimed` is said where there is none."""
    samples = np.asarray(samples)
    judge = lambda mean, low, high: verdicts.effect(mean, low, high, smallest)  # noqa: E731
    verdict = judge(*t_interval(samples))
    p = {"holds": verdicts.p_above(samples, 0.0), "refuted": verdicts.p_below(samples, 0.0)}
    p["no effect"] = verdicts.p_within(samples, smallest)
    return Surety(p[verdict if verdict in p else claimed], verdicts.rerun(samples, judge))


def listened(results: Results) -> Values:
    """The slope on the post's own log, and an ideal listener's."""
    return {"slope": slope(results, f"{DT}_narrow"), "ideal listener": slope(results, "local_listener_halfcheetah")}


def as_far_as_can_be(values: Values, margin: float) -> str:
    """Whether a model obeys on a log on which a listener could; where that one cannot, nothing is decided."""
    model, ideal = values.values()
    return obeys(model) if obeys(ideal) == HOLDS else OPEN


def moved_by_returns(results: Results) -> Values:
    """How much farther swapped returns move actions than those of the control, by step, and how far they move the control's."""
    values = results["swapped_returns"][f"{DT}_throttled"]["values"]
    n = values["contexts"]
    more = {f"step {step}": named(each, n, "contexts") for step, each in values["more_than_control"].items()}
    return {
        **more,
        **{f"{SHUFFLED}, step {step}": named(each, n, "contexts") for step, each in values["moved_control"].items()},
    }


def looks_by_training(results: Results) -> Values:
    """How much more attention than an even share falls on returns in the last two layers, trained and untrained."""
    values = results["attention_by_training"][f"local_dt{SHORT}"]["values"]
    n, even = values["trainings"], values["uniform"]["return"]
    return {
        f"{LAYERS[layer]}{suffix.replace('_', ', ')}": named(
            values[f"shares{suffix}"]["return"][layer][0], n, "trainings"
        ).over_bar(even)
        for suffix in ("", "_untrained")
        for layer in (1, 2)
    }


def above_untrained(values: Values, margin: float) -> str:
    """Whether the first values lie above the margin, of which the last, controls, must not."""
    first, controls = list(values.values())[: len(values) // 2], list(values.values())[len(values) // 2 :]
    if any(above(control, margin) == HOLDS for control in controls):
        return OPEN
    return together([above(value, margin) for value in first])


def patterns_by_training(results: Results) -> Values:
    """How much more attention than an even share the patterns have in the last layer, trained and untrained."""
    values = results["attention_by_training"][f"local_tt{SHORT}"]["values"]
    return {
        f"{called}{suffix.replace('_', ', ')}": last_layer(values, f"{name}{suffix}").over_bar(values["uniform"][name])
        for suffix in ("", "_untrained")
        for name, called in PATTERNS.items()
    }


def last_layer(values: dict, name: str) -> Interval:
    """A share of the last layer, its heads pooled within each training."""
    shares = [float(np.mean(each[name][-1])) for each in values["by_training"]]
    return Interval(*t_interval(shares), len(shares), "trainings")


def cost_of_heads(results: Results) -> Values:
    """Points of score that it costs to have one head say its mean, and, a control, a random direction, layer by layer."""
    return {
        f"{called}{suffix}": minus(compared(results, f"{DT}_layer_{layer}_{said}_effect", "difference"))
        for said, suffix in (("mean", ""), ("random", ", random direction"))
        for layer, called in enumerate(LAYERS)
    }


def costly(values: Values, margin: float) -> str:
    """Whether heads matter; that none does is decided only where a random direction in the place of one costs something."""
    costs, controls = list(values.values())[: len(LAYERS)], list(values.values())[len(LAYERS) :]
    verdict = together([above(cost, margin) for cost in costs])
    heard = any(above(control, margin) == HOLDS for control in controls)
    return OPEN if verdict == FAILS and not heard else verdict


def rise(results: Results, name: str) -> Interval:
    """How much the loss of the observation rises when keys are hidden."""
    values = results["hidden_keys"][f"local_tt{SHORT}"]["values"]
    return named(values["rise"][name]["observation"], values["trainings"], "trainings")


def rises(results: Results, name: str) -> list[float]:
    """The same, each training's."""
    losses = results["hidden_keys"][f"local_tt{SHORT}"]["values"]["losses"]
    return [
        hidden - intact for hidden, intact in zip(losses[name]["observation"], losses["intact"]["observation"], strict=True)
    ]


def other_dimensions(results: Results) -> Interval:
    """The median rise over other dimensions."""
    values = results["hidden_keys"][f"local_tt{SHORT}"]["values"]
    return named(values["rise_others"], values["trainings"], "trainings")


def carries(values: Values, margin: float) -> str:
    """Whether hiding keys costs more than the margin, where hiding others costs less than a quarter of a nat."""
    first, control = values.values()
    return above(first, margin) if control.mean < OTHER_DIMENSION else OPEN


def enough(values: Values, margin: float) -> str:
    """Whether hiding what is older costs nothing, where hiding the transition before costs more than a nat."""
    older, control = values.values()
    return alike(older, margin) if above(control, NAT) == HOLDS else OPEN


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


def spent(values: Values, margin: float) -> str:
    """Whether more sweeps change nothing, where the first one gains more than twenty points."""
    more, first = values.values()
    return alike(more, margin) if above(first, FIRST_SWEEP) == HOLDS else OPEN


def none_matters(values: Values, margin: float, controls: tuple[str, ...]) -> str:
    """Whether all values but the controls lie within the margin; one beyond it is enough to refute that. Of controls, none
    may: where nothing differs to begin with, there is nothing to make up for.
    """
    if any(alike(values[name], margin) != FAILS for name in controls):
        return OPEN
    found = [alike(value, margin) for name, value in values.items() if name not in controls]
    return FAILS if FAILS in found else HOLDS if all(verdict == HOLDS for verdict in found) else OPEN


def gains_beside(values: Values, margin: float) -> str:
    """Whether a difference lies above the margin, where the one from the control does."""
    first, control = values.values()
    return above(first, margin) if above(control, margin) == HOLDS else OPEN


REGISTERED = (
    Claim(
        "dt-obeys-wide",
        "Trained on a log that covers returns, Decision Transformer delivers the return it is asked for",
        "slope",
        on_a_wide_log,
        "slope of the return obtained over the return asked for, inside what the log shows: holds above 0.5, does not hold "
        "below 0.1; not decided unless a model told other episodes' returns stays below 0.1",
        lambda v, _: obeys_beside(v, SHUFFLED),
        SLOPE,
        (SHUFFLED,),
        "H1",
        surety(f"{DT}_throttled_asked", "obeys"),
    ),
    Claim(
        "dt-obeys-replay",
        "Trained on the log of a whole training, Decision Transformer delivers the return it is asked for",
        "slope",
        on_the_log_of_a_training,
        "slope of the return obtained over the return asked for, inside what the log shows: holds above 0.5, does not hold "
        "below 0.1; not decided unless the log's quantiles at 1 and 99 % lie 3000 points of return apart",
        lambda v, _: obeys(v["slope"]) if v["log"].mean >= APART else OPEN,
        SLOPE,
        ("log",),
        "H2",
        surety(f"{DT}_replay_asked", "obeys"),
        (("log", "return"),),
    ),
    Claim(
        "dt-deaf-shuffled",
        "Told the returns of other episodes, the same training does not do as it is asked",
        "slope",
        told_other_returns,
        "slope below 0.1; does not hold above 0.5; not decided unless it plays better than at random by 0.5 points of score",
        deaf,
        SLOPE,
        ("score above random play",),
        "H3",
        surety(f"{DT}_shuffled_asked", "deaf"),
        (("score above random play", "score"),),
    ),
    Claim(
        "dt-attention-idle",
        "On a narrow log attention carries no score",
        "score",
        lambda t: {
            "attention silenced": compared(t, f"{DT}_attention", "difference"),
            "perceptrons silenced": compared(t, f"{DT}_perceptrons", "difference"),
        },
        "difference within 0.5 points; does not hold where it lies beyond; not decided unless silencing the perceptrons "
        "instead costs more than 5 points",
        idle,
        SCORE,
        ("perceptrons silenced",),
        "H4",
        surety(f"{DT}_attention", "no effect"),
    ),
    Claim(
        "dt-one-step-obeys",
        "One step of context is enough to obey",
        "slope",
        lambda t: {"one step": slope(t, f"{DT}_throttled_without_history"), "all twenty": slope(t, f"{DT}_throttled")},
        "slope with a context of one step above 0.5; does not hold below 0.1; not decided unless the intact model obeys",
        lambda v, _: obeys(v["one step"]) if obeys(v["all twenty"]) == HOLDS else OPEN,
        SLOPE,
        ("all twenty",),
        "b1",
        surety(f"{DT}_throttled_without_history_asked", "obeys"),
    ),
    Claim(
        "rvs-obeys",
        "A perceptron that is told the return obeys as well as a Decision Transformer",
        "slope",
        lambda t: {
            "DT less perceptron": compared(t, "local_dt_over_rvs_throttled", "difference"),
            "perceptron": slope(t, f"{RVS}_throttled"),
            SHUFFLED: slope(t, f"{DT}_shuffled"),
        },
        "difference of slopes within 0.1, and the perceptron's slope above 0.5; not decided unless the shuffled control is "
        "below 0.1",
        as_well,
        SLOPE,
        (SHUFFLED,),
        "a2",
        surety("local_dt_over_rvs_throttled", "no effect"),
    ),
    Claim(
        "asking-pays-wide",
        "On logs that cover returns, asking for much pays more than imitation",
        "score",
        more_than_imitation,
        "difference above 0, its mean above 0.5 points",
        gains_everywhere,
        SCORE,
        (),
        "a3",
    ),
    Claim(
        "asking-beyond-idle",
        "Asking for more than the log's best brings no more",
        "return",
        beyond,
        "all of the interval below 62 points of return; does not hold above",
        no_more,
        RETURN,
        (),
        "a5",
    ),
    Claim(
        "dt-obeys-narrow",
        "On the post's own log Decision Transformer delivers the return it is asked for",
        "slope",
        listened,
        "slope inside what the log shows: holds above 0.5, does not hold below 0.1; cannot be decided on a log on which an "
        "ideal listener's slope is not above 0.5 either",
        as_far_as_can_be,
        SLOPE,
        ("ideal listener",),
        "a1",
        surety(f"{DT}_narrow_asked", "obeys"),
    ),
    Claim(
        "dt-return-moves-action-wide",
        "Trained on a log that covers returns, Decision Transformer's action moves with the return, early and late",
        "thousandths",
        moved_by_returns,
        "at each step farther than the action of a model told other episodes' returns: above 0, the mean above 5 thousandths",
        lambda v, margin: gains_everywhere({name: each for name, each in v.items() if SHUFFLED not in name}, margin),
        THOUSANDTHS,
        tuple(f"{SHUFFLED}, step {step}" for step in (0, 200, 500)),
        "a4",
    ),
    Claim(
        "dt-attention-returns-trainings",
        "Decision Transformer's attention favors returns, whichever training one looks at",
        "share",
        looks_by_training,
        "share on returns above its even one by more than 10 points, over trainings, in layers 2 and 3; not decided where "
        "untrained twins look so, too",
        above_untrained,
        SHARE,
        tuple(f"{layer}, untrained" for layer in LAYERS[1:]),
        "b2",
    ),
    Claim(
        "dt-heads-matter",
        "What an attention head says matters to Decision Transformer's score",
        "score",
        cost_of_heads,
        "score that a head's mean in its place costs: above 0, the mean above half a point; that none costs any is decided "
        "only where a random direction does",
        costly,
        SCORE,
        tuple(f"{layer}, random direction" for layer in LAYERS),
        "b3",
    ),
    Claim(
        "tt-stripes-carry",
        "The stripes carry what Trajectory Transformer knows of the next observation",
        "nats",
        lambda t: {"dimension predicted hidden": rise(t, "striated"), "others hidden, median of ten": other_dimensions(t)},
        "loss above intact by more than 1 nat; not decided unless hiding other dimensions costs less than a quarter of a nat",
        carries,
        NAT,
        ("others hidden, median of ten",),
        "c3",
        lambda t: sure(rises(t, "striated"), NAT, "holds"),
    ),
    Claim(
        "tt-previous-enough",
        "Of earlier transitions, only the previous one matters to Trajectory Transformer",
        "nats",
        lambda t: {"all older hidden": rise(t, "older"), "previous hidden": rise(t, "lag_one")},
        "loss within 0.1 nats of intact; does not hold where it lies beyond; not decided unless hiding the previous transition "
        "costs more than 1 nat",
        enough,
        SMALLER,
        ("previous hidden",),
        "c4",
        lambda t: sure(rises(t, "older"), SMALLER, "no effect"),
    ),
    Claim(
        "tt-patterns-trainings",
        "The patterns of Trajectory Transformer's attention show in the last layer of every training",
        "share",
        patterns_by_training,
        "share of each pattern above its even one by more than 10 points, over trainings; not decided where untrained twins "
        "look so, too",
        above_untrained,
        SHARE,
        tuple(f"{called}, untrained" for called in PATTERNS.values()),
        "c5",
    ),
    Claim(
        "tt-value-token-pays",
        "Among what eight beams are ranked by, the value token pays",
        "score",
        lambda t: {"both, less rewards alone": compared(t, "local_tt_full_over_rewards", "difference"), **ranked_at_random(t)},
        f"difference above 0, its mean above half a point; {CHANCE}",
        beside_chance(above),
        SCORE,
        tuple(UNCHOSEN),
        "H5",
        surety("local_tt_full_over_rewards", "holds"),
    ),
    Claim(
        "tt-rewards-idle",
        "Imagined rewards add nothing to the value token",
        "score",
        lambda t: {"both, less the value alone": compared(t, "local_tt_full_over_value", "difference"), **ranked_at_random(t)},
        f"difference within half a point; does not hold where it lies beyond; {CHANCE}",
        beside_chance(alike),
        SCORE,
        tuple(UNCHOSEN),
        "c1",
        surety("local_tt_full_over_value", "no effect"),
    ),
    Claim(
        "tt-rewards-pay",
        "Imagined rewards alone pay, too",
        "score",
        lambda t: {
            "rewards alone, less ranked at random": compared(t, "local_tt_rewards_over_random", "difference"),
            **ranked_at_random(t),
        },
        f"difference above 0, its mean above half a point; {CHANCE}",
        beside_chance(above),
        SCORE,
        tuple(UNCHOSEN),
        "c2",
        surety("local_tt_rewards_over_random", "holds"),
    ),
    Claim(
        "leap-one-sweep",
        "After one visit to every position, further sweeps add nothing",
        "solved",
        lambda t: {
            "eight sweeps less one": compared(t, "local_leap_random_8_over_1", "difference"),
            "one sweep less none": compared(t, "local_leap_random_1_over_0", "difference"),
        },
        "difference within 5 points either way; does not hold where it lies beyond; not decided unless one sweep solves more "
        "than 20 points above none",
        spent,
        SOLVED,
        ("one sweep less none",),
        "H6",
        surety("local_leap_random_8_over_1", "no effect"),
    ),
    Claim(
        "leap-draft-idle",
        "Swept, it does not matter how a plan is drafted",
        "solved",
        lambda t: {called: compared(t, name, "difference") for called, name in compared_drafts(0, 1, 8).items()},
        "all differences within 5 points after one sweep and after eight; does not hold where one lies beyond; not decided "
        "unless unswept drafts differ by more than 5 points",
        lambda v, margin: none_matters(v, margin, tuple(compared_drafts(0))),
        SOLVED,
        tuple(compared_drafts(0)),
        "d1",
        surety_of_none(tuple(compared_drafts(1, 8).values())),
    ),
    Claim(
        "leap-beats-chance",
        "A plan beats actions drawn as often as the demonstrations take them",
        "solved",
        lambda t: {
            "LEAP less drawn actions": compared(t, "local_leap_over_drawn_fresh", "difference"),
            "LEAP less uniform actions": compared(t, "local_leap_over_random_fresh", "difference"),
        },
        "difference above 0, its mean above 5 points; not decided unless it lies so above actions drawn uniformly, too",
        gains_beside,
        SOLVED,
        ("LEAP less uniform actions",),
        "d3",
        surety("local_leap_over_drawn_fresh", "holds"),
    ),
)

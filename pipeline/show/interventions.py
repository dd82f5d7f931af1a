"""Registered claims on what hangs on attention and on the return told, by what is taken away or told otherwise.

The rows a1, a4, b2, b3 and c3 to c5 of `docs/predicates.md`: values, predicates, claims.
"""

from __future__ import annotations

import numpy as np

from pipeline.show.predicates import (
    FAILS,
    HOLDS,
    OPEN,
    SCORE,
    SHARE,
    SLOPE,
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
    obeys,
    together,
)
from pipeline.show.registered_values import DT, SHUFFLED, minus, slope, surety
from pipeline.statistics import verdicts
from pipeline.statistics.intervals import t_interval

SHORT = "_halfcheetah_short"  # ends the names of results over short trainings
LAYERS = ("layer 1", "layer 2", "layer 3")
NAT, THOUSANDTHS = 1.0, 5.0  # margins: of a loss; of the full torque
OTHER_DIMENSION, SMALLER = 0.25, 0.1  # nats that hiding another dimension may cost; that are no effect
PATTERNS = {
    "markovian": "transition before",
    "striated_predicted": "dimension predicted",
    "action_to_action": "actions to actions",
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
    more = {
        f"step {step}, less the control's": named(each, n, "contexts") for step, each in values["more_than_control"].items()
    }
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


INTERVENTIONS = (
    Claim(
        "dt-obeys-narrow",
        "On the post's own log Decision Transformer listens to the return it is asked for",
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
        "To predict the next observation, Trajectory Transformer needs the stripes",
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
)

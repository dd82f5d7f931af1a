"""The claims of the post and their verdicts: data and pure predicates over evidence.

    python -m pipeline.show.claims

A claim names the values that decide it, each a mean with its 95 % interval, and a predicate over them alone. The verdicts lie
in `_includes/claims.json`; a sentence of the post that asserts one names the claim and the verdict it states, and the page does
not build where that is no longer the verdict.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable

from pipeline import PipelineError, files
from pipeline.graph import command
from pipeline.show import tabulate
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
    Values,
    above,
    alike,
    calmer,
    compared,
    gains,
    gains_everywhere,
    gains_in_enough,
    named,
    number,
    obeys,
    paired,
    played,
    solved,
    times,
    together,
    trained,
)
from pipeline.show.registered import REGISTERED
from pipeline.statistics import verdicts
from pipeline.study import runs

LEVELS = {
    "go_to_local_s7n5": "GoToLocalS7N5",
    "go_to_local_s8n7": "GoToLocalS8N7",
    "go_to_obj_maze_s4_open": "GoToObjMazeS4",
    "go_to_obj_maze_s7_open": "GoToObjMazeS7",
    "pickup_loc": "PickupLoc",
    "go_to_obj_maze_s4r2_closed": "GoToObjMazeS4R2",
}
DT, TT, ROOM = "local_dt_halfcheetah", "local_tt_halfcheetah", "local_leap_go_to_local_s8n7"


def difference_of(one: tuple[str, Interval], other: tuple[str, Interval]) -> Values:
    """Two values and the difference of their means, in that order."""
    return {one[0]: one[1], other[0]: other[1], "difference": one[1] - other[1]}


def looks(results: Results) -> Values:
    """Shares of attention on return tokens, layer by layer, and what uniform attention gives."""
    values = results["attention"][DT]["values"]
    found = {
        f"layer {place}": named(heads[0], values["contexts"], "contexts")
        for place, heads in enumerate(values["shares"]["return"], 1)
    }
    return {**found, "uniform": number(values["uniform"]["return"])}


def moves(results: Results, *names: str) -> Values:
    """How far the action moves when tokens are swapped."""
    values = results["attention"][DT]["values"]
    return {name.replace("_", " "): named(values["action_change"][name], values["contexts"], "contexts") for name in names}


def pattern(results: Results, name: str) -> Values:
    """A pattern of the Trajectory Transformer's attention: last layer, heads with least and most of it, untrained, uniform."""
    values = results["attention"][TT]["values"]
    heads = [head for layer in values[name] for head in layer]
    most, least = max(heads, key=lambda head: head["low"]), min(heads, key=lambda head: head["low"])
    n = values["contexts"]
    return {
        "last layer": named(values[f"{name}_last_layer"], n, "contexts"),
        "head with least": named(least, n, "contexts"),
        "head with most": named(most, n, "contexts"),
        "untrained": named(values[f"{name}_last_layer_untrained"], n, "contexts"),
        "uniform": number(values["uniform"][name]),
    }


def looks_both_ways(results: Results) -> Values:
    """LEAP's attention to later and earlier actions of its plan."""
    values = results["refined"]["local_leap_go_to_obj_maze_s7_open"]["values"]
    return {
        **{
            name.replace("_", " "): named(values["attention"]["shares"][name], values["plans"], "plans")
            for name in ("later_actions", "earlier_actions")
        },
        "uniform": number(values["uniform"]["later_actions"]),
    }


def influence(results: Results) -> Values:
    """How far exchanging a plan's later actions moves the distribution of one of them, trained and untrained."""
    values = results["refined"]["local_leap_go_to_obj_maze_s7_open"]["values"]
    return {
        "trained": named(values["influence"]["later_actions"], values["plans"], "plans"),
        "untrained": named(values["influence_untrained"]["later_actions"], values["plans"], "plans"),
    }


def milliseconds(results: Results, name: str) -> Values:
    """Milliseconds an action, and the clock."""
    values = results["latency"][name]["values"]
    return {
        "median": number(values["median_ms"], f"{values['actions']} actions"),
        "95th percentile": number(values["p95_ms"], f"{values['actions']} actions"),
        "clock": number(results["published"]["control"]["period_ms"]),
    }


def by_level(one: str, other: str) -> Callable[[Results], Values]:
    """For every level how much larger a share one solves than the other; `{}` in a name stands for the level."""
    return lambda results: {label: paired(results, one.format(level), other.format(level)) for level, label in LEVELS.items()}


def curve(results: Results) -> Values:
    """The held-out error at the end of training and the lowest on the way."""
    values = results["training"][DT]["values"]
    return {
        "at the end": number(values["held_out_loss"]),
        "lowest": number(min(point["held_out_loss"] for point in values["curve"])),
    }


CLAIMS = (
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
    Claim(
        "dt-attention-returns",
        "Decision Transformer's attention favors the desired return",
        "share",
        looks,
        "in every layer above uniform attention, by more than 10 points; one training",
        lambda v, margin: together([above(v[name].over_bar(v["uniform"].mean), margin) for name in v if name != "uniform"]),
        SHARE,
        ("uniform",),
    ),
    Claim(
        "dt-attention-last-layer",
        "In its last layer Decision Transformer gives returns less attention than a uniform spread would",
        "share",
        lambda t: {name: value for name, value in looks(t).items() if name in ("layer 3", "uniform")},
        "below uniform attention, by more than 10 points; one training",
        lambda v, margin: above(number(v["uniform"].mean) - v["layer 3"], margin),
        SHARE,
        ("uniform",),
    ),
    Claim(
        "dt-return-moves-action",
        "Decision Transformer checks the return before acting: other returns, another action",
        "thousandths",
        lambda t: moves(t, "returns_swapped", "states_swapped"),
        "swapping the returns moves the action by at least a tenth of what swapping the states does",
        lambda v, margin: times(v["returns swapped"], v["states swapped"], margin),
        0.1,
        ("states swapped",),
    ),
    Claim(
        "dt-one-token",
        "Of sixty tokens, one decides the action",
        "thousandths",
        lambda t: moves(t, "latest_state_swapped", "all_but_latest_state_swapped"),
        "swapping the latest state moves the action at least fifty times as far as swapping everything else",
        lambda v, margin: times(v["latest state swapped"], v["all but latest state swapped"], margin),
        50.0,
        ("all but latest state swapped",),
    ),
    Claim(
        "tt-band",
        "Trajectory Transformer's attention is a band along the diagonal",
        "share",
        lambda t: pattern(t, "markovian"),
        "share on the transition just before, in every head, above uniform and untrained attention, by more than 10 points",
        lambda v, margin: together(
            [
                above(v[name].over_bar(max(v["uniform"].mean, v["untrained"].high)), margin)
                for name in ("last layer", "head with least")
            ]
        ),
        SHARE,
        ("untrained", "uniform"),
    ),
    Claim(
        "tt-stripes",
        "Trajectory Transformer's attention is striated: a dimension looks at itself in the past",
        "share",
        lambda t: pattern(t, "striated_predicted"),
        "share on the predicted dimension above uniform and untrained attention, by more than 10 points: "
        "in the last layer and in some head",
        lambda v, margin: together(
            [
                above(v[name].over_bar(max(v["uniform"].mean, v["untrained"].high)), margin)
                for name in ("last layer", "head with most")
            ]
        ),
        SHARE,
        ("untrained", "uniform"),
    ),
    Claim(
        "leap-even",
        "IEM's attention is spread evenly over past and future",
        "share",
        looks_both_ways,
        "shares on earlier and on later actions within 5 points of uniform attention",
        lambda v, margin: together(
            [alike(v[name].over_bar(v["uniform"].mean), margin) for name in ("later actions", "earlier actions")]
        ),
        0.05,
        ("uniform",),
    ),
    Claim(
        "leap-heeds-future",
        "IEM heeds the future of its plan",
        "total variation",
        influence,
        "other later actions move an action's distribution by 0.1 in total variation more than in the untrained network",
        lambda v, margin: above(v["trained"] - v["untrained"], margin),
        0.1,
        ("untrained",),
    ),
    Claim(
        "dt-real-time",
        "Decision Transformer is fast enough for the robot's clock",
        "ms",
        lambda t: milliseconds(t, DT),
        "95th percentile at least a tenth below 50 ms",
        lambda v, margin: above(v["clock"] - v["95th percentile"], margin * v["clock"].mean),
        0.1,
        ("clock",),
    ),
    Claim(
        "tt-real-time",
        "Trajectory Transformer with 32 beams is fast enough for the robot's clock",
        "ms",
        lambda t: milliseconds(t, f"{TT}_k32"),
        "median at least a tenth below 50 ms",
        lambda v, margin: above(v["clock"] - v["median"], margin * v["clock"].mean),
        0.1,
        ("clock",),
    ),
    Claim(
        "stable",
        "Sequence models are more stable than value-based ones",
        "score",
        lambda t: {
            label: Interval(*[t["pooled"][name]["values"]["score_sd"]] * 3, t["pooled"][name]["values"]["seeds"], "trainings")
            for label, name in (
                ("sd over trainings, Decision Transformer", f"{DT}_short"),
                ("sd over trainings, TD3+BC", "local_td3bc_halfcheetah"),
                ("sd over trainings, behavior cloning", "local_bc_halfcheetah"),
            )
        },
        "standard deviation over trainings smaller by a half, from 10 trainings of each up",
        lambda v, margin: calmer(*list(v.values())[:2], margin, 10),
        0.5,
        ("sd over trainings, TD3+BC",),
    ),
    Claim(
        "leap-refining-helps",
        "Refinement helps IEM",
        "solved",
        lambda t: {
            "given the goal, revised": solved(t, f"{ROOM}_argmax_30_plan"),
            "given the goal, first filling": solved(t, f"{ROOM}_argmax_1_plan"),
            "given: gain": paired(t, f"{ROOM}_argmax_30_plan", f"{ROOM}_argmax_1_plan"),
            "not given, revised": solved(t, f"{ROOM}_blind"),
            "not given, first filling": solved(t, f"{ROOM}_blind_1"),
            "not given: gain": paired(t, f"{ROOM}_blind", f"{ROOM}_blind_1"),
        },
        "paired gain of revising the first filling above 0, its mean above 5 points of episodes, given and not given",
        lambda v, margin: together([above(v[name], margin) for name in ("given: gain", "not given: gain")]),
        SOLVED,
        ("given the goal, first filling", "not given, first filling"),
    ),
    Claim(
        "leap-draft-above-random",
        "Before it is revised, a plan made without knowing the goal beats random steps",
        "solved",
        lambda t: {
            "first filling": solved(t, f"{ROOM}_blind_1"),
            "random steps": solved(t, "local_random_go_to_local_s8n7"),
            "difference": paired(t, f"{ROOM}_blind_1", "local_random_go_to_local_s8n7"),
        },
        "paired difference above 0, its mean above 5 points of episodes",
        gains,
        SOLVED,
        ("random steps",),
    ),
    Claim(
        "leap-more-revisions",
        "Thirty revisions solve more than ten",
        "solved",
        lambda t: {
            "30": solved(t, f"{ROOM}_argmax_30_plan"),
            "10": solved(t, f"{ROOM}_argmax_10_plan"),
            "difference": paired(t, f"{ROOM}_argmax_30_plan", f"{ROOM}_argmax_10_plan"),
        },
        "paired difference above 0, its mean above 5 points of episodes; does not hold within 5 points",
        gains,
        SOLVED,
        ("10",),
    ),
    Claim(
        "leap-gibbs",
        "Gibbs sampling solves more than taking the most probable action",
        "solved",
        lambda t: {
            "ten iterations": paired(t, f"{ROOM}_gibbs_10_plan", f"{ROOM}_argmax_10_plan"),
            "thirty iterations": paired(t, f"{ROOM}_gibbs_30_plan", f"{ROOM}_argmax_30_plan"),
        },
        "paired difference above 0, its mean above 5 points of episodes, with ten and with thirty iterations",
        gains_everywhere,
        SOLVED,
    ),
    Claim(
        "leap-untrained",
        "Over an untrained network the same planner solves more than random steps",
        "solved",
        lambda t: {
            "untrained": solved(t, f"{ROOM}_untrained"),
            "random steps": solved(t, "local_random_go_to_local_s8n7"),
            "difference": paired(t, f"{ROOM}_untrained", "local_random_go_to_local_s8n7"),
        },
        "paired difference above 0, its mean above 5 points of episodes",
        gains,
        SOLVED,
        ("random steps",),
    ),
    Claim(
        "leap-keeping-plans",
        "A plan carried out solves more than a plan remade after every step",
        "solved",
        by_level("local_leap_{}_blind", "local_leap_{}_honest"),
        "paired difference above 0, its mean above 5 points of episodes, in every level",
        gains_everywhere,
        SOLVED,
    ),
    Claim(
        "leap-goal-given",
        "Being given the goal solves more",
        "solved",
        by_level("local_leap_{}_published", "local_leap_{}_blind"),
        "paired difference above 0, its mean above 5 points of episodes, in every level",
        gains_everywhere,
        SOLVED,
    ),
    Claim(
        "leap-above-published",
        "Told the goal, our LEAP solves more of the largest maze than the authors report",
        "solved",
        lambda t: {
            "ours": solved(t, "local_leap_go_to_obj_maze_s7_open_published"),
            "published": number(t["published"]["leap"]["levels"][3]["leap"] / 100),
        },
        "above the published share, by more than 5 points of episodes",
        lambda v, margin: above(v["ours"].over_bar(v["published"].mean), margin),
        SOLVED,
        ("published",),
    ),
    Claim(
        "causal-above-leap",
        "The same architecture with a causal mask, which does not plan, solves more than LEAP that is given the goal",
        "solved",
        by_level("local_causal_{}", "local_leap_{}_published"),
        "paired difference above 0, its mean above 5 points of episodes, in every level",
        gains_everywhere,
        SOLVED,
    ),
    Claim(
        "causal-behind-doors",
        "Behind closed doors the same architecture with a causal mask solves more than LEAP that is given the goal",
        "solved",
        lambda t: {
            "causal": solved(t, "local_causal_go_to_obj_maze_s4r2_closed"),
            "LEAP": solved(t, "local_leap_go_to_obj_maze_s4r2_closed_published"),
            "difference": paired(
                t, "local_causal_go_to_obj_maze_s4r2_closed", "local_leap_go_to_obj_maze_s4r2_closed_published"
            ),
        },
        "paired difference above 0, its mean above 5 points of episodes",
        gains,
        SOLVED,
    ),
    Claim(
        "data-mean",
        "Our data's mean return comes within 250 of D4RL's",
        "return",
        lambda t: {
            "ours": number(t["datasets"]["local_halfcheetah_medium"]["values"]["return_mean"]),
            "D4RL's": number(t["published"]["d4rl_halfcheetah_medium"]["return_mean"]),
        },
        "difference within 250 points of return",
        lambda v, margin: alike(v["ours"] - v["D4RL's"], margin),
        250.0,
    ),
    Claim(
        "data-narrower",
        "Our data's returns are spread less than D4RL's",
        "return",
        lambda t: {
            "ours": number(t["datasets"]["local_halfcheetah_medium"]["values"]["return_sd"]),
            "D4RL's": number(t["published"]["d4rl_halfcheetah_medium"]["return_sd"]),
        },
        "standard deviation smaller, by more than 62 points of return",
        lambda v, margin: above(v["D4RL's"] - v["ours"], margin),
        RETURN,
    ),
)

CLAIMS = (*CLAIMS, *REGISTERED)
CONFIRMATORY = ("H1", "H2", "H3", "H4", "H5", "H6")  # corrected together
FIXED = "23143bc"  # the commit that wrote the rows of docs/predicates.md
LEVEL = 0.05  # of p-values, above which a verdict is withheld

WRITTEN = {  # decimals, and whether in percent
    "score": (1, False),
    "return": (0, False),
    "share": (1, True),
    "solved": (1, True),
    "slope": (3, False),
    "ms": (1, False),
    "thousandths": (2, False),
    "nats": (2, False),
    "loss": (4, False),
    "total variation": (2, False),
}
UNITS = {
    "score": "points of score",
    "return": "points of return",
    "share": "of attention",
    "solved": "of episodes",
    "slope": "slope",
    "ms": "ms",
    "thousandths": "thousandths of full torque",
    "nats": "nats",
    "loss": "squared error",
    "total variation": "total variation",
}


def written(value: Interval, style: str, unit: str = "") -> str:
    """A value as tables and drawers write it: mean, interval if it has one, its unit if one is given, and n."""
    decimals, percent = WRITTEN[style]
    mean, low, high = (
        tabulate.percent(round(end, 6), decimals) if percent else tabulate.fixed(end, decimals)
        for end in (value.mean, value.low, value.high)
    )
    sign = "%" if percent else ""
    ends = f" ({low} to {high})" if value.low < value.high else ""
    count = f", n = {value.n} {value.over}" if value.n > 1 else f", {value.over}" if value.over else ""
    return " ".join(part for part in (f"{mean}{sign}{ends}", unit) if part) + count


def corrected(results: Results) -> dict[str, float]:
    """p-values of the confirmatory claims, by id, corrected together; those that are not judged yet count as well."""
    found = {claim.id: claim.surety(results).p for claim in CLAIMS if claim.row in CONFIRMATORY}
    return verdicts.holm(found, len(CONFIRMATORY))


def finding(claim: Claim, results: Results, adjusted: dict[str, float]) -> dict:
    """One claim with its measured values and its verdict, ready to be shown; the results that it reads are named.

    Args:
        adjusted: corrected p-values of those that are corrected, by id.
    """
    seen: set[str] = set()
    values = claim.read({kind: tabulate.Watched(content, kind, seen) for kind, content in results.items()})
    verdict = claim.judge(values, claim.margin)
    registered = {"row": claim.row, "commit": FIXED, "confirmatory": claim.row in CONFIRMATORY}
    if claim.surety:
        surety = claim.surety(results)
        p = adjusted.get(claim.id, surety.p)
        withheld = surety.rerun < verdicts.LEAST_RERUN or p > LEVEL
        verdict = OPEN if withheld else verdict
        registered |= {"p": tabulate.p_value(p), "rerun": f"{tabulate.percent(surety.rerun, 0)}%"}
    styles = dict(claim.styles)
    rows = {
        name: written(value, styles[name], UNITS[styles[name]]) if name in styles else written(value, claim.style)
        for name, value in values.items()
    }
    return {
        "sentence": claim.sentence,
        "verdict": verdict,
        "unit": UNITS[claim.style],
        "measured": {name: text for name, text in rows.items() if name not in claim.controls},
        "controls": {name: text for name, text in rows.items() if name in claim.controls},
        "predicate": claim.predicate,
        **({"registered": registered} if claim.row else {}),
        "reads": sorted(seen),
    }


def findings(results: Results) -> dict[str, dict]:
    """Every claim with its verdict, by id."""
    adjusted = corrected(results)
    return {claim.id: finding(claim, results, adjusted) for claim in CLAIMS}


def text(results: Results) -> str:
    """What the page reads.

    Raises:
        PipelineError: evidence that a claim reads is not there.
    """
    try:
        return json.dumps(findings(results), indent=1, ensure_ascii=False) + "\n"
    except KeyError as error:
        raise PipelineError(
            f"no claim can be judged: one reads {error.args[0]} of results/, which is not there: make it"
        ) from None


def current() -> bool:
    """Whether the kept verdicts are those that the results give."""
    try:
        return tabulate.VERDICTS.is_file() and tabulate.VERDICTS.read_text(encoding="utf-8") == text(tabulate.results())
    except PipelineError:
        return False


def write() -> None:
    """Judge every claim and write the verdicts whole."""
    tabulate.results.cache_clear()
    files.write_text(tabulate.VERDICTS, text(tabulate.results()))


if __name__ == "__main__":
    command.run(write)

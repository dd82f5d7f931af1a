"""Claims about time, and about LEAP's plans."""

from __future__ import annotations

from collections.abc import Callable

from pipeline.show.predicates import (
    RETURN,
    SOLVED,
    Claim,
    Interval,
    Results,
    Values,
    above,
    alike,
    calmer,
    gains,
    gains_everywhere,
    number,
    paired,
    solved,
    together,
)

LEVELS = {
    "go_to_local_s7n5": "GoToLocalS7N5",
    "go_to_local_s8n7": "GoToLocalS8N7",
    "go_to_obj_maze_s4_open": "GoToObjMazeS4",
    "go_to_obj_maze_s7_open": "GoToObjMazeS7",
    "pickup_loc": "PickupLoc",
    "go_to_obj_maze_s4r2_closed": "GoToObjMazeS4R2",
}
DT, TT, ROOM = "local_dt_halfcheetah", "local_tt_halfcheetah", "local_leap_go_to_local_s8n7"


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


PLANS = (
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

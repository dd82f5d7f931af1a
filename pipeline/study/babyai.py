"""The runs on BabyAI's levels."""

from __future__ import annotations

from dataclasses import replace

from pipeline.methods.leap.settings import LeapTraining
from pipeline.study.measurements import Conditionals, PlanLatency, Refining, Solving, Walk
from pipeline.study.pictures import Figure, GridAnimation
from pipeline.study.trainings import Demonstration

LEVELS = (  # as in LEAP's table
    "go_to_local_s7n5",
    "go_to_local_s8n7",
    "go_to_obj_maze_s4_open",
    "go_to_obj_maze_s7_open",
    "pickup_loc",
    "go_to_obj_maze_s4r2_closed",
)
DEMONSTRATIONS = tuple(Demonstration(f"local_bot_{level}", level) for level in LEVELS)
DEMONSTRATED = tuple(run.name for run in DEMONSTRATIONS)
LEAP_GOAL = LeapTraining("local_leap_goal", DEMONSTRATED)
LEAP_HONEST = replace(LEAP_GOAL, name="local_leap_honest", with_goal=False)  # what an agent without an oracle has
LEAP_CAUSAL = replace(LEAP_HONEST, name="local_leap_causal", causal=True)  # the same network, from left to right
LEAP_CLONING = replace(LEAP_HONEST, name="local_grid_cloning", method="grid_cloning")  # one action at a time, no sequence
LEAP_TRAININGS = (LEAP_GOAL, LEAP_HONEST, LEAP_CAUSAL, LEAP_CLONING)

_leap = Solving("", "leap", "", LEAP_GOAL.name)
PUBLISHED_SOLVINGS = tuple(replace(_leap, name=f"local_leap_{level}_published", level=level) for level in LEVELS)
# blind: without the oracle; honest: without it, and with a new plan after every step
BLIND_SOLVINGS = tuple(
    replace(run, name=run.name.replace("published", "blind"), checkpoint=LEAP_HONEST.name) for run in PUBLISHED_SOLVINGS
)
HONEST_SOLVINGS = tuple(replace(run, name=run.name.replace("blind", "honest"), replan="step") for run in BLIND_SOLVINGS)
LEAP_GRID = tuple(
    replace(
        _leap,
        name=f"local_leap_go_to_local_s8n7_{sampler}_{iterations}_{replan}",
        level="go_to_local_s8n7",
        sampler=sampler,
        iterations=iterations,
        replan=replan,
    )
    for sampler in ("argmax", "gibbs")
    for iterations in (1, 5, 10, 20, 30)
    for replan in ("plan", "step")
)
SOLVINGS = (
    *PUBLISHED_SOLVINGS,
    *BLIND_SOLVINGS,
    *HONEST_SOLVINGS,
    *(Solving(f"local_causal_{level}", "leap_causal", level, LEAP_CAUSAL.name) for level in LEVELS),
    *(Solving(f"local_cloning_{level}", "grid_cloning", level, LEAP_CLONING.name) for level in LEVELS),
    *(Solving(f"local_random_{level}", "random_steps", level) for level in LEVELS),  # what walking at random solves
    # what it solves before it revises
    replace(BLIND_SOLVINGS[1], name=f"{BLIND_SOLVINGS[1].name}_1", iterations=1),
    # the negative control: the same planner over first weights
    replace(_leap, name="local_leap_go_to_local_s8n7_untrained", level="go_to_local_s8n7", trained=False),
    *LEAP_GRID,
)
REFININGS = tuple(
    Refining(f"local_leap_{level}", level, LEAP_GOAL.name) for level in ("go_to_local_s8n7", "go_to_obj_maze_s7_open")
)
CONDITIONALS = (Conditionals(REFININGS[0].name, REFININGS[0].name),)  # of five actions; those of ten are too many to list
PLAN_LATENCIES = tuple(PlanLatency(run.name, run.level, run.checkpoint) for run in REFININGS)
WALKS = (Walk("local_leap_go_to_obj_maze_s7_open_blind", "local_leap_go_to_obj_maze_s7_open_blind", seed=183),)
GRID_ANIMATIONS = (GridAnimation("leap_baby_ai_maze", WALKS[0].name),)
FIGURES = (
    Figure("leap_baby_ai", ("refined/local_leap_go_to_obj_maze_s7_open",), pixels=True),
    Figure(
        "attention_maps",
        ("attention/local_dt_halfcheetah", "attention/local_tt_halfcheetah", "refined/local_leap_go_to_obj_maze_s7_open"),
    ),
    Figure("leap_refinement", tuple(f"refined/{run.name}" for run in REFININGS), pixels=True),
    Figure("leap_iterations", tuple(f"solved/{run.name}" for run in LEAP_GRID if run.replan == "plan")),
)

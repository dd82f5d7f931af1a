"""Every run of the post, and every kind of run, under one address, wherever it is declared."""

# ruff: noqa: F401 - what others find here
from __future__ import annotations

from dataclasses import replace

from pipeline.methods.decision_transformer.settings import DecisionTransformerTraining
from pipeline.methods.leap.settings import LeapTraining
from pipeline.methods.soft_actor_critic.settings import Behavior
from pipeline.study import babyai, halfcheetah
from pipeline.study.babyai import (
    CONDITIONALS,
    DEMONSTRATIONS,
    GRID_ANIMATIONS,
    LEAP_GOAL,
    LEAP_TRAININGS,
    LEVELS,
    PLAN_LATENCIES,
    PUBLISHED_SOLVINGS,
    REFININGS,
    SOLVINGS,
    WALKS,
)
from pipeline.study.comparisons import Difference, PairedDifference, Pool, Slope
from pipeline.study.halfcheetah import (
    ANIMATIONS,
    ATTENTIONS,
    BEHAVIOR,
    BEHAVIOR_CLONING,
    BEST_TENTH_CLONING,
    BROWSER_EVALUATIONS,
    COMPARISONS,
    DECISION_TRANSFORMER,
    EVALUATIONS,
    HEADLINE,
    HEADLINE_TARGET,
    IMAGINATIONS,
    LATENCIES,
    MEDIUM,
    PLANNED_EVALUATIONS,
    POOLS,
    ROLLOUTS,
    SHORT_DECISION_TRANSFORMER,
    TARGETS,
    TD3_BC,
    TRAININGS,
    TRAJECTORY_TRAININGS,
    TRAJECTORY_TRANSFORMER,
    VALUE_TRAININGS,
    WIDEST_SEARCH,
)
from pipeline.study.measurements import (
    Attention,
    Evaluation,
    Imagination,
    Latency,
    Memory,
    PlanLatency,
    PlannedEvaluation,
    PlannedLatency,
    Refining,
    Rollout,
    Solving,
)
from pipeline.study.pictures import BrowserEvaluation, Figure
from pipeline.study.published import (
    D4RL,
    D4RL_MEDIUM,
    HUB_ANIMATIONS,
    HUB_ATTENTIONS,
    HUB_COMPARISONS,
    HUB_EVALUATIONS,
    HUB_FIGURES,
    HUB_IMAGINATIONS,
    HUB_LATENCIES,
    HUB_ROLLOUTS,
    MINARI,
    PUBLISHED_BINS,
    PUBLISHED_CHECKPOINTS,
    PUBLISHED_DATASETS,
    PUBLISHED_DECISION_TRANSFORMER,
    PUBLISHED_TRAJECTORY_TRANSFORMER,
    SIDE_BY_SIDE,
    twin,
    untwin,
)
from pipeline.study.run import FURTHER, ON, seeds
from pipeline.study.trainings import (
    Collection,
    KnownReturns,
    MinariDataset,
    PublishedDecisionTransformer,
    PublishedTrajectoryTransformer,
)

FIGURES = (*halfcheetah.FIGURES, *babyai.FIGURES)
MEMORIES = tuple(Memory(run.name) for run in (*LATENCIES, *PLAN_LATENCIES))

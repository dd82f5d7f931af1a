"""What others published, beside what is trained here: the same runs under names of their own (`doit source=hub`).

Their evidence is made by whoever has a network, and is not part of what `doit` keeps current by itself.
"""

from __future__ import annotations

from dataclasses import replace

from pipeline.study.comparisons import PairedDifference, Slope
from pipeline.study.halfcheetah import (
    ANIMATIONS,
    ATTENTIONS,
    COMPARISONS,
    DECISION_TRANSFORMER,
    EVALUATIONS,
    FIGURES,
    HEADLINE,
    IMAGINATIONS,
    LATENCIES,
    MEDIUM,
    TRAJECTORY_TRANSFORMER,
    WIDEST_SEARCH,
)
from pipeline.study.measurements import Rollout
from pipeline.study.trainings import (
    KnownReturns,
    MinariDataset,
    PublishedDataset,
    PublishedDecisionTransformer,
    PublishedTrajectoryTransformer,
)

PUBLISHED_BINS = 100
PUBLISHED_DECISION_TRANSFORMER = PublishedDecisionTransformer(
    "hub_dt_halfcheetah", "edbeeching/decision-transformer-gym-halfcheetah-medium"
)
PUBLISHED_TRAJECTORY_TRANSFORMER = PublishedTrajectoryTransformer(
    "hub_tt_halfcheetah", "CarlCochet/trajectory-transformer-halfcheetah-medium-v2"
)
PUBLISHED_CHECKPOINTS = (PUBLISHED_DECISION_TRANSFORMER, PUBLISHED_TRAJECTORY_TRANSFORMER)
D4RL_MEDIUM = PublishedDataset(
    PUBLISHED_TRAJECTORY_TRANSFORMER.data,
    "http://rail.eecs.berkeley.edu/datasets/offline_rl/gym_mujoco_v2/halfcheetah_medium-v2.hdf5",
    known=KnownReturns(1000, 4770.33, 355.75, -310.23),  # printed by kzl/decision-transformer:gym/experiment.py
)
D4RL_QUALITIES = ("random", "medium", "medium_replay", "medium_expert", "expert")
D4RL = tuple(  # of the suite's fifteen those that are not above; none is held to returns known beforehand
    PublishedDataset(
        f"d4rl_{world.lower()}_{quality}_v2",
        f"http://rail.eecs.berkeley.edu/datasets/offline_rl/gym_mujoco_v2/{world.lower()}_{quality}-v2.hdf5",
        f"{world}-v2",
    )
    for world in ("HalfCheetah", "Hopper", "Walker2d")
    for quality in D4RL_QUALITIES
    if (world, quality) != ("HalfCheetah", "medium")
)
MINARI = tuple(  # none of them is D4RL's of the same name
    MinariDataset(f"minari_{world.lower()}_{quality}_v0", f"mujoco/{world.lower()}/{quality}-v0", f"{world}-v5")
    for world in ("HalfCheetah", "Hopper", "Walker2d")
    for quality in ("simple", "medium", "expert")
)
PUBLISHED_DATASETS = (D4RL_MEDIUM, *D4RL, *MINARI)
TWINS = {
    DECISION_TRANSFORMER.name: PUBLISHED_DECISION_TRANSFORMER.name,
    TRAJECTORY_TRANSFORMER.name: PUBLISHED_TRAJECTORY_TRANSFORMER.name,
}


def twin(name: str) -> str:
    """The name of what stands, with published checkpoints, in place of what is trained or recorded here."""
    return name.replace(MEDIUM.name, D4RL_MEDIUM.name).replace("local_", "hub_", 1)


def untwin(name: str) -> str:
    """The inverse of `twin`."""
    return name.replace(D4RL_MEDIUM.name, MEDIUM.name).replace("hub_", "local_", 1)


def published(all_runs) -> tuple:
    """The runs of the two checkpoints that are also published, played by the published ones instead."""
    return tuple(
        replace(run, name=twin(run.name), checkpoint=TWINS[run.checkpoint])
        for run in all_runs
        if run.checkpoint in TWINS and getattr(run, "trained", True)
    )


HUB_EVALUATIONS = published(EVALUATIONS)
HUB_ATTENTIONS = published(ATTENTIONS)
HUB_LATENCIES = published(LATENCIES)
HUB_ROLLOUTS = tuple(Rollout(run.name, run.name) for run in published((HEADLINE, WIDEST_SEARCH)))
HUB_IMAGINATIONS = (replace(IMAGINATIONS[0], name=twin(WIDEST_SEARCH.name), rollout=twin(WIDEST_SEARCH.name)),)
SIDE_BY_SIDE = (  # the published checkpoint and the one trained here, in episodes of the same seeds
    PairedDifference("hub_dt_over_local_dt_halfcheetah", twin(HEADLINE.name), HEADLINE.name),
    PairedDifference("hub_tt_over_local_tt_halfcheetah", twin(WIDEST_SEARCH.name), WIDEST_SEARCH.name),
)
HUB_COMPARISONS = (
    *(
        replace(run, name=twin(run.name), one=twin(run.one), other=twin(run.other))
        for run in COMPARISONS
        if isinstance(run, PairedDifference)
    ),
    *(
        replace(run, name=twin(run.name), evaluations=tuple(map(twin, run.evaluations)))
        for run in COMPARISONS
        if isinstance(run, Slope)
    ),
    *SIDE_BY_SIDE,
)
HUB_FIGURES = tuple(
    replace(figure, name=f"hub_{figure.name}", reads=tuple(map(twin, figure.reads)))
    for figure in FIGURES
    if figure.name.startswith(("dt_", "tt_")) and figure.reads
)
HUB_ANIMATIONS = (
    replace(
        ANIMATIONS[1],
        name=f"hub_{ANIMATIONS[1].name}",
        rollouts=(twin(HEADLINE.name), twin(WIDEST_SEARCH.name)),
        labels=ANIMATIONS[1].labels[:2],
        first_step=100,
        height=144,
    ),
)

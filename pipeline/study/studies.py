"""Runs beyond the post's: data that can be steered on, and what learns from them, with controls that could refuse a claim.

What each of them is to decide stands in `docs/predicates.md`. Their evidence is made by verbs of their own, so that what the
post rests on stays as it is.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from pipeline.study import runs


@dataclass(frozen=True)
class LongBehaviour(runs.Behaviour):
    """The behaviour policy's training, gone on with to `maximum_steps`; every interval's policy is kept."""

    maximum_steps: int = 300_000


@dataclass(frozen=True)
class ThrottledCollection(runs.Collection):
    """The recorder with its torques scaled, by one of `factors` an episode: returns that differ for a reason one can see."""

    episodes: int = 600
    first_seed: int = 2_000_000
    contexts_name: str = "halfcheetah_throttled"
    factors: tuple[float, ...] = (0.0, 0.25, 0.5, 0.75, 1.0)


@dataclass(frozen=True)
class ReplayCollection(runs.Collection):
    """Episodes of the recorder's policies along its training, 20 of each interval's up to where it was stopped."""

    training: str = "local_sac_halfcheetah_long"  # which kept them
    interval_steps: int = 2000
    hidden_sizes: tuple[int, ...] = (256, 256)
    episodes: int = 980
    shard_episodes: int = 20
    first_seed: int = 3_000_000
    contexts_name: str = "halfcheetah_replay"


@dataclass(frozen=True)
class ShuffledTraining(runs.DecisionTransformerTraining):
    """A Decision Transformer told the returns of other episodes: the control that must not obey."""

    shuffled_returns: bool = True  # over episodes, by the run's seed


@dataclass(frozen=True)
class SteadyTraining(runs.DecisionTransformerTraining):
    """A Decision Transformer trained as long as published and at the published rate, with checkpoints on the way."""

    updates: int = 100_000
    warmup_updates: int = 10_000
    learning_rate: float = 1e-4  # constant from there on
    interval_updates: int = 1000
    snapshots: tuple[int, ...] = (1000, 3000, 10_000, 30_000)


LONG = LongBehaviour("local_sac_halfcheetah_long")
THROTTLED = ThrottledCollection("local_halfcheetah_throttled", runs.BEHAVIOUR.name)
REPLAY = ReplayCollection("local_halfcheetah_replay", runs.BEHAVIOUR.name)
COLLECTIONS = (THROTTLED, REPLAY)

_short = runs.SHORT_DECISION_TRANSFORMER
_throttled = replace(_short, name="local_dt_halfcheetah_throttled_short_s0", data=THROTTLED.name)
DECISION_TRANSFORMERS = (
    _throttled,
    ShuffledTraining(
        "local_dt_halfcheetah_shuffled_short_s0", THROTTLED.name, updates=_short.updates, warmup_updates=_short.warmup_updates
    ),
    replace(_throttled, name="local_dt_halfcheetah_replay_short_s0", data=REPLAY.name),
    *runs.seeds(_short, 5)[3:],  # with those of the post, five
    SteadyTraining("local_dt_halfcheetah_steady", runs.MEDIUM.name),
)
CLONINGS = tuple(
    replace(base, name=base.name.replace("halfcheetah", f"halfcheetah_{data.name.rpartition('_')[2]}"), data=data.name)
    for data in COLLECTIONS
    for base in (
        runs.BEHAVIOUR_CLONING,
        runs.BEST_TENTH_CLONING,
        replace(runs.BEHAVIOUR_CLONING, name="local_rvs_halfcheetah_s0", method="return_conditioned_cloning"),
    )
)
# the recipe of the post's, less what that one was trained further
TRAJECTORY_TRANSFORMERS = runs.seeds(replace(runs.TRAJECTORY_TRANSFORMER, name="local_tt_halfcheetah_short_s0"), 3)
TRAININGS = (*DECISION_TRANSFORMERS, *CLONINGS, *TRAJECTORY_TRANSFORMERS)

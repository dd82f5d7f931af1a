"""The field's matrix, worlds by logs by methods by seeds: one run each that trains a model and plays it.

`SMALL` is a matrix on this project's own logs, shortened so that a run takes a minute at most; its evidence is in git. `d4rl`
is the gym suite that papers report, with published settings, on datasets that are downloaded: nobody has run it here.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import ClassVar

from pipeline.methods.behaviour_cloning.settings import BehaviorCloningTraining
from pipeline.methods.decision_transformer.settings import DecisionTransformerTraining
from pipeline.methods.soft_actor_critic.settings import Behavior
from pipeline.methods.td3_bc.settings import TD3BCTraining
from pipeline.study.comparisons import Matrix
from pipeline.study.controls import HalvedTrajectoryTransformer, ThrottledCollection
from pipeline.study.pictures import Figure
from pipeline.study.run import WRITER, Find, Run, results
from pipeline.study.trainings import Collection, Training

WORLDS = {"halfcheetah": "HalfCheetah-v4", "hopper": "Hopper-v4", "walker2d": "Walker2d-v4"}  # by the names of logs
ACTS = {  # whose folder acts, if not the perceptron's
    "dt": "decision_transformer",
    "tt": "trajectory_transformer",
    "rvs": "return_conditioned_cloning",
}


@dataclass(frozen=True)
class SuiteRun(Run):
    """A model trained on a log, and its episodes, of which every return is kept; its weights are not.

    training: all that decides the weights, named as this run. environment: where it is played. method: the column of the
    matrix. target_return: what a Decision Transformer is asked for, undiscounted; None asks for the log's best return.
    """

    kind: ClassVar[str] = "suite"
    verb: ClassVar[str] = "pipeline.measures.train_and_play"
    says: ClassVar[str] = "{run.method} trained for {run.training.updates} updates on {run.data}, and played"

    training: Training
    environment: str
    method: str
    target_return: float | None = None
    episodes: int = 10
    shard_episodes: int = 10
    first_seed: int = 100

    @property
    def data(self) -> str:
        """The log that it learns from."""
        return self.training.data

    @property
    def policy(self) -> str:
        """The module that makes a policy of the trained model."""
        return f"pipeline.methods.{ACTS.get(self.method, 'perceptron')}.trained"

    def modules(self, find: Find) -> tuple[str, ...]:
        """The verb, what makes the policy, what prepares the training, and what writes the result."""
        teacher, _, _, *model = self.training.modules(find)
        return (self.verb, self.policy, teacher, *model, WRITER)

    def inputs(self, find: Find) -> tuple[str, ...]:
        """What is known of the log."""
        return results("datasets", self.data)

    def seconds(self, find: Find) -> float:
        """About how long it takes on one core: training, then acting."""
        update = {"dt": 0.05, "tt": 0.35, "td3_bc": 0.012}.get(self.method, 0.006)
        step = {"dt": 0.01, "tt": 0.4}.get(self.method, 0.002)
        return update * self.training.updates + 1000 * step * self.episodes / self.shard_episodes


# the recorders of the two other worlds, stopped after some ten minutes; logs are narrow, or have returns from low to high
BEHAVIORS = tuple(
    Behavior(f"suite_sac_{world}", environment=WORLDS[world], target_return=320.0, tolerance=0.0)
    for world in ("hopper", "walker2d")
)
_log = {"episodes": 150, "contexts": 16, "context_length": 5, "contexts_from_last": 100}
_recorders = {
    "halfcheetah": "local_sac_halfcheetah_medium",
    **{run.name.removeprefix("suite_sac_"): run.name for run in BEHAVIORS},
}
LOGS = tuple(
    kind(f"suite_{world}_{log}", _recorders[world], environment, contexts_name=f"suite_{world}_{log}", first_seed=seed, **_log)
    for world, environment in WORLDS.items()
    for log, kind, seed in (("medium", Collection, 4_000_000), ("throttled", ThrottledCollection, 5_000_000))
)


def entries(name: str, data: str, environment: str, methods: dict[str, Training], seeds: int, **asked) -> Iterable[SuiteRun]:
    """The runs on one log: every method with every seed.

    Args:
        name: how their names begin.
        data: the log's name.
        environment: where they are played.
        methods: the training of each, by the column of the matrix.
        seeds: how many.
        asked: other fields of the runs.
    """
    for method, training in methods.items():
        for seed in range(seeds):
            full = f"{name}_{method}_s{seed}"
            yield SuiteRun(full, replace(training, name=full, data=data, seed=seed), environment, method, **asked)


_brief = {"held_out_episodes": 10, "interval_updates": 250}
_cloning = BehaviorCloningTraining("", "", updates=1000, **_brief)
BRIEF = {  # trainings of at most a minute
    "bc": _cloning,
    "bc10": replace(_cloning, best_fraction=0.1),
    "td3_bc": TD3BCTraining("", "", updates=2000, held_out_episodes=10, interval_updates=500),
    "dt": DecisionTransformerTraining(
        "", "", updates=750, warmup_updates=50, context_length=10, hidden_size=64, layers=2, **_brief
    ),
}
SMALL = tuple(
    run
    for world, environment in WORLDS.items()
    for log in ("medium", "throttled")
    for run in entries(f"{world}_{log}", f"suite_{world}_{log}", environment, BRIEF, seeds=3)
)

MATRIX = Matrix(
    "suite",
    tuple((log, tuple(f"{world}_{log}" for world in WORLDS)) for log in ("medium", "throttled")),
    tuple(BRIEF),
    trainings=3,
)
COMPARISONS = (MATRIX,)
FIGURES = (Figure("suite_profiles", ("matrix/suite",)),)

PUBLISHED = {  # trainings as long as published, or as this project's own where the published ones outgrow a machine
    "bc": BehaviorCloningTraining("", "", updates=100_000),
    "bc10": BehaviorCloningTraining("", "", updates=100_000, best_fraction=0.1),
    "td3_bc": TD3BCTraining("", "", updates=1_000_000),
    "dt": DecisionTransformerTraining("", "", updates=100_000, warmup_updates=10_000, learning_rate=1e-4),
    "tt": HalvedTrajectoryTransformer("", ""),
}
TARGETS = {"halfcheetah": 6000.0, "hopper": 3600.0, "walker2d": 5000.0}  # kzl/decision-transformer:gym/experiment.py
QUALITIES = ("random", "medium", "medium_replay", "medium_expert", "expert")


def d4rl() -> tuple[SuiteRun, ...]:
    """Three worlds, five datasets each, five methods, five seeds: 375 runs."""
    return tuple(
        run
        for world, environment in WORLDS.items()
        for quality in QUALITIES
        for run in entries(
            f"d4rl_{world}_{quality}",
            f"d4rl_{world}_{quality}_v2",
            environment,
            PUBLISHED,
            seeds=5,
            target_return=TARGETS[world],
            episodes=100,
        )
    )

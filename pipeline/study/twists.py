"""Two logs that a weakness of asking for returns shows on, good and poor halves, and luck; a third, half of it better, on which
asking could pay; what is trained on them; and how long a Decision Transformer must be trained until it does as it is asked.

What each of them is to decide stands in `docs/predicates.md`. The weights are not kept: a run trains, plays, and tells.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

from pipeline.study import halfcheetah
from pipeline.study.comparisons import Comparison
from pipeline.study.controls import SteadyTraining
from pipeline.study.pictures import Figure
from pipeline.study.run import ENVIRONMENT, Find, checkpoint_files, results
from pipeline.study.suite import SuiteRun
from pipeline.study.trainings import Collection


@dataclass(frozen=True)
class TwistedCollection(Collection):
    """Episodes of the recorder, changed so that a weakness shows on them."""

    verb: ClassVar[str] = "pipeline.measures.collect_twists"

    episodes: int = 600
    contexts: int = 1  # nobody looks at attention here


@dataclass(frozen=True)
class HalvesCollection(TwistedCollection):
    """Episodes of which one half is the recorder's and the other its with smaller torques; which comes first alternates."""

    says: ClassVar[str] = "{run.episodes} episodes of {run.behaviour}, one half of each throttled"

    first_seed: int = 6_000_000
    contexts_name: str = "halfcheetah_halves"
    factors: tuple[float, float] = (1.0, 0.5)


@dataclass(frozen=True)
class LuckCollection(TwistedCollection):
    """Episodes of the recorder, every second of which gambles in its opening (`pipeline.worlds.gamble`)."""

    says: ClassVar[str] = "{run.episodes} episodes of {run.behaviour}, every second of which gambles"

    first_seed: int = 7_000_000
    contexts_name: str = "halfcheetah_luck"


@dataclass(frozen=True)
class BetterCollection(TwistedCollection):
    """Episodes of two recorders that take turns; the second, `better`, is the same training gone on with."""

    verb: ClassVar[str] = "pipeline.measures.collect_better"
    says: ClassVar[str] = "{run.episodes} episodes of {run.behaviour} and {run.better} in turn"

    first_seed: int = 9_000_000
    contexts_name: str = "halfcheetah_better"
    better: str = "local_sac_halfcheetah_long"

    def inputs(self, find: Find) -> tuple[str, ...]:
        """The checkpoints of both."""
        return (*super().inputs(find), *checkpoint_files(self.better))


@dataclass(frozen=True)
class WatchedRun(SuiteRun):
    """A model trained on a log, and its episodes for each return that it is asked for; of a model told none, for None."""

    verb: ClassVar[str] = "pipeline.measures.train_and_watch"

    environment: str = ENVIRONMENT
    method: str = "dt"
    episodes: int = 100
    shard_episodes: int = 50
    first_seed: int = 200
    asks: tuple[float | None, ...] = (None,)  # undiscounted returns

    def seconds(self, find: Find) -> float:
        """About how long it takes on one core."""
        update = {"dt": 0.33, "td3_bc": 0.007}.get(self.method, 0.003)
        return 10 + update * self.training.updates + (60 if self.method == "dt" else 10) * len(self.asks)


@dataclass(frozen=True)
class StitchingRun(WatchedRun):
    """Of which is kept what the first half of each episode earned."""

    kind: ClassVar[str] = "stitching"


@dataclass(frozen=True)
class LuckRun(WatchedRun):
    """Of which is kept whether each episode gambled."""

    kind: ClassVar[str] = "luck"


@dataclass(frozen=True)
class WatchedEffect(Comparison):
    """How much more of a quantity one ask brings than another in episodes of the same seeds, of one run or of two.

    one, other: runs of the kind `of`. ask, other_ask: which of their asks. quantity: what is kept by episode; returns are
    compared as scores. smallest: the smallest effect of interest.
    """

    kind: ClassVar[str] = "effects"
    of: ClassVar[str] = "stitching"
    evaluations: ClassVar[tuple[str, ...]] = ()  # of checkpoints: none

    one: str
    other: str
    ask: int = 0
    other_ask: int = 0
    quantity: str = "returns"
    smallest: float = 0.5

    def about(self, find: Find) -> str:
        """One line for `doit list --all`."""
        return f"difference of {self.quantity.replace('_', ' ')}, {self.one} less {self.other}"


@dataclass(frozen=True)
class LuckEffect(WatchedEffect):
    """The same, of runs that may gamble."""

    of: ClassVar[str] = "luck"


@dataclass(frozen=True)
class BeyondBest(WatchedEffect):
    """How far a run's scores lie above that of the best episode of the log, `other`."""

    def inputs(self, find: Find) -> tuple[str, ...]:
        """The run, and what is known of the log."""
        return (*results(self.of, self.one), *results("datasets", self.other))


@dataclass(frozen=True)
class WatchedSlope(Comparison):
    """Whether a run obeys: the slope of the returns it got over those that it was asked for."""

    kind: ClassVar[str] = "effects"
    of: ClassVar[str] = "stitching"
    evaluations: ClassVar[tuple[str, ...]] = ()  # of checkpoints: none

    one: str

    def compared(self) -> tuple[str, ...]:
        """Its name."""
        return (self.one,)

    def about(self, find: Find) -> str:
        """One line for `doit list --all`."""
        return f"slope of the return got over the return asked, of {self.one}"


HALVES = HalvesCollection("local_halfcheetah_halves", halfcheetah.BEHAVIOR.name)
LUCK = LuckCollection("local_halfcheetah_luck", halfcheetah.BEHAVIOR.name)
BETTER = BetterCollection("local_halfcheetah_better", halfcheetah.BEHAVIOR.name)
COLLECTIONS = (HALVES, LUCK, BETTER)
THROTTLED = "suite_halfcheetah_throttled"  # of the matrix: where asking for more may begin better
METHODS = {  # as long as their namesakes of the post
    "dt": halfcheetah.SHORT_DECISION_TRANSFORMER,
    "bc": halfcheetah.BEHAVIOR_CLONING,
    "bc10": halfcheetah.BEST_TENTH_CLONING,
    "td3_bc": halfcheetah.TD3_BC,
    "rvs": replace(halfcheetah.BEHAVIOR_CLONING, method="return_conditioned_cloning"),
}
TOLD = ("dt", "rvs")  # which return is wanted
MEDIAN, BEST, TWO_GOOD = range(3)  # asks on halves
LOST, SAFE, WON = range(3)  # asks on luck
ASKS = {  # points of return; a check holds them against the logs' evidence
    HALVES.name: (2923.0, 3157.0, 4439.0),
    LUCK.name: (3533.0, 4540.0, 6498.0),
    THROTTLED: (1358.9, 4677.4),  # at 50 and 99 %
    BETTER.name: (6502.0,),  # the best
}


def watched(kind: type[WatchedRun], log: str, method: str) -> WatchedRun:
    """A method on a log, asked for the log's returns if it can be."""
    name = f"local_{method.replace('_', '')}_{log.removeprefix('local_')}"
    asks = ASKS[log] if method in TOLD else (None,)
    return kind(name, replace(METHODS[method], name=name, data=log), method=method, asks=asks)


STITCHING = (
    *(watched(StitchingRun, HALVES.name, method) for method in ("dt", "td3_bc", "bc", "rvs")),
    watched(StitchingRun, THROTTLED, "dt"),
    *(watched(StitchingRun, BETTER.name, method) for method in METHODS),
)
# as published, but for how long; asked for the log's quantiles at 1, 25, 50, 75 and 99 %
QUANTILES = (-4.7, -0.4, 1358.9, 3159.6, 4677.4)
STEADY = tuple(
    StitchingRun(name, SteadyTraining(name, THROTTLED, updates=updates, snapshots=()), asks=QUANTILES)
    for updates in (1000, 3000, 10_000)
    for name in [f"local_dt_throttled_steady_{updates}"]
)
LUCKY = tuple(watched(LuckRun, LUCK.name, method) for method in ("dt", "td3_bc", "bc", "bc10", "rvs"))
_halves, _throttled, _luck = STITCHING[0].name, f"local_dt_{THROTTLED}", LUCKY[0].name
_share = {"quantity": "gambled", "smallest": 0.2}
_begun = {"quantity": "first_half", "smallest": 62.0}  # half a point of score
FIGURES = (
    Figure(
        "twists",
        (
            f"datasets/{HALVES.name}",
            *(f"stitching/{run.name}" for run in STITCHING if run.data == HALVES.name),
            *(f"luck/{run.name}" for run in LUCKY),
        ),
    ),
    Figure(
        "better",
        (f"datasets/{BETTER.name}", *(f"stitching/{run.name}" for run in STITCHING if run.data == BETTER.name)),
    ),
)
EFFECTS = (
    BeyondBest("halves_asked", _halves, HALVES.name, TWO_GOOD),
    BeyondBest("halves_td3bc", "local_td3bc_halfcheetah_halves", HALVES.name),
    BeyondBest("halves_bc", "local_bc_halfcheetah_halves", HALVES.name),
    BeyondBest("halves_rvs", "local_rvs_halfcheetah_halves", HALVES.name, TWO_GOOD),
    WatchedEffect("halves_begun", _halves, _halves, MEDIAN, TWO_GOOD, **_begun),
    WatchedEffect("throttled_begun", _throttled, _throttled, 0, 1, **_begun),
    LuckEffect("luck_won", _luck, _luck, WON, SAFE, **_share),
    LuckEffect("luck_lost", _luck, _luck, LOST, SAFE, **_share),
    LuckEffect("luck_won_rvs", "local_rvs_halfcheetah_luck", "local_rvs_halfcheetah_luck", WON, SAFE, **_share),
    LuckEffect("luck_earned", _luck, _luck, SAFE, WON),
    LuckEffect("luck_values", "local_bc_halfcheetah_luck", "local_td3bc_halfcheetah_luck", **_share),
    LuckEffect("luck_best_tenth", "local_bc10_halfcheetah_luck", "local_bc_halfcheetah_luck", **_share),
    *(
        WatchedEffect(
            f"better_{one}_over_{other}", f"local_{one}_halfcheetah_better", f"local_{other}_halfcheetah_better", smallest=least
        )
        for other, ones, least in (("bc", ("bc10", *TOLD), 5.0), ("bc10", TOLD, 2.0))
        for one in ones
    ),
    *(WatchedSlope(run.name.removeprefix("local_dt_"), run.name) for run in STEADY),
)

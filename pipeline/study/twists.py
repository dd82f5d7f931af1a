"""Two logs that a weakness of asking for returns shows on, and what is trained on them: good and poor halves, and luck.

What each of them is to decide stands in `docs/predicates.md`. The weights are not kept: a run trains, plays, and tells.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

from pipeline.study import halfcheetah
from pipeline.study.run import ENVIRONMENT
from pipeline.study.suite import SuiteRun
from pipeline.study.trainings import Collection, Training


@dataclass(frozen=True)
class HalvesCollection(Collection):
    """Episodes of which one half is the recorder's and the other its with smaller torques; which comes first alternates."""

    verb: ClassVar[str] = "pipeline.measures.collect_twists"
    says: ClassVar[str] = "{run.episodes} episodes of {run.behaviour}, one half of each throttled"

    episodes: int = 600
    first_seed: int = 6_000_000
    contexts_name: str = "halfcheetah_halves"
    contexts: int = 1  # nobody looks at attention here
    factors: tuple[float, float] = (1.0, 0.5)


@dataclass(frozen=True)
class LuckCollection(Collection):
    """Episodes of the recorder, every second of which gambles in its opening (`pipeline.worlds.gamble`)."""

    verb: ClassVar[str] = "pipeline.measures.collect_twists"
    says: ClassVar[str] = "{run.episodes} episodes of {run.behaviour}, every second of which gambles"

    episodes: int = 600
    first_seed: int = 7_000_000
    contexts_name: str = "halfcheetah_luck"
    contexts: int = 1


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

    def seconds(self, find) -> float:
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


HALVES = HalvesCollection("local_halfcheetah_halves", halfcheetah.BEHAVIOR.name)
LUCK = LuckCollection("local_halfcheetah_luck", halfcheetah.BEHAVIOR.name)
COLLECTIONS = (HALVES, LUCK)

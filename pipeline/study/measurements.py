"""What is played, looked at and timed: kinds of runs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from pipeline.study.run import ARRAYS, ENVIRONMENT, Find, Run, results


@dataclass(frozen=True)
class Evaluation(Run):
    """Whole episodes played by one policy, in fixed shards; episode i of every run has the same seed."""

    kind: ClassVar[str] = "evaluations"
    verb: ClassVar[str] = "pipeline.measures.evaluate"

    method: str
    checkpoint: str | None = None
    target_return: float | None = None
    trained: bool = True
    environment: str = ENVIRONMENT
    episodes: int = 10
    shard_episodes: int = 5
    first_seed: int = 100

    def seconds(self, find: Find) -> float:
        """About how long it takes on one core."""
        return 6 + self.episodes * (1.2 if self.method.startswith("decision_transformer") else 0.1)

    def asked(self) -> str:
        """What the policy is told, in words."""
        return f", asked for {self.target_return:.0f}" if self.target_return else ""

    def about(self, find: Find) -> str:
        """One line for `doit list --all`."""
        player = self.checkpoint if self.method == "deterministic" else self.method.replace("_", " ")
        return f"{self.episodes} episodes of {player}{'' if self.trained else ' with first weights'}{self.asked()}"


@dataclass(frozen=True)
class PlannedEvaluation(Evaluation):
    """Episodes whose every action is searched for; the defaults are the published search's (`planning.Search`)."""

    beams: int = 32
    horizon: int = 5
    expansion: int = 2
    context: int = 5
    action_cdf: float = 0.6
    window: str = "growing"  # published: every forward pass cropped to 124 tokens

    def seconds(self, find: Find) -> float:
        """About how long it takes on one core."""
        return 1000 * self.episodes * seconds_of_plan(self)

    def asked(self) -> str:
        """How is searched, in words."""
        return f", {self.beams} beams, {self.horizon} transitions ahead, {self.window} window"


@dataclass(frozen=True)
class Attention(Run):
    """Where a model looks, on fixed contexts, beside an untrained twin."""

    kind: ClassVar[str] = "attention"
    verb: ClassVar[str] = "pipeline.measures.attend"
    also_reads: ClassVar[tuple[str, ...]] = ("checkpoints/contexts/{run.contexts}.safetensors",)
    writes: ClassVar[tuple[str, ...]] = (ARRAYS,)
    cost: ClassVar[float] = 10
    says: ClassVar[str] = "{method}: attention by layer, head and type of token"

    method: str
    checkpoint: str
    contexts: str = "halfcheetah"
    seed: int = 0


@dataclass(frozen=True)
class Latency(Run):
    """Time per action of one episode alone, on one thread."""

    kind: ClassVar[str] = "latency"
    verb: ClassVar[str] = "pipeline.measures.time_actions"
    cost: ClassVar[float] = 8
    says: ClassVar[str] = "{method}: {run.actions} actions of one episode"

    method: str
    checkpoint: str
    target_return: float | None = None
    environment: str = ENVIRONMENT
    actions: int = 500
    warmup_actions: int = 50


@dataclass(frozen=True)
class PlannedLatency(Latency):
    """The same for a policy that searches."""

    actions: int = 100
    warmup_actions: int = 10  # the context fills within the first five
    beams: int = 32
    horizon: int = 5
    context: int = 5
    window: str = "growing"

    def seconds(self, find: Find) -> float:
        """About how long it takes on one core."""
        return 8 + 110 * seconds_of_plan(self)


def seconds_of_plan(run: PlannedEvaluation | PlannedLatency) -> float:
    """About how long one core searches for one action of one of two episodes."""
    return (0.03 + 0.006 * run.beams) * run.horizon / 5 * (2.5 if run.window == "published" else 1)


@dataclass(frozen=True)
class Memory(Run):
    """Bytes that choosing an action takes, as it is timed under the same name."""

    kind: ClassVar[str] = "memory"
    verb: ClassVar[str] = "pipeline.measures.weigh_actions"
    plays: ClassVar[tuple[str, str]] = ("latency", "name")
    cost: ClassVar[float] = 20
    says: ClassVar[str] = "{method}: bytes of weights, of tensors at once, of the cache"

    warmup: int = 6  # actions: the context of a planner fills within five
    moments: int = 3


@dataclass(frozen=True)
class Rollout(Run):
    """One episode kept as simulator states, to be drawn."""

    kind: ClassVar[str] = "rollouts"
    verb: ClassVar[str] = "pipeline.measures.roll_out"
    plays: ClassVar[tuple[str, str]] = ("evaluations", "evaluation")
    writes: ClassVar[tuple[str, ...]] = (ARRAYS,)
    says: ClassVar[str] = "{run.steps} steps of {run.evaluation} from seed {run.seed}"

    evaluation: str  # the policy is that evaluation's
    seed: int = 100
    steps: int = 300

    def seconds(self, find: Find) -> float:
        """About how long it takes on one core."""
        played = self.played(find)
        return 8 + (self.steps * seconds_of_plan(played) if isinstance(played, PlannedEvaluation) else 0)


@dataclass(frozen=True)
class Imagination(Run):
    """Plans made along a rollout, held against what the simulator does under the same actions."""

    kind: ClassVar[str] = "imagination"
    verb: ClassVar[str] = "pipeline.measures.imagine"
    plays: ClassVar[tuple[str, str]] = ("rollouts", "rollout")
    also_reads: ClassVar[tuple[str, ...]] = ("results/rollouts/{run.rollout}.json", "results/rollouts/{run.rollout}.npz")
    writes: ClassVar[tuple[str, ...]] = (ARRAYS,)
    cost: ClassVar[float] = 30
    says: ClassVar[str] = "what {run.rollout} imagines against what the simulator does"

    rollout: str
    first_step: int = 50
    every: int = 4


@dataclass(frozen=True)
class Solving(Run):
    """Held-out episodes of a BabyAI level, in fixed shards; episode i of every run on a level has the same grid.

    For LEAP also how it plans: by which sampler, with how many iterations, how many actions ahead, and whether a plan is
    carried out whole or made anew after every step.
    """

    kind: ClassVar[str] = "solved"
    verb: ClassVar[str] = "pipeline.measures.solve"

    method: str
    level: str  # in `pipeline.worlds.levels`
    checkpoint: str | None = None
    trained: bool = True
    sampler: str = "argmax"  # as in the authors' code; their paper says Gibbs sampling
    iterations: int | None = None  # as the authors on that level, unless given; likewise the plan's length
    horizon: int | None = None
    replan: str = "plan"  # or "step"
    episodes: int = 200
    shard_episodes: int = 50
    first_seed: int = 100

    def inputs(self, find: Find) -> tuple[str, ...]:
        """The checkpoint, and the statistics of demonstrations that the policy is told."""
        told = getattr(self, "demonstrations", None)
        return (*super().inputs(find), *(results("datasets", told) if told else ()))

    def seconds(self, find: Find) -> float:
        """About how long it takes on one core."""
        return self.episodes / 20 * (6 if self.level == "go_to_obj_maze_s7_open" else 1) * (5 if self.replan == "step" else 1)

    def about(self, find: Find) -> str:
        """One line for `doit list --all`."""
        return f"{self.episodes} episodes of {self.level} by {self.checkpoint or 'random actions'}"


@dataclass(frozen=True)
class Refining(Run):
    """What refining does to LEAP's first plan of each held-out episode of a level, and where the model looks meanwhile."""

    kind: ClassVar[str] = "refined"
    verb: ClassVar[str] = "pipeline.measures.refine"
    writes: ClassVar[tuple[str, ...]] = (ARRAYS,)
    cost: ClassVar[float] = 60
    says: ClassVar[str] = "energy and attention of {run.episodes} plans on {run.level}"

    level: str
    checkpoint: str
    method: str = "leap"
    trained: bool = True
    sampler: str = "argmax"  # of the plans whose attention is read
    replan: str = "plan"
    horizon: int | None = None  # as the authors, unless given
    iterations: int = 31  # the filling, then 30 actions chosen again
    episodes: int = 100
    listed: int = 20  # of these, episodes for which all plans are listed, where they can be
    first_seed: int = 100
    seed: int = 0  # of the untrained twin


@dataclass(frozen=True)
class Conditionals(Run):
    """All that LEAP can say of the first plan that a refining shows: each action's distribution, whatever the others are."""

    kind: ClassVar[str] = "conditionals"
    verb: ClassVar[str] = "pipeline.measures.list_conditionals"
    plays: ClassVar[tuple[str, str]] = ("refined", "refining")
    also_reads: ClassVar[tuple[str, ...]] = ("results/refined/{run.refining}.json", "results/refined/{run.refining}.npz")
    writes: ClassVar[tuple[str, ...]] = (ARRAYS,)
    cost: ClassVar[float] = 10
    says: ClassVar[str] = "each action of one plan on {played.level}, given each choice of the others"

    refining: str  # whose model, level and episode these are


@dataclass(frozen=True)
class PlanLatency(Run):
    """Time per plan of one episode alone, on one thread."""

    kind: ClassVar[str] = "latency"
    verb: ClassVar[str] = "pipeline.measures.time_plans"
    cost: ClassVar[float] = 12
    says: ClassVar[str] = "leap: {run.plans} plans on {run.level}"

    level: str
    checkpoint: str
    method: str = "leap"
    trained: bool = True
    sampler: str = "argmax"
    replan: str = "plan"
    horizon: int | None = None
    iterations: int | None = None  # as the authors on that level
    plans: int = 100
    warmup_plans: int = 10
    first_seed: int = 100


@dataclass(frozen=True)
class Walk(Run):
    """One episode of a BabyAI level kept as what was seen and planned, to be drawn."""

    kind: ClassVar[str] = "walks"
    verb: ClassVar[str] = "pipeline.measures.walk"
    plays: ClassVar[tuple[str, str]] = ("solved", "solving")
    writes: ClassVar[tuple[str, ...]] = (ARRAYS,)
    cost: ClassVar[float] = 15
    says: ClassVar[str] = "one episode of {run.solving} from seed {run.seed}"

    solving: str  # the policy is that one's
    seed: int

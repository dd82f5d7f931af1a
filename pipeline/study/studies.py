"""Runs beyond the post's: data that can be steered on, and what learns from them, with controls that could refuse a claim.

What each of them is to decide stands in `docs/predicates.md`. Their evidence is made by verbs of their own, so that what the
post rests on stays as it is.
"""

from __future__ import annotations

from collections.abc import Iterable
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


@dataclass(frozen=True)
class AblatedEvaluation(runs.Evaluation):
    """Episodes of a policy with a part put out of action."""

    ablated: str = "attention"  # or perceptrons, or history


@dataclass(frozen=True)
class ScoredEvaluation(runs.PlannedEvaluation):
    """Episodes whose search scores candidates by rewards and value times these weights."""

    method: str = "trajectory_transformer_scored"
    reward_weight: float = 1.0
    value_weight: float = 1.0


@dataclass(frozen=True)
class AveragedEvaluation(runs.Evaluation):
    """Episodes of a Decision Transformer of which one attention head says the same to every token."""

    layer: int = 0
    head: int = 0
    said: str = "mean"  # its mean output on the contexts; or random, a direction of the same norm
    contexts: str = "halfcheetah"


@dataclass(frozen=True)
class ListenedEvaluation(runs.Evaluation):
    """Episodes of the recorder's mode, moved as its dice fell in episodes of the return that is asked for."""

    listener: str = "local_listener_halfcheetah"


@dataclass(frozen=True)
class DraftedSolving(runs.Solving):
    """Episodes of a level whose plans begin with a draft of some kind and are then swept, every position once a sweep."""

    draft: str = "random"  # in `pipeline.methods.leap.drafts`
    sweeps: int = 1


@dataclass(frozen=True)
class DrawnSolving(runs.Solving):
    """Episodes of a level by actions drawn as often as its demonstrations take them."""

    demonstrations: str = ""


@dataclass(frozen=True)
class Asked:
    """Whether a policy obeys: asked for the return quantiles of the log it learned from, and for more than the log's best."""

    name: str
    evaluations: tuple[str, ...]  # of paired seeds, from the least return asked to the most
    beyond: str | None = None


@dataclass(frozen=True)
class Effect(runs.PairedDifference):
    """A paired difference of scores, judged by the smallest effect of interest."""

    smallest: float = 0.5  # points of normalised score


@dataclass(frozen=True)
class SolvedEffect:
    """How much larger a share of the same episodes of a level one solves than the other, judged likewise."""

    name: str
    one: str  # each a `Solving`
    other: str
    smallest: float = 0.05  # of episodes


@dataclass(frozen=True)
class SlopeDifference:
    """How far one policy obeys more than another, seed by seed."""

    name: str
    one: str  # each an `Asked`
    other: str
    smallest: float = 0.1


@dataclass(frozen=True)
class LoggedReturns:
    """Every return of a dataset whose own evidence keeps but their mean and spread."""

    name: str  # of the dataset


@dataclass(frozen=True)
class Listener:
    """What the returns of a log tell of its recorder's dice."""

    name: str
    data: str


@dataclass(frozen=True)
class AttentionByTraining:
    """Where several trainings of one recipe look, on fixed contexts, each beside an untrained twin."""

    name: str
    method: str
    checkpoints: tuple[str, ...]
    contexts: str = "halfcheetah"


@dataclass(frozen=True)
class HiddenKeys:
    """What it costs trainings of one recipe of the Trajectory Transformer that keys are hidden from their attention."""

    name: str
    checkpoints: tuple[str, ...]
    contexts: str = "halfcheetah"
    method: str = "trajectory_transformer"


@dataclass(frozen=True)
class SwappedReturns:
    """How far a Decision Transformer's actions move when contexts swap returns, at steps of the last episodes of a log."""

    name: str
    checkpoint: str
    control: str  # a training that was told other episodes' returns
    data: str
    steps: tuple[int, ...] = (0, 200, 500)
    contexts: int = 64
    method: str = "decision_transformer"


LONG = LongBehaviour("local_sac_halfcheetah_long")
THROTTLED = ThrottledCollection("local_halfcheetah_throttled", runs.BEHAVIOUR.name)
REPLAY = ReplayCollection("local_halfcheetah_replay", runs.BEHAVIOUR.name)
COLLECTIONS = (THROTTLED, REPLAY)
LOGGED_RETURNS = (LoggedReturns(runs.MEDIUM.name),)

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

LISTENERS = (Listener("local_listener_halfcheetah", runs.MEDIUM.name),)
ATTENTION_BY_TRAINING = (
    AttentionByTraining("local_dt_halfcheetah_short", "decision_transformer", tuple(run.name for run in runs.seeds(_short, 5))),
    AttentionByTraining(
        "local_tt_halfcheetah_short", "trajectory_transformer", tuple(run.name for run in TRAJECTORY_TRANSFORMERS)
    ),
)
HIDDEN_KEYS = (HiddenKeys("local_tt_halfcheetah_short", tuple(run.name for run in TRAJECTORY_TRANSFORMERS)),)
SWAPPED_RETURNS = (
    SwappedReturns(_throttled.name.removesuffix("_short_s0"), _throttled.name, DECISION_TRANSFORMERS[1].name, THROTTLED.name),
)

LOGS = {"throttled": THROTTLED.name, "replay": REPLAY.name}  # by how names end
PERCENTILES = (1, 25, 50, 75, 99)  # of a log's returns, which are asked for
QUANTILES = {  # those returns; a check holds them against the log's evidence
    runs.MEDIUM.name: (4267.2, 4477.6, 4550.0, 4628.7, 4802.0),
    THROTTLED.name: (-6.7, -0.4, 1349.1, 3134.9, 4714.2),
    REPLAY.name: (-252.3, 1135.7, 3113.4, 4065.7, 4575.5),
}
BEYOND = {THROTTLED.name: 9628.6, REPLAY.name: 9476.7}  # twice a log's largest return
_asked = runs.Evaluation("", "decision_transformer", episodes=100, shard_episodes=50, first_seed=200)


def ablated(evaluation: runs.Evaluation, part: str) -> AblatedEvaluation:
    """The same evaluation of a Decision Transformer, with a part put out of action."""
    return AblatedEvaluation(**{**vars(evaluation), "method": "decision_transformer_ablated"}, ablated=part)


def asked(name: str, base: runs.Evaluation, data: str, more: bool = False) -> tuple[tuple[runs.Evaluation, ...], Asked]:
    """Evaluations of a policy that is asked for a log's return quantiles, and for more, and what they are to decide."""
    wanted = {f"{name}_q{percent:02}": target for percent, target in zip(PERCENTILES, QUANTILES[data], strict=True)}
    beyond = {f"{name}_beyond": BEYOND[data]} if more else {}
    every = tuple(replace(base, name=each, target_return=target) for each, target in {**wanted, **beyond}.items())
    return every, Asked(f"{name}_asked", tuple(wanted), next(iter(beyond), None))


def asking() -> Iterable[tuple[tuple[runs.Evaluation, ...], Asked]]:
    """Everything that is asked for returns."""
    for log, data in LOGS.items():
        transformer, perceptron = f"local_dt_halfcheetah_{log}", f"local_rvs_halfcheetah_{log}"
        yield asked(transformer, replace(_asked, checkpoint=f"{transformer}_short_s0"), data, more=True)
        yield asked(perceptron, replace(_asked, method="return_conditioned", checkpoint=f"{perceptron}_s0"), data)
    shuffled, wide = "local_dt_halfcheetah_shuffled", "local_dt_halfcheetah_throttled"
    yield asked(shuffled, replace(_asked, checkpoint=f"{shuffled}_short_s0"), THROTTLED.name)
    # not without attention: then no return reaches an action
    base = ablated(replace(_asked, checkpoint=f"{wide}_short_s0"), "history")
    yield asked(f"{wide}_without_history", base, THROTTLED.name)
    # on the post's own log, and what an ideal listener makes of that
    yield asked("local_dt_halfcheetah_narrow", replace(_asked, checkpoint=runs.DECISION_TRANSFORMER.name), runs.MEDIUM.name)
    ideal = ListenedEvaluation(**{**vars(_asked), "method": "listener", "checkpoint": runs.BEHAVIOUR.name})
    yield asked(LISTENERS[0].name, ideal, runs.MEDIUM.name)


ASKING = tuple(asking())
_intact = replace(
    _asked,
    name="local_dt_halfcheetah_intact",
    checkpoint=runs.DECISION_TRANSFORMER.name,
    target_return=float(runs.HEADLINE_TARGET),
)
ABLATIONS = (
    _intact,
    *(replace(ablated(_intact, part), name=f"local_dt_halfcheetah_without_{part}") for part in ("attention", "perceptrons")),
)
AVERAGED = tuple(
    AveragedEvaluation(
        **{**vars(_intact), "name": f"local_dt_halfcheetah_layer_{layer}_{said}", "method": "decision_transformer_averaged"},
        layer=layer,
        said=said,
    )
    for layer in range(runs.DECISION_TRANSFORMER.layers)
    for said in ("mean", "random")
)
UNASKED = tuple(
    replace(_asked, name=name, method="deterministic", checkpoint=f"{name}_s0")
    for name in (f"local_{kind}_halfcheetah_{log}" for log in LOGS for kind in ("bc", "bc10"))
)
# the search's score taken apart: the post's eight beams in fresh episodes, four of which share a matrix product
_searched = ScoredEvaluation(
    "", checkpoint=runs.TRAJECTORY_TRANSFORMER.name, beams=8, episodes=20, shard_episodes=4, first_seed=200
)
SCORES = {"full": (1.0, 1.0), "rewards": (1.0, 0.0), "value": (0.0, 1.0), "random": (0.0, 0.0)}  # weights of rewards and value
SCORED = tuple(
    replace(_searched, name=f"local_tt_halfcheetah_scored_{name}", reward_weight=rewards, value_weight=value)
    for name, (rewards, value) in SCORES.items()
)
_planned = {run.name: run for run in runs.PLANNED_EVALUATIONS}
UNSEARCHED, ONE_BEAM = (  # the model's likeliest actions; and the better of two drawn, at each of five transitions ahead
    replace(
        _planned[f"local_tt_halfcheetah_{base}"],
        name=f"local_tt_halfcheetah_{name}",
        episodes=20,
        shard_episodes=10,
        first_seed=200,
    )
    for base, name in (("greedy", "unsearched"), ("k1", "one_beam"))
)
CHANCE = replace(_asked, name="local_random_halfcheetah_wide", method="random_actions")  # random play, on the same seeds
EVALUATIONS = (
    *(each for evaluations, _ in ASKING for each in evaluations),
    *ABLATIONS,
    *AVERAGED,
    *UNASKED,
    CHANCE,
    *SCORED,
    UNSEARCHED,
    ONE_BEAM,
)
# LEAP on one level, told the goal, on grids that no other run has
_leap = next(run for run in runs.PUBLISHED_SOLVINGS if run.level == "go_to_local_s8n7")
_fresh = {"level": _leap.level, "first_seed": 1000}
SWEEPS = (0, 1, 4, 8)
DRAFTS = {"random": 400, "masks": 200, "left_to_right": 200}  # episodes
PAIRS = (("random", "masks"), ("random", "left_to_right"), ("masks", "left_to_right"))
DRAFTED = tuple(
    DraftedSolving(
        f"local_leap_drafted_{draft}_{sweeps}",
        "leap_drafts",
        checkpoint=_leap.checkpoint,
        episodes=episodes,
        draft=draft,
        sweeps=sweeps,
        **_fresh,
    )
    for draft, episodes in DRAFTS.items()
    for sweeps in SWEEPS
)
PLANNED = replace(_leap, name="local_leap_fresh", **_fresh)  # as published
DRAWN = DrawnSolving("local_drawn_fresh", "drawn_steps", demonstrations=f"local_bot_{_leap.level}", **_fresh)
WANDERING = runs.Solving("local_random_fresh", "random_steps", **_fresh)
SOLVINGS = (*DRAFTED, PLANNED, DRAWN, WANDERING)

COMPARISONS = (
    *(comparison for _, comparison in ASKING),
    Effect("local_dt_halfcheetah_attention", "local_dt_halfcheetah_without_attention", _intact.name),
    Effect("local_dt_halfcheetah_perceptrons", "local_dt_halfcheetah_without_perceptrons", _intact.name, smallest=5.0),
    *(Effect(f"{run.name}_effect", run.name, _intact.name) for run in AVERAGED),
    *(
        Effect(f"local_asking_over_{rival}", f"local_dt_halfcheetah_{log}_q99", f"local_{rival}")
        for kind in ("bc", "bc10")
        for log, rival in ((log, f"{kind}_halfcheetah_{log}") for log in LOGS)
    ),
    *(
        Effect(f"local_tt_{one}_over_{other}", f"local_tt_halfcheetah_scored_{one}", f"local_tt_halfcheetah_scored_{other}")
        for one, other in (("full", "rewards"), ("full", "value"), ("rewards", "random"), ("value", "random"))
    ),
    *(
        Effect(f"local_tt_random_over_{other}", "local_tt_halfcheetah_scored_random", f"local_tt_halfcheetah_{other}")
        for other in ("unsearched", "one_beam")
    ),
    Effect("local_shuffled_over_random", "local_dt_halfcheetah_shuffled_q99", CHANCE.name),
    *(
        SolvedEffect(
            f"local_leap_random_{one}_over_{other}", f"local_leap_drafted_random_{one}", f"local_leap_drafted_random_{other}"
        )
        for one, other in ((8, 1), (1, 0))
    ),
    *(
        SolvedEffect(
            f"local_leap_{one}_over_{other}_{sweeps}",
            f"local_leap_drafted_{one}_{sweeps}",
            f"local_leap_drafted_{other}_{sweeps}",
        )
        for sweeps in (0, 1, 8)
        for one, other in PAIRS
    ),
    *(SolvedEffect(f"local_leap_over_{rival}_fresh", PLANNED.name, f"local_{rival}_fresh") for rival in ("drawn", "random")),
    *(
        SlopeDifference(f"local_dt_over_rvs_{log}", f"local_dt_halfcheetah_{log}_asked", f"local_rvs_halfcheetah_{log}_asked")
        for log in LOGS
    ),
)
# what a reader sees who asks: how either model runs, whatever it is asked for
DIALED = {
    "narrow": tuple(f"local_dt_halfcheetah_{target}" for target in runs.TARGETS),
    "wide": tuple(each.name for each in ASKING[0][0]),
}  # evaluations by the log that the model learned from, from the least return asked to the most
ROLLOUTS = tuple(
    runs.Rollout(name, name, seed=100 if log == "narrow" else _asked.first_seed, steps=120)  # 6 s; the first episode played
    for log, names in DIALED.items()
    for name in names
    if name not in {run.name for run in runs.ROLLOUTS}
)
FIGURES = (
    runs.Figure(
        "dt_return_asked_wide",
        (
            *(f"datasets/{data}" for data in LOGS.values()),
            *(
                f"evaluations/local_dt_halfcheetah_{told}_q{percent:02}"
                for told in (*LOGS, "shuffled")
                for percent in PERCENTILES
            ),
        ),
    ),
    runs.Figure("tt_hidden_keys", tuple(f"hidden_keys/{run.name}" for run in HIDDEN_KEYS)),
    runs.Figure("tt_scored", tuple(f"evaluations/{run.name}" for run in (*SCORED, UNSEARCHED, ONE_BEAM))),
    runs.Figure("leap_drafts", tuple(f"solved/{run.name}" for run in (*DRAFTED, DRAWN))),
)
BROWSER_EVALUATIONS = (
    runs.BrowserEvaluation("local_dt_halfcheetah_throttled_q50", "wide_1349"),
    runs.BrowserEvaluation("local_dt_halfcheetah_throttled_q99", "wide_4714"),
)

"""Runs beyond the post's: data that can be steered on, and what learns from them, with controls that could refuse a claim.

What each of them is to decide stands in `docs/predicates.md`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from pipeline.methods.soft_actor_critic.settings import LongBehavior
from pipeline.study import runs
from pipeline.study.comparisons import Asked, Effect, FurtherEffect, SlopeDifference, SolvedEffect
from pipeline.study.controls import (
    AblatedEvaluation,
    CriticTraining,
    DraftedSolving,
    DrawnSolving,
    HalvedCloning,
    HalvedDecisionTransformer,
    HalvedTrajectoryTransformer,
    ReplayCollection,
    ScoredEvaluation,
    ShuffledTraining,
    SteadyTraining,
    ThrottledCollection,
    ValuedEvaluation,
)
from pipeline.study.interventions import (
    AttentionByTraining,
    AveragedEvaluation,
    HiddenKeys,
    ListenedEvaluation,
    Listener,
    SwappedReturns,
)
from pipeline.study.searches import RevisedEvaluation, RevisedLatency
from pipeline.study.trainings import LoggedReturns

LONG = LongBehavior("local_sac_halfcheetah_long")
THROTTLED = ThrottledCollection("local_halfcheetah_throttled", runs.BEHAVIOR.name)
REPLAY = ReplayCollection("local_halfcheetah_replay", runs.BEHAVIOR.name)
AGAIN = runs.Collection(
    "local_halfcheetah_again", runs.BEHAVIOR.name, first_seed=8_000_000, contexts_name="halfcheetah_again", contexts=1
)  # as many episodes of the recorder as the post's log has, of other seeds
COLLECTIONS = (THROTTLED, REPLAY, AGAIN)
LOGGED_RETURNS = (LoggedReturns(runs.MEDIUM.name),)

_short = HalvedDecisionTransformer(**vars(runs.SHORT_DECISION_TRANSFORMER))
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
    for data in (THROTTLED, REPLAY)
    for base in (
        *(HalvedCloning(**vars(run)) for run in (runs.BEHAVIOR_CLONING, runs.BEST_TENTH_CLONING)),
        replace(
            HalvedCloning(**vars(runs.BEHAVIOR_CLONING)), name="local_rvs_halfcheetah_s0", method="return_conditioned_cloning"
        ),
    )
)
# the recipe of the post's, less what that one was trained further
TRAJECTORY_TRANSFORMERS = runs.seeds(
    replace(HalvedTrajectoryTransformer(**vars(runs.TRAJECTORY_TRANSFORMER)), name="local_tt_halfcheetah_short_s0"), 3
)
CRITIC = CriticTraining("local_critics_halfcheetah", AGAIN.name)
ACTOR = replace(
    runs.TD3_BC, name="local_td3bc_halfcheetah_again", data=AGAIN.name, updates=CRITIC.updates
)  # the same training's
TRAININGS = (*DECISION_TRANSFORMERS, *CLONINGS, *TRAJECTORY_TRANSFORMERS, CRITIC, ACTOR)

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
    ideal = ListenedEvaluation(**{**vars(_asked), "method": "listener", "checkpoint": runs.BEHAVIOR.name})
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
_fresh_plans = {"checkpoint": runs.TRAJECTORY_TRANSFORMER.name, "episodes": 20, "shard_episodes": 4, "first_seed": 200}
_searched = ScoredEvaluation("", beams=8, **_fresh_plans)
SCORES = {"full": (1.0, 1.0), "rewards": (1.0, 0.0), "value": (0.0, 1.0), "random": (0.0, 0.0)}  # weights of rewards and value
SCORED = tuple(
    replace(_searched, name=f"local_tt_halfcheetah_scored_{name}", reward_weight=rewards, value_weight=value)
    for name, (rewards, value) in SCORES.items()
)
# and a critic asked in the place of the value token
VALUED = ValuedEvaluation("local_tt_halfcheetah_scored_critic", critic=CRITIC.name, beams=_searched.beams, **_fresh_plans)
ACTED = replace(_asked, name=ACTOR.name, method="deterministic", checkpoint=ACTOR.name, episodes=VALUED.episodes)
# the search itself varied over the same model, score and seeds; a beam of eight reads what eleven plans do
_revised = RevisedEvaluation("", **_fresh_plans)
SEARCHES = (
    *(replace(_revised, name=f"local_tt_halfcheetah_shooting_{plans}", beams=plans) for plans in (6, 11, 41)),
    *(replace(_revised, name=f"local_tt_halfcheetah_revised_{sweeps}", sweeps=sweeps) for sweeps in (1, 2, 8)),
    replace(_revised, name="local_tt_halfcheetah_likeliest_11", beams=11, ranked="likelihood"),
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
# differences of rows that ask for likeness, and of their controls, went on to as many seeds as half a point of score takes
WENT_ON = {
    "full_over_value": ("scored_full", "scored_value"),
    "revised_2_over_scored_full": ("revised_2", "scored_full"),
    "shooting_11_over_scored_full": ("shooting_11", "scored_full"),
    "likeliest_11_over_unsearched": ("likeliest_11", "unsearched"),
    "shooting_11_over_unsearched": ("shooting_11", "unsearched"),
}
FURTHER = tuple(
    replace(run, name=f"{run.name}_further", first_seed=220, episodes=48)
    for run in (*SCORED, *SEARCHES, UNSEARCHED)
    if any(run.name.endswith(f"_halfcheetah_{each}") for pair in WENT_ON.values() for each in pair)
)
CHANCE = replace(_asked, name="local_random_halfcheetah_wide", method="random_actions")  # random play, on the same seeds
EVALUATIONS = (
    *(each for evaluations, _ in ASKING for each in evaluations),
    *ABLATIONS,
    *AVERAGED,
    *UNASKED,
    CHANCE,
    *SCORED,
    *FURTHER,
    VALUED,
    ACTED,
    UNSEARCHED,
    ONE_BEAM,
    *SEARCHES,
)
_timed = {"method": "trajectory_transformer", "checkpoint": runs.TRAJECTORY_TRANSFORMER.name}
_timed_whole = {**_timed, "method": RevisedEvaluation.method}  # plans that are drawn whole
LATENCIES = (  # of the searches that are held against one another, all on one machine
    runs.PlannedLatency("local_tt_halfcheetah_unsearched", **_timed, beams=1, horizon=1),
    runs.PlannedLatency("local_tt_halfcheetah_scored_full", **_timed, beams=8),
    *(RevisedLatency(f"local_tt_halfcheetah_shooting_{plans}", **_timed_whole, beams=plans) for plans in (6, 11, 41)),
    RevisedLatency("local_tt_halfcheetah_likeliest_11", **_timed_whole, beams=11, ranked="likelihood"),
    *(RevisedLatency(f"local_tt_halfcheetah_revised_{sweeps}", **_timed_whole, sweeps=sweeps) for sweeps in (1, 2, 8)),
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
        for one, other in (
            ("full", "rewards"),
            ("rewards", "random"),
            ("value", "random"),
            ("critic", "full"),
            ("critic", "rewards"),
        )
    ),
    Effect("local_tt_critic_over_actor", VALUED.name, ACTED.name),
    Effect("local_actor_over_unsearched", ACTED.name, UNSEARCHED.name),
    *(
        FurtherEffect(
            f"local_tt_{name}",
            f"local_tt_halfcheetah_{one}",
            f"local_tt_halfcheetah_{other}",
            further_one=f"local_tt_halfcheetah_{one}_further",
            further_other=f"local_tt_halfcheetah_{other}_further",
        )
        for name, (one, other) in WENT_ON.items()
    ),
    *(
        Effect(f"local_tt_random_over_{other}", "local_tt_halfcheetah_scored_random", f"local_tt_halfcheetah_{other}")
        for other in ("unsearched", "one_beam")
    ),
    *(
        Effect(f"local_tt_{one}_over_{other}", f"local_tt_halfcheetah_{one}", f"local_tt_halfcheetah_{other}")
        for one, other in (
            ("revised_8", "revised_1"),
            ("shooting_41", "shooting_6"),
        )
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
    runs.Figure(
        "tt_searches",
        tuple(f"{kind}/{run.name}" for run in LATENCIES for kind in ("evaluations", "latency")),
    ),
    runs.Figure("tt_scored", tuple(f"evaluations/{run.name}" for run in (*SCORED, VALUED, ACTED, UNSEARCHED, ONE_BEAM))),
    runs.Figure("leap_drafts", tuple(f"solved/{run.name}" for run in (*DRAFTED, DRAWN))),
)
BROWSER_EVALUATIONS = (
    runs.BrowserEvaluation("local_dt_halfcheetah_throttled_q50", "wide_1349"),
    runs.BrowserEvaluation("local_dt_halfcheetah_throttled_q99", "wide_4714"),
)

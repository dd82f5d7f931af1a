"""The runs on HalfCheetah: what is collected, trained, played and looked at. Change a line here and see what moves.

A run's name, `source_method_environment_variant`, is the name of its evidence, its task and its row. A variant is a
`replace(base, ...)` with its reason beside it.
"""

from __future__ import annotations

from dataclasses import replace

from pipeline.methods.behaviour_cloning.settings import BehaviorCloningTraining
from pipeline.methods.decision_transformer.settings import DecisionTransformerTraining
from pipeline.methods.soft_actor_critic.settings import Behavior
from pipeline.methods.td3_bc.settings import TD3BCTraining
from pipeline.methods.trajectory_transformer.settings import TrajectoryTransformerTraining
from pipeline.study.comparisons import Difference, PairedDifference, Pool, Slope
from pipeline.study.measurements import Attention, Evaluation, Imagination, Latency, PlannedEvaluation, PlannedLatency, Rollout
from pipeline.study.pictures import Animation, BrowserEvaluation, Figure
from pipeline.study.run import seeds
from pipeline.study.trainings import Collection

BEHAVIOR = Behavior("local_sac_halfcheetah_medium")
MEDIUM = Collection("local_halfcheetah_medium", BEHAVIOR.name)
DECISION_TRANSFORMER = DecisionTransformerTraining("local_dt_halfcheetah", MEDIUM.name)
BEHAVIOR_CLONING = BehaviorCloningTraining("local_bc_halfcheetah_s0", MEDIUM.name)
# what return conditioning must beat
BEST_TENTH_CLONING = replace(BEHAVIOR_CLONING, name="local_bc10_halfcheetah_s0", best_fraction=0.1)
TRAJECTORY_TRANSFORMER = TrajectoryTransformerTraining("local_tt_halfcheetah", MEDIUM.name)
TRAJECTORY_TRAININGS = (TRAJECTORY_TRANSFORMER,)
TD3_BC = TD3BCTraining("local_td3bc_halfcheetah_s0", MEDIUM.name)
# a fifth of the updates, so that three seeds fit a CPU; the rate decays to its tenth within them
SHORT_DECISION_TRANSFORMER = replace(
    DECISION_TRANSFORMER, name="local_dt_halfcheetah_short_s0", updates=2000, warmup_updates=100
)
BEHAVIOR_CLONINGS = seeds(BEHAVIOR_CLONING, 5)
BEST_TENTH_CLONINGS = seeds(BEST_TENTH_CLONING, 5)
SHORT_DECISION_TRANSFORMERS = seeds(SHORT_DECISION_TRANSFORMER, 3)
VALUE_TRAININGS = seeds(TD3_BC, 3)
TRAININGS = (DECISION_TRANSFORMER, *BEHAVIOR_CLONINGS, *BEST_TENTH_CLONINGS, *SHORT_DECISION_TRANSFORMERS)
POOLS = tuple(
    Pool(family[0].name.removesuffix("_s0"), tuple(run.name for run in family))
    for family in (BEHAVIOR_CLONINGS, BEST_TENTH_CLONINGS, VALUE_TRAININGS, SHORT_DECISION_TRANSFORMERS)
)
# 6000 and 12000 are the authors' targets on HalfCheetah; 3600 is Hopper's, often used here too; the others show the curve.
TARGETS = (1200, 2400, 3600, 4800, 6000, 9000, 12_000)
HEADLINE_TARGET = 6000

HEADLINE = Evaluation("local_dt_halfcheetah_6000", "decision_transformer", DECISION_TRANSFORMER.name, float(HEADLINE_TARGET))
EVALUATIONS = (
    Evaluation("local_random_halfcheetah", "random_actions"),
    Evaluation("local_behaviour_halfcheetah", "behaviour", BEHAVIOR.name),
    # the control for what students gain by not rolling dice
    Evaluation("local_behaviour_halfcheetah_mode", "behaviour_mode", BEHAVIOR.name),
    replace(HEADLINE, name="local_dt_halfcheetah_untrained", trained=False),  # the negative control: same model, first weights
    *(replace(HEADLINE, name=f"local_dt_halfcheetah_{target}", target_return=float(target)) for target in TARGETS),
    *(Evaluation(run.name, "deterministic", run.name) for run in BEHAVIOR_CLONINGS + BEST_TENTH_CLONINGS + VALUE_TRAININGS),
    *(replace(HEADLINE, name=run.name, checkpoint=run.name) for run in SHORT_DECISION_TRANSFORMERS),
)
# 12 episodes where the claim is, 4 along the way
BEAMS = {1: 12, 2: 4, 4: 4, 8: 4, 16: 4, 32: 12}
WIDEST_SEARCH = PlannedEvaluation(
    "local_tt_halfcheetah_k32", "trajectory_transformer", TRAJECTORY_TRANSFORMER.name, episodes=12, shard_episodes=2
)
EIGHT_BEAMS = replace(WIDEST_SEARCH, name="local_tt_halfcheetah_k8", beams=8, episodes=4)
PLANNED_EVALUATIONS = (
    *(
        replace(WIDEST_SEARCH, name=f"local_tt_halfcheetah_k{beams}", beams=beams, episodes=count)
        for beams, count in BEAMS.items()
    ),
    *(replace(EIGHT_BEAMS, name=f"{EIGHT_BEAMS.name}_h{horizon}", horizon=horizon) for horizon in (1, 3)),
    replace(EIGHT_BEAMS, name=f"{EIGHT_BEAMS.name}_published", window="published"),  # what moving the window costs
    # the controls for what choosing adds: the likeliest action, and one drawn as the data's was, neither held against others
    replace(WIDEST_SEARCH, name="local_tt_halfcheetah_greedy", beams=1, expansion=1, horizon=1, action_cdf=1.0),
    replace(EIGHT_BEAMS, name="local_tt_halfcheetah_sampled", beams=1, expansion=1, horizon=1, action_cdf=0.0),
    # ten transitions ahead do not fit the growing window beside five of context; one shard, for it takes ten minutes
    replace(EIGHT_BEAMS, name=f"{EIGHT_BEAMS.name}_h10_published", horizon=10, window="published", episodes=2),
    replace(EIGHT_BEAMS, name="local_tt_halfcheetah_untrained", beams=1, trained=False),  # the negative control
)
EVALUATIONS += PLANNED_EVALUATIONS
COMPARISONS = (
    PairedDifference("local_tt_k32_over_k1_halfcheetah", "local_tt_halfcheetah_k32", "local_tt_halfcheetah_k1"),
    PairedDifference("local_tt_k32_over_greedy_halfcheetah", "local_tt_halfcheetah_k32", "local_tt_halfcheetah_greedy"),
    PairedDifference("local_tt_k32_over_dt_halfcheetah", "local_tt_halfcheetah_k32", HEADLINE.name),
    PairedDifference("local_tt_h5_over_h1_halfcheetah", EIGHT_BEAMS.name, f"{EIGHT_BEAMS.name}_h1"),
    PairedDifference("local_tt_published_over_growing_halfcheetah", f"{EIGHT_BEAMS.name}_published", EIGHT_BEAMS.name),
    Slope("local_dt_halfcheetah_obedience", tuple(f"local_dt_halfcheetah_{target}" for target in TARGETS), reach=4800.0),
    Difference("local_td3bc_over_bc_halfcheetah", "local_td3bc_halfcheetah", "local_bc_halfcheetah"),
)
ATTENTIONS = (
    Attention("local_dt_halfcheetah", "decision_transformer", DECISION_TRANSFORMER.name),
    Attention("local_tt_halfcheetah", "trajectory_transformer", TRAJECTORY_TRANSFORMER.name),
)
LATENCIES = (
    Latency("local_dt_halfcheetah", "decision_transformer", DECISION_TRANSFORMER.name, float(HEADLINE_TARGET)),
    Latency(BEHAVIOR_CLONING.name, "deterministic", BEHAVIOR_CLONING.name),
    Latency(TD3_BC.name, "deterministic", TD3_BC.name),  # a small multilayer perceptron: what an action costs at least
    *(
        PlannedLatency(f"local_tt_halfcheetah_k{beams}", "trajectory_transformer", TRAJECTORY_TRANSFORMER.name, beams=beams)
        for beams in BEAMS
    ),
    PlannedLatency(
        f"{EIGHT_BEAMS.name}_published", "trajectory_transformer", TRAJECTORY_TRANSFORMER.name, beams=8, window="published"
    ),
)
RUNNERS = ("local_random_halfcheetah", "local_behaviour_halfcheetah", HEADLINE.name)
ROLLOUTS = tuple(Rollout(name, name) for name in (*RUNNERS, WIDEST_SEARCH.name, TD3_BC.name))
IMAGINATIONS = (Imagination(WIDEST_SEARCH.name, WIDEST_SEARCH.name),)
ANIMATIONS = (
    Animation(
        "half_cheetah",
        RUNNERS,
        ("random torques", "behavior policy", "Decision Transformer"),
        first_step=47,
    ),
    Animation(
        "tt_half_cheetah",
        (HEADLINE.name, WIDEST_SEARCH.name, TD3_BC.name),
        ("Decision Transformer", "Trajectory Transformer", "TD3+BC"),
        first_step=165,
        height=128,
    ),
    Animation("halfcheetah", (HEADLINE.name,), first_step=150, frames=1, width=960, height=540),
)
BROWSER_EVALUATIONS = (
    BrowserEvaluation(HEADLINE.name, "dt_6000"),
    BrowserEvaluation("local_dt_halfcheetah_12000", "dt_12000"),
    BrowserEvaluation(BEHAVIOR_CLONING.name, "bc"),
    BrowserEvaluation(TD3_BC.name, "td3bc"),
    BrowserEvaluation("local_tt_halfcheetah_greedy", "tt_greedy"),
    BrowserEvaluation("local_tt_halfcheetah_k1", "tt_1"),
)
FIGURES = (
    Figure(
        "card",
        (
            *(
                f"evaluations/{name}"
                for name in (
                    "local_random_halfcheetah",
                    "local_behaviour_halfcheetah",
                    HEADLINE.name,
                    WIDEST_SEARCH.name,
                )
            ),
            "pooled/local_bc_halfcheetah",
            "pooled/local_td3bc_halfcheetah",
            *(f"rollouts/{name}" for name in (HEADLINE.name, WIDEST_SEARCH.name, TD3_BC.name)),
        ),
        "png",
        phone=False,
    ),
    Figure("RL"),
    Figure("methods"),
    Figure("stitching"),
    Figure("halfcheetah_parts", (f"rollouts/{HEADLINE.name}",)),
    Figure(
        "scores",
        (
            "pooled/local_td3bc_halfcheetah",
            *(f"evaluations/{name}" for name in (WIDEST_SEARCH.name, "local_tt_halfcheetah_k1", "local_tt_halfcheetah_greedy")),
            "pooled/local_bc10_halfcheetah",
            "pooled/local_bc_halfcheetah",
            "evaluations/local_behaviour_halfcheetah_mode",
            f"evaluations/{HEADLINE.name}",
            "pooled/local_dt_halfcheetah_short",
            "evaluations/local_behaviour_halfcheetah",
        ),
    ),
    Figure("wheel", (f"rollouts/{HEADLINE.name}",)),
    Figure("dt_tokens"),
    Figure(
        "dt_return_asked_got",
        ("datasets/local_halfcheetah_medium", *(f"evaluations/local_dt_halfcheetah_{target}" for target in TARGETS)),
    ),
    Figure("dt_last_layer_attention_map", ("attention/local_dt_halfcheetah",), pixels=True),
    Figure("stripes_attention_map", ("attention/local_dt_halfcheetah",), pixels=True),
    Figure("dt_return_share", ("attention/local_dt_halfcheetah",)),
    Figure("loss_dt", ("training/local_dt_halfcheetah",)),
    Figure("loss_tt", ("training/local_tt_halfcheetah",)),
    Figure("tt_imagination", (f"imagination/{WIDEST_SEARCH.name}",)),
    Figure(
        "tt_beams",
        (
            "datasets/local_halfcheetah_medium",
            f"evaluations/{HEADLINE.name}",
            *(f"{kind}/local_tt_halfcheetah_k{beams}" for kind in ("evaluations", "latency") for beams in BEAMS),
        ),
    ),
    Figure("tt_last_layer_attention_map", ("attention/local_tt_halfcheetah",), pixels=True),
    Figure("tt_patterns", ("attention/local_tt_halfcheetah",)),
)

"""Every run of the post: what is collected, trained, played and looked at. Change a line here and see what moves.

A run is a frozen dataclass; its name, `source_method_environment_variant`, is the name of its evidence, its task and its
row. A variant is a `replace(base, ...)` with its reason beside it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

ENVIRONMENT = "HalfCheetah-v4"  # in `pipeline.worlds.world`, as all that is played
ON = "_on_"  # parts a run's name from the dataset that it, or its checkpoint, learned from in place of its own (`--data`)
FURTHER = "further_"  # begins the names of what a training is told when it goes on with a checkpoint


@dataclass(frozen=True)
class Behaviour:
    """Soft actor-critic stopped early. Returns are undiscounted sums over an episode."""

    name: str
    environment: str = ENVIRONMENT
    hidden_sizes: tuple[int, ...] = (256, 256)
    learning_rate: float = 3e-4
    batch_size: int = 256
    random_steps: int = 1000  # uniform actions at the beginning: one episode
    interval_steps: int = 2000
    maximum_steps: int = 200_000
    evaluation_episodes: int = 20
    target_return: float = 4770.0  # the mean of D4RL's halfcheetah-medium-v2
    tolerance: float = 250.0
    seed: int = 0


@dataclass(frozen=True)
class Collection:
    """A dataset: episodes of one policy, played in shards."""

    name: str
    behaviour: str
    environment: str = ENVIRONMENT
    episodes: int = 1000
    shard_episodes: int = 50
    first_seed: int = 1_000_000  # apart from evaluation's seeds
    contexts_name: str = "halfcheetah"
    contexts: int = 64
    context_length: int = 20
    contexts_from_last: int = 64  # one context an episode; training holds out the last 50 of these
    contexts_seed: int = 0


@dataclass(frozen=True)
class DecisionTransformerTraining:
    """The published recipe (kzl/decision-transformer:gym/experiment.py), scaled to a CPU where the comment says so."""

    name: str
    data: str
    method: str = "decision_transformer"
    context_length: int = 20
    hidden_size: int = 128
    layers: int = 3
    heads: int = 1
    dropout: float = 0.1
    return_scale: float = 1000.0
    batch_size: int = 64
    updates: int = 10_000  # published 100,000; about 45 minutes on one core
    warmup_updates: int = 500  # published 10,000
    learning_rate: float = 6e-4  # published 1e-4, constant; a shorter run wants a higher rate and a decay
    betas: tuple[float, float] = (0.9, 0.999)
    weight_decay: float = 1e-4
    gradient_clip: float = 0.25
    held_out_episodes: int = 50
    interval_updates: int = 250
    seed: int = 0


@dataclass(frozen=True)
class TrajectoryTransformerTraining:
    """The published architecture and loss (jannerm/trajectory-transformer:config/offline.py), trained as long as a CPU can."""

    name: str
    data: str
    method: str = "trajectory_transformer"
    bins: int = 100  # quantiles of each dimension
    transitions: int = 10  # of a window: 249 tokens
    layers: int = 4
    heads: int = 4
    width: int = 128
    dropout: float = 0.0  # published 0.1, which halves the speed; held-out losses still fall
    action_weight: float = 5.0
    batch_size: int = 32  # published 256; small budgets want many small steps
    updates: int = 9_600  # published about 195,000, eight times as large; 76 million tokens
    warmup_updates: int = 200
    learning_rate: float = 5e-3  # published 6e-4
    betas: tuple[float, float] = (0.9, 0.95)  # of AdamW, which trains what is not a map of a block; Muon trains those
    weight_decay: float = 0.1
    gradient_clip: float = 1.0
    precision: str = "bfloat16"  # of matrix products while training; weights stay in float32
    held_out_episodes: int = 50
    interval_updates: int = 200
    # with `--from`; at the first rate, losses were back where they had been after 8,200 of 9,600 updates
    further_updates: int = 5_000
    further_learning_rate: float = 7.5e-4
    seed: int = 0


@dataclass(frozen=True)
class PublishedCheckpoint:
    """A checkpoint on the Hugging Face hub; `hub.lock` says at which commit and with which bytes."""

    name: str
    repository: str
    method: str
    files: tuple[str, ...] = ("config.json", "pytorch_model.bin")
    trained_on: str = "D4RL's halfcheetah-medium-v2"
    recorded_in: str = "HalfCheetah-v2"


@dataclass(frozen=True)
class PublishedDecisionTransformer(PublishedCheckpoint):
    """What the published Decision Transformer's files leave out.

    The context's length was the default of old versions of transformers; the return's scale and the state's statistics stand
    on the model's card.
    """

    method: str = "decision_transformer"
    context_length: int = 20
    return_scale: float = 1000.0
    observation_mean: tuple[float, ...] = (
        -0.06845774, 0.01641455, -0.18354906, -0.27624607, -0.34061527, -0.09339716, -0.21321271, -0.08774239, 5.1730075,
        -0.04275195, -0.03610836, 0.14053793, 0.06049833, 0.09550975, 0.067391, 0.00562739, 0.01338279,
    )  # fmt: skip
    observation_std: tuple[float, ...] = (
        0.07472999, 0.30234998, 0.3020731, 0.34417078, 0.17619242, 0.5072056, 0.25670078, 0.32948127, 1.2574149,
        0.7600542, 1.9800916, 6.5653625, 7.4663677, 4.472223, 10.566964, 5.6719327, 7.498259,
    )  # fmt: skip


@dataclass(frozen=True)
class PublishedTrajectoryTransformer(PublishedCheckpoint):
    """What the published Trajectory Transformer's files leave out: the thresholds of its bins, made from a dataset."""

    method: str = "trajectory_transformer"
    data: str = "d4rl_halfcheetah_medium_v2"


@dataclass(frozen=True)
class KnownReturns:
    """What is known of a dataset before it is first seen: how many episodes, and their undiscounted returns."""

    episodes: int
    mean: float
    sd: float
    minimum: float


@dataclass(frozen=True)
class PublishedDataset:
    """A dataset that others collected, in D4RL's layout; `hub.lock` says with which bytes."""

    name: str
    address: str
    environment: str = "HalfCheetah-v2"
    known: KnownReturns | None = None  # the address is plain http, so it is held to this before its sum is recorded


@dataclass(frozen=True)
class MinariDataset:
    """A dataset of Minari's, by its identifier there; `hub.lock` says with which bytes."""

    name: str
    identifier: str
    environment: str = "HalfCheetah-v5"


@dataclass(frozen=True)
class BehaviourCloningTraining:
    """Imitation by a multilayer perceptron; `best_fraction` 0.1 makes it 10 %-BC."""

    name: str
    data: str
    method: str = "behaviour_cloning"
    best_fraction: float = 1.0  # of the episodes, by return
    hidden_sizes: tuple[int, ...] = (256, 256)
    batch_size: int = 256
    updates: int = 20_000  # the held-out loss has settled by then
    warmup_updates: int = 0
    learning_rate: float = 1e-3  # with a decay; customary is 3e-4, constant, for 50 times as many updates
    betas: tuple[float, float] = (0.9, 0.999)
    weight_decay: float = 1e-4
    gradient_clip: float = 1.0
    held_out_episodes: int = 50
    interval_updates: int = 1000
    seed: int = 0  # of first weights and batches


@dataclass(frozen=True)
class TD3BCTraining:
    """TD3+BC with its published settings (Fujimoto & Gu 2021, arXiv 2106.06860; sfujim/TD3_BC:main.py), but shorter."""

    name: str
    data: str
    method: str = "td3_bc"
    alpha: float = 2.5  # weight of the value beside imitation
    discount: float = 0.99
    target_rate: float = 0.005
    policy_noise: float = 0.2
    noise_clip: float = 0.5
    policy_delay: int = 2
    hidden_sizes: tuple[int, ...] = (256, 256)
    batch_size: int = 256
    updates: int = 60_000  # published 1,000,000
    learning_rate: float = 3e-4
    held_out_episodes: int = 50
    interval_updates: int = 2000
    seed: int = 0  # of first weights, batches and noise


@dataclass(frozen=True)
class Evaluation:
    """Whole episodes played by one policy, in fixed shards; episode i of every run has the same seed."""

    name: str
    method: str
    checkpoint: str | None = None
    target_return: float | None = None
    trained: bool = True
    environment: str = ENVIRONMENT
    episodes: int = 10
    shard_episodes: int = 5
    first_seed: int = 100


@dataclass(frozen=True)
class PlannedEvaluation(Evaluation):
    """Episodes whose every action is searched for; the defaults are the published search's (`planning.Search`)."""

    beams: int = 32
    horizon: int = 5
    expansion: int = 2
    context: int = 5
    action_cdf: float = 0.6
    window: str = "growing"  # published: every forward pass cropped to 124 tokens


@dataclass(frozen=True)
class Pool:
    """Evaluations of one recipe trained with several seeds, taken together."""

    name: str
    members: tuple[str, ...]  # evaluations, one a seed


@dataclass(frozen=True)
class Slope:
    """How far the return got follows the return asked, over evaluations with paired seeds."""

    name: str
    evaluations: tuple[str, ...]
    reach: float  # targets up to here lie within what the data show


@dataclass(frozen=True)
class Difference:
    """How far one pooled method scores above another."""

    name: str
    one: str
    other: str


@dataclass(frozen=True)
class PairedDifference:
    """How far one policy's returns lie above another's in episodes of the same seeds."""

    name: str
    one: str  # evaluations, of which the seeds that both played count
    other: str


@dataclass(frozen=True)
class Attention:
    """Where a model looks, on fixed contexts, beside an untrained twin."""

    name: str
    method: str
    checkpoint: str
    contexts: str = "halfcheetah"
    seed: int = 0


@dataclass(frozen=True)
class Latency:
    """Time per action of one episode alone, on one thread."""

    name: str
    method: str
    checkpoint: str
    target_return: float | None = None
    environment: str = ENVIRONMENT
    actions: int = 500
    warmup_actions: int = 50


@dataclass(frozen=True)
class Memory:
    """Bytes that choosing an action takes, as it is timed under the same name."""

    name: str
    warmup: int = 6  # actions: the context of a planner fills within five
    moments: int = 3


@dataclass(frozen=True)
class PlannedLatency(Latency):
    """The same for a policy that searches."""

    actions: int = 100
    warmup_actions: int = 10  # the context fills within the first five
    beams: int = 32
    horizon: int = 5
    context: int = 5
    window: str = "growing"


@dataclass(frozen=True)
class Imagination:
    """Plans made along a rollout, held against what the simulator does under the same actions."""

    name: str
    rollout: str
    first_step: int = 50
    every: int = 4


@dataclass(frozen=True)
class Rollout:
    """One episode kept as simulator states, to be drawn."""

    name: str
    evaluation: str  # the policy is that evaluation's
    seed: int = 100
    steps: int = 300


@dataclass(frozen=True)
class Animation:
    """Rollouts drawn by the simulator, one above the other; one frame makes a still picture. Played at the world's
    control rate.
    """

    name: str
    rollouts: tuple[str, ...]
    labels: tuple[str, ...] = ()
    first_step: int = 100  # at running speed; of a film what `pipeline.show.windows.fairest` chooses
    frames: int = 80  # 4 s: motion beyond 5 s would need controls (WCAG 2.2.2)
    width: int = 460
    height: int = 144


@dataclass(frozen=True)
class Demonstration:
    """Episodes of one BabyAI level solved by BabyAI's bot, in shards; LEAP's authors had 500 a level."""

    name: str
    level: str  # in `pipeline.worlds.levels`
    episodes: int = 550  # 500 to learn from; the last 50 are for training to hold out
    shard_episodes: int = 50
    first_seed: int = 1_000_000  # apart from evaluation's seeds


@dataclass(frozen=True)
class LeapTraining:
    """One model for all levels, by the full pseudo-likelihood, with the published settings where no comment says otherwise
    (hychen-naza/LEAP:run_leap.py, mingpt/trainer_babyai.py); or a rival on the same demonstrations.
    """

    name: str
    data: tuple[str, ...]  # demonstrations, one a level; the authors train one model a level
    method: str = "leap"  # its model; grid_cloning is a rival
    with_goal: bool = True  # whether the goal's coordinates are seen, which only an oracle can tell
    causal: bool = False  # whether the future is hidden, which makes a Decision Transformer without returns of it
    hidden_size: int = 128
    layers: int = 3
    heads: int = 4
    channels: int = 64
    dropout: float = 0.1
    batch_size: int = 64
    updates: int = 5000  # 320,000 windows; published 100,000 for each of six models
    warmup_updates: int = 100
    learning_rate: float = 1e-3  # published 6e-4; a shorter run wants a higher rate
    betas: tuple[float, float] = (0.9, 0.95)
    weight_decay: float = 0.1  # of all weights; published of matrices alone
    gradient_clip: float = 1.0
    held_out_episodes: int = 50  # of each level
    interval_updates: int = 500
    seed: int = 0


@dataclass(frozen=True)
class Solving:
    """Held-out episodes of a BabyAI level, in fixed shards; episode i of every run on a level has the same grid.

    For LEAP also how it plans: by which sampler, with how many iterations, how many actions ahead, and whether a plan is
    carried out whole or made anew after every step.
    """

    name: str
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


@dataclass(frozen=True)
class Refining:
    """What refining does to LEAP's first plan of each held-out episode of a level, and where the model looks meanwhile."""

    name: str
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
class Conditionals:
    """All that LEAP can say of the first plan that a refining shows: each action's distribution, whatever the others are."""

    name: str
    refining: str  # whose model, level and episode these are


@dataclass(frozen=True)
class PlanLatency:
    """Time per plan of one episode alone, on one thread."""

    name: str
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
class Walk:
    """One episode of a BabyAI level kept as what was seen and planned, to be drawn."""

    name: str
    solving: str  # the policy is that one's
    seed: int


@dataclass(frozen=True)
class GridAnimation:
    """A walk drawn on the grid, with what is left of the plan."""

    name: str
    walk: str
    tile: int = 20  # pixels


@dataclass(frozen=True)
class BrowserEvaluation:
    """Episodes of a driver of assets/wheel/drivers.json, from the seeds' start states, as the reader's browser plays them.

    The name is that of the evaluation whose model it is.
    """

    name: str
    driver: str
    engine: str = "@mujoco/mujoco 3.14.0"  # as package.json pins it
    episodes: int = 10
    first_seed: int = 100


@dataclass(frozen=True)
class Figure:
    """A picture drawn by `figures/<name>.py` from evidence named `kind/name`."""

    name: str
    reads: tuple[str, ...] = ()
    form: str = "svg"  # or png, for readers elsewhere
    phone: bool = True  # drawn a second time, for a phone
    pixels: bool = False  # around a PNG of its own


BEHAVIOUR = Behaviour("local_sac_halfcheetah_medium")
MEDIUM = Collection("local_halfcheetah_medium", BEHAVIOUR.name)
DECISION_TRANSFORMER = DecisionTransformerTraining("local_dt_halfcheetah", MEDIUM.name)
BEHAVIOUR_CLONING = BehaviourCloningTraining("local_bc_halfcheetah_s0", MEDIUM.name)
# what return conditioning must beat
BEST_TENTH_CLONING = replace(BEHAVIOUR_CLONING, name="local_bc10_halfcheetah_s0", best_fraction=0.1)
TRAJECTORY_TRANSFORMER = TrajectoryTransformerTraining("local_tt_halfcheetah", MEDIUM.name)
TD3_BC = TD3BCTraining("local_td3bc_halfcheetah_s0", MEDIUM.name)
# a fifth of the updates, so that three seeds fit a CPU; the rate decays to its tenth within them
SHORT_DECISION_TRANSFORMER = replace(
    DECISION_TRANSFORMER, name="local_dt_halfcheetah_short_s0", updates=2000, warmup_updates=100
)


def seeds(base, count: int) -> tuple:
    """A training repeated with seeds 0 to `count` - 1, in names that end in `_s0`, `_s1`, ..."""
    return tuple(replace(base, name=f"{base.name.removesuffix('_s0')}_s{seed}", seed=seed) for seed in range(count))


BEHAVIOUR_CLONINGS = seeds(BEHAVIOUR_CLONING, 5)
BEST_TENTH_CLONINGS = seeds(BEST_TENTH_CLONING, 5)
SHORT_DECISION_TRANSFORMERS = seeds(SHORT_DECISION_TRANSFORMER, 3)
VALUE_TRAININGS = seeds(TD3_BC, 3)
TRAININGS = (DECISION_TRANSFORMER, *BEHAVIOUR_CLONINGS, *BEST_TENTH_CLONINGS, *SHORT_DECISION_TRANSFORMERS)
POOLS = tuple(
    Pool(family[0].name.removesuffix("_s0"), tuple(run.name for run in family))
    for family in (BEHAVIOUR_CLONINGS, BEST_TENTH_CLONINGS, VALUE_TRAININGS, SHORT_DECISION_TRANSFORMERS)
)
# 6000 and 12000 are the authors' targets on HalfCheetah; 3600 is Hopper's, often used here too; the others show the curve.
TARGETS = (1200, 2400, 3600, 4800, 6000, 9000, 12_000)
HEADLINE_TARGET = 6000

_dt = Evaluation("local_dt_halfcheetah_6000", "decision_transformer", DECISION_TRANSFORMER.name, float(HEADLINE_TARGET))
EVALUATIONS = (
    Evaluation("local_random_halfcheetah", "random_actions"),
    Evaluation("local_behaviour_halfcheetah", "behaviour", BEHAVIOUR.name),
    # the control for what students gain by not rolling dice
    Evaluation("local_behaviour_halfcheetah_mode", "behaviour_mode", BEHAVIOUR.name),
    replace(_dt, name="local_dt_halfcheetah_untrained", trained=False),  # the negative control: same model, first weights
    *(replace(_dt, name=f"local_dt_halfcheetah_{target}", target_return=float(target)) for target in TARGETS),
    *(Evaluation(run.name, "deterministic", run.name) for run in BEHAVIOUR_CLONINGS + BEST_TENTH_CLONINGS + VALUE_TRAININGS),
    *(replace(_dt, name=run.name, checkpoint=run.name) for run in SHORT_DECISION_TRANSFORMERS),
)
# 12 episodes where the claim is, 4 along the way
BEAMS = {1: 12, 2: 4, 4: 4, 8: 4, 16: 4, 32: 12}
_tt = PlannedEvaluation(
    "local_tt_halfcheetah_k32", "trajectory_transformer", TRAJECTORY_TRANSFORMER.name, episodes=12, shard_episodes=2
)
_tt_8 = replace(_tt, name="local_tt_halfcheetah_k8", beams=8, episodes=4)
PLANNED_EVALUATIONS = (
    *(replace(_tt, name=f"local_tt_halfcheetah_k{beams}", beams=beams, episodes=count) for beams, count in BEAMS.items()),
    *(replace(_tt_8, name=f"{_tt_8.name}_h{horizon}", horizon=horizon) for horizon in (1, 3)),
    replace(_tt_8, name=f"{_tt_8.name}_published", window="published"),  # what moving the window costs
    # the controls for what choosing adds: the likeliest action, and one drawn as the data's was, neither held against others
    replace(_tt, name="local_tt_halfcheetah_greedy", beams=1, expansion=1, horizon=1, action_cdf=1.0),
    replace(_tt_8, name="local_tt_halfcheetah_sampled", beams=1, expansion=1, horizon=1, action_cdf=0.0),
    # ten transitions ahead do not fit the growing window beside five of context; one shard, for it takes ten minutes
    replace(_tt_8, name=f"{_tt_8.name}_h10_published", horizon=10, window="published", episodes=2),
    replace(_tt_8, name="local_tt_halfcheetah_untrained", beams=1, trained=False),  # the negative control
)
EVALUATIONS += PLANNED_EVALUATIONS
COMPARISONS = (
    PairedDifference("local_tt_k32_over_k1_halfcheetah", "local_tt_halfcheetah_k32", "local_tt_halfcheetah_k1"),
    PairedDifference("local_tt_k32_over_greedy_halfcheetah", "local_tt_halfcheetah_k32", "local_tt_halfcheetah_greedy"),
    PairedDifference("local_tt_k32_over_dt_halfcheetah", "local_tt_halfcheetah_k32", _dt.name),
    PairedDifference("local_tt_h5_over_h1_halfcheetah", _tt_8.name, f"{_tt_8.name}_h1"),
    PairedDifference("local_tt_published_over_growing_halfcheetah", f"{_tt_8.name}_published", _tt_8.name),
    Slope("local_dt_halfcheetah_obedience", tuple(f"local_dt_halfcheetah_{target}" for target in TARGETS), reach=4800.0),
    Difference("local_td3bc_over_bc_halfcheetah", "local_td3bc_halfcheetah", "local_bc_halfcheetah"),
)
ATTENTIONS = (
    Attention("local_dt_halfcheetah", "decision_transformer", DECISION_TRANSFORMER.name),
    Attention("local_tt_halfcheetah", "trajectory_transformer", TRAJECTORY_TRANSFORMER.name),
)
LATENCIES = (
    Latency("local_dt_halfcheetah", "decision_transformer", DECISION_TRANSFORMER.name, float(HEADLINE_TARGET)),
    Latency(BEHAVIOUR_CLONING.name, "deterministic", BEHAVIOUR_CLONING.name),
    Latency(TD3_BC.name, "deterministic", TD3_BC.name),  # a small multilayer perceptron: what an action costs at least
    *(
        PlannedLatency(f"local_tt_halfcheetah_k{beams}", "trajectory_transformer", TRAJECTORY_TRANSFORMER.name, beams=beams)
        for beams in BEAMS
    ),
    PlannedLatency(
        f"{_tt_8.name}_published", "trajectory_transformer", TRAJECTORY_TRANSFORMER.name, beams=8, window="published"
    ),
)
_runners = ("local_random_halfcheetah", "local_behaviour_halfcheetah", _dt.name)
ROLLOUTS = tuple(Rollout(name, name) for name in (*_runners, _tt.name, TD3_BC.name))
IMAGINATIONS = (Imagination(_tt.name, _tt.name),)
ANIMATIONS = (
    Animation(
        "half_cheetah",
        _runners,
        ("random torques", "behavior policy", "Decision Transformer"),
        first_step=47,
    ),
    Animation(
        "tt_half_cheetah",
        (_dt.name, _tt.name, TD3_BC.name),
        ("Decision Transformer", "Trajectory Transformer", "TD3+BC"),
        first_step=165,
        height=128,
    ),
    Animation("halfcheetah", (_dt.name,), first_step=150, frames=1, width=960, height=540),
)
BROWSER_EVALUATIONS = (
    BrowserEvaluation(_dt.name, "dt_6000"),
    BrowserEvaluation("local_dt_halfcheetah_12000", "dt_12000"),
    BrowserEvaluation(BEHAVIOUR_CLONING.name, "bc"),
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
                for name in ("local_random_halfcheetah", "local_behaviour_halfcheetah", _dt.name, _tt.name)
            ),
            "pooled/local_bc_halfcheetah",
            "pooled/local_td3bc_halfcheetah",
            *(f"rollouts/{name}" for name in (_dt.name, _tt.name, TD3_BC.name)),
        ),
        "png",
        phone=False,
    ),
    Figure("RL"),
    Figure("methods"),
    Figure("stitching"),
    Figure("halfcheetah_parts", (f"rollouts/{_dt.name}",)),
    Figure(
        "scores",
        (
            "pooled/local_td3bc_halfcheetah",
            *(f"evaluations/{name}" for name in (_tt.name, "local_tt_halfcheetah_k1", "local_tt_halfcheetah_greedy")),
            "pooled/local_bc10_halfcheetah",
            "pooled/local_bc_halfcheetah",
            "evaluations/local_behaviour_halfcheetah_mode",
            f"evaluations/{_dt.name}",
            "pooled/local_dt_halfcheetah_short",
            "evaluations/local_behaviour_halfcheetah",
        ),
    ),
    Figure("wheel", (f"rollouts/{_dt.name}",)),
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
    Figure("tt_imagination", (f"imagination/{_tt.name}",)),
    Figure(
        "tt_beams",
        (
            "datasets/local_halfcheetah_medium",
            f"evaluations/{_dt.name}",
            *(f"{kind}/local_tt_halfcheetah_k{beams}" for kind in ("evaluations", "latency") for beams in BEAMS),
        ),
    ),
    Figure("tt_last_layer_attention_map", ("attention/local_tt_halfcheetah",), pixels=True),
    Figure("tt_patterns", ("attention/local_tt_halfcheetah",)),
)

LEVELS = (  # as in LEAP's table
    "go_to_local_s7n5",
    "go_to_local_s8n7",
    "go_to_obj_maze_s4_open",
    "go_to_obj_maze_s7_open",
    "pickup_loc",
    "go_to_obj_maze_s4r2_closed",
)
DEMONSTRATIONS = tuple(Demonstration(f"local_bot_{level}", level) for level in LEVELS)
DEMONSTRATED = tuple(run.name for run in DEMONSTRATIONS)
LEAP_GOAL = LeapTraining("local_leap_goal", DEMONSTRATED)
LEAP_HONEST = replace(LEAP_GOAL, name="local_leap_honest", with_goal=False)  # what an agent without an oracle has
LEAP_CAUSAL = replace(LEAP_HONEST, name="local_leap_causal", causal=True)  # the same network, from left to right
LEAP_CLONING = replace(LEAP_HONEST, name="local_grid_cloning", method="grid_cloning")  # one action at a time, no sequence
LEAP_TRAININGS = (LEAP_GOAL, LEAP_HONEST, LEAP_CAUSAL, LEAP_CLONING)

_leap = Solving("", "leap", "", LEAP_GOAL.name)
PUBLISHED_SOLVINGS = tuple(replace(_leap, name=f"local_leap_{level}_published", level=level) for level in LEVELS)
# blind: without the oracle; honest: without it, and with a new plan after every step
BLIND_SOLVINGS = tuple(
    replace(run, name=run.name.replace("published", "blind"), checkpoint=LEAP_HONEST.name) for run in PUBLISHED_SOLVINGS
)
HONEST_SOLVINGS = tuple(replace(run, name=run.name.replace("blind", "honest"), replan="step") for run in BLIND_SOLVINGS)
LEAP_GRID = tuple(
    replace(
        _leap,
        name=f"local_leap_go_to_local_s8n7_{sampler}_{iterations}_{replan}",
        level="go_to_local_s8n7",
        sampler=sampler,
        iterations=iterations,
        replan=replan,
    )
    for sampler in ("argmax", "gibbs")
    for iterations in (1, 5, 10, 20, 30)
    for replan in ("plan", "step")
)
SOLVINGS = (
    *PUBLISHED_SOLVINGS,
    *BLIND_SOLVINGS,
    *HONEST_SOLVINGS,
    *(Solving(f"local_causal_{level}", "leap_causal", level, LEAP_CAUSAL.name) for level in LEVELS),
    *(Solving(f"local_cloning_{level}", "grid_cloning", level, LEAP_CLONING.name) for level in LEVELS),
    *(Solving(f"local_random_{level}", "random_steps", level) for level in LEVELS),  # what walking at random solves
    # what it solves before it revises
    replace(BLIND_SOLVINGS[1], name=f"{BLIND_SOLVINGS[1].name}_1", iterations=1),
    # the negative control: the same planner over first weights
    replace(_leap, name="local_leap_go_to_local_s8n7_untrained", level="go_to_local_s8n7", trained=False),
    *LEAP_GRID,
)
REFININGS = tuple(
    Refining(f"local_leap_{level}", level, LEAP_GOAL.name) for level in ("go_to_local_s8n7", "go_to_obj_maze_s7_open")
)
CONDITIONALS = (Conditionals(REFININGS[0].name, REFININGS[0].name),)  # of five actions; those of ten are too many to list
PLAN_LATENCIES = tuple(PlanLatency(run.name, run.level, run.checkpoint) for run in REFININGS)
WALKS = (Walk("local_leap_go_to_obj_maze_s7_open_blind", "local_leap_go_to_obj_maze_s7_open_blind", seed=183),)
MEMORIES = tuple(Memory(run.name) for run in (*LATENCIES, *PLAN_LATENCIES))
GRID_ANIMATIONS = (GridAnimation("leap_baby_ai_maze", WALKS[0].name),)
FIGURES += (
    Figure("leap_baby_ai", ("refined/local_leap_go_to_obj_maze_s7_open",), pixels=True),
    Figure(
        "attention_maps",
        (
            "attention/local_dt_halfcheetah",
            "attention/local_tt_halfcheetah",
            "refined/local_leap_go_to_obj_maze_s7_open",
        ),
    ),
    Figure("leap_refinement", tuple(f"refined/{run.name}" for run in REFININGS), pixels=True),
    Figure("leap_iterations", tuple(f"solved/{run.name}" for run in LEAP_GRID if run.replan == "plan")),
)

# What others published, beside what is trained here: the same runs under names of their own (`doit source=hub`). Their
# evidence is made by whoever has a network, and is not part of what `doit` keeps current by itself.
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
MINARI = tuple(  # none of them is D4RL's of the same name
    MinariDataset(f"minari_halfcheetah_{quality}_v0", f"mujoco/halfcheetah/{quality}-v0")
    for quality in ("simple", "medium", "expert")
)
PUBLISHED_DATASETS = (D4RL_MEDIUM, *MINARI)
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
HUB_ROLLOUTS = tuple(Rollout(run.name, run.name) for run in published((_dt, _tt)))
HUB_IMAGINATIONS = (replace(IMAGINATIONS[0], name=twin(_tt.name), rollout=twin(_tt.name)),)
SIDE_BY_SIDE = (  # the published checkpoint and the one trained here, in episodes of the same seeds
    PairedDifference("hub_dt_over_local_dt_halfcheetah", twin(_dt.name), _dt.name),
    PairedDifference("hub_tt_over_local_tt_halfcheetah", twin(_tt.name), _tt.name),
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
        rollouts=(twin(_dt.name), twin(_tt.name)),
        labels=ANIMATIONS[1].labels[:2],
        first_step=100,
        height=144,
    ),
)

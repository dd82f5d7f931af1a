"""What every piece of evidence is made from: each run of `pipeline.study.runs` beside the code and the files it rests on.

The first module of a training prepares it, and the second writes its results (see `pipeline.learning.train`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace

from pipeline import PipelineError
from pipeline.evidence.records import Recipe
from pipeline.study import runs, studies


def checkpoint_files(name: str | None, method: str = "") -> tuple[str, ...]:
    """The files of a checkpoint that decide what it computes."""
    files = ["config.json", "model.safetensors"] + ["discretizer.safetensors"] * (method == "trajectory_transformer")
    return tuple(f"checkpoints/{name}/{file}" for file in files) if name else ()


def contexts_file(name: str) -> str:
    """The fixed contexts of that name."""
    return f"checkpoints/contexts/{name}.safetensors"


TRAIN = "pipeline.learning.train"
FLOAT32, FLOAT16 = "pipeline.learning.loop", "pipeline.learning.float16"  # which write results, weights kept as that


def behaviour(run: runs.Behaviour) -> Recipe:
    """Training of the behavior policy."""
    return Recipe(
        run.name,
        "training",
        TRAIN,
        run,
        modules=("pipeline.methods.soft_actor_critic.train", FLOAT32, TRAIN),
        outputs=checkpoint_files(run.name),
        seconds=1200,
        about="soft actor-critic, stopped at the level of D4RL's medium policy",
    )


def long_behaviour(run: studies.LongBehaviour) -> Recipe:
    """Training of the behavior policy past where it was stopped, every interval's policy kept below `data/`."""
    return replace(
        behaviour(run),
        modules=("pipeline.methods.soft_actor_critic.train_long", FLOAT32, TRAIN),
        seconds=3600,
        about=f"soft actor-critic to {run.maximum_steps:,} steps",
    )


def collection(run: runs.Collection) -> Recipe:
    """Collecting a dataset; the evidence is its statistics, and the contexts drawn from it lie beside the checkpoints."""
    return Recipe(
        run.name,
        "datasets",
        "pipeline.measures.collect",
        run,
        modules=("pipeline.measures.collect",),
        inputs=checkpoint_files(run.behaviour),
        outputs=(contexts_file(run.contexts_name),),
        seconds=300,
        about=f"{run.episodes} episodes of {run.behaviour}",
    )


def study_collection(run: runs.Collection) -> Recipe:
    """Collecting a dataset that covers returns, likewise."""
    return replace(
        collection(run),
        verb="pipeline.measures.collect_study",
        modules=("pipeline.measures.collect_study",),
        about=f"{run.episodes} episodes of {run.behaviour}, or of what became it",
    )


def logged_returns(run: studies.LoggedReturns) -> Recipe:
    """Every return of a dataset, which lies below `data/` where it was collected."""
    return Recipe(
        run.name,
        "returns",
        "pipeline.measures.log_returns",
        run,
        modules=("pipeline.measures.log_returns",),
        inputs=(f"results/datasets/{run.name}.json",),
        seconds=20,
        about=f"every return of {run.name}",
    )


def published_dataset(run: runs.PublishedDataset | runs.MinariDataset) -> Recipe:
    """A dataset that others collected; the evidence is its statistics."""
    origin = f"Minari's {run.identifier}" if isinstance(run, runs.MinariDataset) else run.address
    return Recipe(
        run.name,
        "datasets",
        "pipeline.hub.fetch_dataset",
        run,
        modules=("pipeline.hub.fetch_dataset",),
        seconds=120,
        about=f"from {origin}",
    )


def published_checkpoint(run: runs.PublishedCheckpoint) -> Recipe:
    """A checkpoint that others trained; the evidence is what it is and where it comes from."""
    return Recipe(
        run.name,
        "fetched",
        "pipeline.fetch_checkpoint",
        run,
        modules=("pipeline.fetch_checkpoint",),
        inputs=("hub.lock",),
        outputs=checkpoint_files(run.name, run.method),
        seconds=10,
        about=f"{run.repository} at the commit in hub.lock",
    )


def training(run) -> Recipe:
    """Training of a sequence model, or of a cloned policy; the evidence is its loss curve."""
    return Recipe(
        run.name,
        "training",
        TRAIN,
        run,
        modules=("pipeline.learning.supervised", FLOAT32, TRAIN, f"pipeline.methods.{run.method}.model"),
        inputs=(f"results/datasets/{run.data}.json",),
        outputs=checkpoint_files(run.name),
        seconds=60 if run.method == "behaviour_cloning" else 0.33 * run.updates,
        about=f"{run.updates} updates of {run.batch_size} windows from {run.data}",
    )


def trajectory_training(run: runs.TrajectoryTransformerTraining) -> Recipe:
    """Training of a Trajectory Transformer; the evidence is its curve."""
    return Recipe(
        run.name,
        "training",
        "pipeline.methods.trajectory_transformer.further",
        run,
        modules=("pipeline.methods.trajectory_transformer.further",),
        inputs=(f"results/datasets/{run.data}.json",),
        outputs=checkpoint_files(run.name, run.method),
        seconds=run.updates * run.batch_size / 92,  # windows of 249 tokens a second of a core, with bfloat16 matrix products
        about=f"{run.updates} updates of {run.batch_size} windows of {run.transitions} transitions from {run.data}",
    )


def value_training(run: runs.TD3BCTraining) -> Recipe:
    """Training of TD3+BC; the evidence is its curve of losses and values."""
    return Recipe(
        run.name,
        "training",
        TRAIN,
        run,
        modules=("pipeline.methods.td3_bc.train", FLOAT32, TRAIN),
        inputs=(f"results/datasets/{run.data}.json",),
        outputs=checkpoint_files(run.name),
        seconds=400,
        about=f"{run.updates} updates of {run.batch_size} transitions from {run.data}",
    )


def study_training(run) -> Recipe:
    """Training of a model of a study, whatever it is; its weights are kept in float16."""
    if isinstance(run, runs.TrajectoryTransformerTraining):
        modules = ("pipeline.methods.trajectory_transformer.train", FLOAT16, TRAIN)
        return replace(trajectory_training(run), verb=TRAIN, modules=modules)
    made = training(run)
    own = {studies.ShuffledTraining: "shuffled", studies.SteadyTraining: "steady"}.get(type(run), "supervised")
    return replace(made, modules=(f"pipeline.learning.{own}", FLOAT16, *made.modules[2:]))


def seconds_of_plan(run: runs.PlannedEvaluation | runs.PlannedLatency) -> float:
    """About how long one core searches for one action of one of two episodes."""
    return (0.03 + 0.006 * run.beams) * run.horizon / 5 * (2.5 if run.window == "published" else 1)


def evaluation(run: runs.Evaluation) -> Recipe:
    """Whole episodes of one policy."""
    player = run.checkpoint if run.method == "deterministic" else run.method.replace("_", " ")
    asked = f", asked for {run.target_return:.0f}" if run.target_return else ""
    seconds = 6 + run.episodes * (1.2 if run.method.startswith("decision_transformer") else 0.1)
    if isinstance(run, runs.PlannedEvaluation):
        asked = f", {run.beams} beams, {run.horizon} transitions ahead, {run.window} window"
        seconds = 1000 * run.episodes * seconds_of_plan(run)
    return Recipe(
        run.name,
        "evaluations",
        "pipeline.measures.evaluate",
        run,
        modules=("pipeline.measures.evaluate", f"pipeline.policies.{run.method}"),
        inputs=checkpoint_files(run.checkpoint, run.method),
        seconds=seconds,
        about=f"{run.episodes} episodes of {player}{'' if run.trained else ' with first weights'}{asked}",
    )


def pool(run: runs.Pool) -> Recipe:
    """Evaluations of several training seeds as one row."""
    return Recipe(
        run.name,
        "pooled",
        "pipeline.measures.pool",
        run,
        modules=("pipeline.measures.pool",),
        inputs=tuple(f"results/evaluations/{name}.json" for name in run.members),
        seconds=2,
        about=f"{len(run.members)} training seeds of {run.name} as one row",
    )


def comparison(run) -> Recipe:
    """A slope or a difference over evaluations, a difference of pooled ones, or of slopes."""
    made = {runs.Difference: "pooled", studies.SlopeDifference: "compared", studies.SolvedEffect: "solved"}
    kind = made.get(type(run), "evaluations")
    several = getattr(run, "evaluations", None)
    names = (*several, *filter(None, [getattr(run, "beyond", None)])) if several else (run.one, run.other)
    inputs = tuple(f"results/{kind}/{name}.json" for name in names)
    return Recipe(
        run.name,
        "compared",
        "pipeline.measures.compare",
        run,
        modules=("pipeline.measures.compare",),
        inputs=inputs,
        seconds=2,
        about=f"{'slope' if several else 'difference'} over {len(inputs)} results",
    )


def attention(run: runs.Attention) -> Recipe:
    """Where a model looks on the fixed contexts; the maps lie beside the evidence."""
    return Recipe(
        run.name,
        "attention",
        "pipeline.measures.attend",
        run,
        modules=("pipeline.measures.attend", f"pipeline.policies.{run.method}"),
        inputs=(*checkpoint_files(run.checkpoint, run.method), contexts_file(run.contexts)),
        outputs=(f"results/attention/{run.name}.npz",),
        seconds=10,
        about=f"{run.method.replace('_', ' ')}: attention by layer, head and type of token",
    )


def latency(run: runs.Latency) -> Recipe:
    """Time per action."""
    return Recipe(
        run.name,
        "latency",
        "pipeline.measures.time_actions",
        run,
        modules=("pipeline.measures.time_actions", f"pipeline.policies.{run.method}"),
        inputs=checkpoint_files(run.checkpoint, run.method),
        seconds=8 + (110 * seconds_of_plan(run) if isinstance(run, runs.PlannedLatency) else 0),
        about=f"{run.method.replace('_', ' ')}: {run.actions} actions of one episode",
    )


def rollout(run: runs.Rollout) -> Recipe:
    """One episode as simulator states, which lie beside the evidence."""
    played = EVALUATIONS[run.evaluation].run
    return Recipe(
        run.name,
        "rollouts",
        "pipeline.measures.roll_out",
        run,
        modules=("pipeline.measures.roll_out", f"pipeline.policies.{played.method}"),
        inputs=checkpoint_files(played.checkpoint, played.method),
        outputs=(f"results/rollouts/{run.name}.npz",),
        holds=(played,),
        seconds=8 + (run.steps * seconds_of_plan(played) if isinstance(played, runs.PlannedEvaluation) else 0),
        about=f"{run.steps} steps of {run.evaluation} from seed {run.seed}",
    )


def imagination(run: runs.Imagination) -> Recipe:
    """Plans along a rollout against the simulator; the beams of one of them lie beside the evidence."""
    rollout = f"results/rollouts/{run.rollout}"
    rolled = ROLLOUTS[run.rollout].run
    played = EVALUATIONS[rolled.evaluation].run
    return Recipe(
        run.name,
        "imagination",
        "pipeline.measures.imagine",
        run,
        modules=("pipeline.measures.imagine", f"pipeline.policies.{played.method}"),
        inputs=(*checkpoint_files(played.checkpoint, played.method), f"{rollout}.json", f"{rollout}.npz"),
        outputs=(f"results/imagination/{run.name}.npz",),
        holds=(rolled, played),
        seconds=30,
        about=f"what {run.rollout} imagines against what the simulator does",
    )


def demonstration(run: runs.Demonstration) -> Recipe:
    """Collecting one level's demonstrations; the evidence is their statistics."""
    return Recipe(
        run.name,
        "datasets",
        "pipeline.measures.demonstrate",
        run,
        modules=("pipeline.measures.demonstrate",),
        seconds=20,
        about=f"{run.episodes} episodes of {run.level} solved by BabyAI's bot",
    )


def leap_training(run: runs.LeapTraining) -> Recipe:
    """Training of LEAP, or of a rival, on all levels' demonstrations; the evidence is its curve."""
    seconds_an_update = 0.06 if run.method == "grid_cloning" else 0.3 if run.causal else 0.2
    return Recipe(
        run.name,
        "training",
        TRAIN,
        run,
        modules=("pipeline.methods.leap.train", FLOAT32, TRAIN),
        inputs=tuple(f"results/datasets/{name}.json" for name in run.data),
        outputs=checkpoint_files(run.name),
        seconds=seconds_an_update * run.updates,
        about=f"{run.updates} updates of {run.batch_size} windows from {len(run.data)} levels' demonstrations",
    )


def solving(run: runs.Solving) -> Recipe:
    """Held-out episodes of a level."""
    told = getattr(run, "demonstrations", None)
    return Recipe(
        run.name,
        "solved",
        "pipeline.measures.solve",
        run,
        modules=("pipeline.measures.solve", f"pipeline.policies.{run.method}"),
        inputs=(*checkpoint_files(run.checkpoint), *([f"results/datasets/{told}.json"] if told else ())),
        seconds=run.episodes / 20 * (6 if run.level == "go_to_obj_maze_s7_open" else 1) * (5 if run.replan == "step" else 1),
        about=f"{run.episodes} episodes of {run.level} by {run.checkpoint or 'random actions'}",
    )


def refining(run: runs.Refining) -> Recipe:
    """Energies and attention of first plans; maps, and one plan as it changed, lie beside the evidence."""
    return Recipe(
        run.name,
        "refined",
        "pipeline.measures.refine",
        run,
        modules=("pipeline.measures.refine", f"pipeline.policies.{run.method}"),
        inputs=checkpoint_files(run.checkpoint),
        outputs=(f"results/refined/{run.name}.npz",),
        seconds=60,
        about=f"energy and attention of {run.episodes} plans on {run.level}",
    )


def conditionals(run: runs.Conditionals) -> Recipe:
    """Every conditional distribution of one episode's first plan, which lie beside the evidence."""
    refined = REFININGS[run.refining].run
    shown = f"results/refined/{run.refining}"
    return Recipe(
        run.name,
        "conditionals",
        "pipeline.measures.list_conditionals",
        run,
        modules=("pipeline.measures.list_conditionals", f"pipeline.policies.{refined.method}"),
        inputs=(*checkpoint_files(refined.checkpoint), f"{shown}.json", f"{shown}.npz"),
        outputs=(f"results/conditionals/{run.name}.npz",),
        holds=(refined,),
        seconds=10,
        about=f"each action of one plan on {refined.level}, given each choice of the others",
    )


def plan_latency(run: runs.PlanLatency) -> Recipe:
    """Time per plan."""
    return Recipe(
        run.name,
        "latency",
        "pipeline.measures.time_plans",
        run,
        modules=("pipeline.measures.time_plans", f"pipeline.policies.{run.method}"),
        inputs=checkpoint_files(run.checkpoint),
        seconds=12,
        about=f"leap: {run.plans} plans on {run.level}",
    )


def timed(run: runs.Memory) -> runs.Latency | runs.PlanLatency:
    """The run whose actions, or plans, are weighed."""
    return (LATENCIES.get(run.name) or PLAN_LATENCIES[run.name]).run


def memory(run: runs.Memory) -> Recipe:
    """Bytes that an action, or a plan, takes."""
    weighed = timed(run)
    return Recipe(
        run.name,
        "memory",
        "pipeline.measures.weigh_actions",
        run,
        modules=("pipeline.measures.weigh_actions", f"pipeline.policies.{weighed.method}"),
        inputs=checkpoint_files(weighed.checkpoint, weighed.method),
        holds=(weighed,),
        seconds=20,
        about=f"{weighed.method.replace('_', ' ')}: bytes of weights, of tensors at once, of the cache",
    )


def walk(run: runs.Walk) -> Recipe:
    """One episode on a grid, which lies beside the evidence."""
    played = SOLVINGS[run.solving].run
    return Recipe(
        run.name,
        "walks",
        "pipeline.measures.walk",
        run,
        modules=("pipeline.measures.walk", f"pipeline.policies.{played.method}"),
        inputs=checkpoint_files(played.checkpoint),
        outputs=(f"results/walks/{run.name}.npz",),
        holds=(played,),
        seconds=15,
        about=f"one episode of {run.solving} from seed {run.seed}",
    )


def browser_evaluation(run: runs.BrowserEvaluation) -> Recipe:
    """Episodes played by the page's own files, in node."""
    played = EVALUATIONS[run.name].run
    files = ("drivers.js", "half_cheetah.js", "half_cheetah.xml", "kernel.js", "packing.js", "safetensors.js")
    files += ("session.js", "starts.json", *BROWSER_FILES[played.method])
    return Recipe(
        run.name,
        "wheel",
        "pipeline.wheel.play",
        run,
        modules=("pipeline.wheel.play",),
        inputs=(
            *(f"assets/wheel/{file}" for file in files),
            "wheel/node.mjs",
            "wheel/play.mjs",
            *checkpoint_files(played.checkpoint, played.method),
        ),
        holds=(played,),
        seconds=run.episodes * {"decision_transformer": 4, "trajectory_transformer": 60}.get(played.method, 1),
        about=f"{run.episodes} episodes of {run.driver} as the reader's browser plays them",
    )


BROWSER_FILES = {
    "decision_transformer": ("policies/decision_transformer.js", "policies/deterministic.js", "decision_transformer.wasm"),
    "deterministic": ("policies/deterministic.js", "perceptron.wasm"),
    "trajectory_transformer": (
        "policies/trajectory_transformer.js",
        "planning.js",
        "decoding.js",
        "discretization.js",
        "random.js",
        "trajectory_transformer.wasm",
    ),
}  # what a method's episodes are played by, below assets/wheel/


def datasets(run) -> tuple[str, ...]:
    """The datasets that a run learns from."""
    data = getattr(run, "data", ())
    return (data,) if isinstance(data, str) else data


def evidence_files(reads: tuple[str, ...]) -> tuple[str, ...]:
    """Evidence named `kind/name`, as files, each with the arrays beside it."""
    found = keyed((STUDIES, *EVIDENCE.values()))
    return tuple(
        file
        for read in reads
        for file in (f"results/{read}.json", *(output for output in found[read].outputs if output.endswith(".npz")))
    )


def figure(run: runs.Figure) -> Recipe:
    """A drawn picture."""
    return Recipe(
        run.name,
        "pictures",
        f"figures.{run.name}",
        run,
        modules=(f"figures.{run.name}",),
        inputs=("figures/post.mplstyle", *evidence_files(run.reads)),
        outputs=(
            *(f"images/{run.name}{end}.{run.form}" for end in ("", "_narrow")[: 1 + run.phone]),
            *([f"images/{run.name}.png"] if run.pixels else []),
        ),
        seconds=4,
        about="drawn from " + (", ".join(run.reads) or "nothing but itself"),
    )


def animation(run: runs.Animation) -> Recipe:
    """A frame, or a moving picture, with a poster for readers who want no motion, and the poses that the page draws it from."""
    film = (f"images/{run.name}.gif", f"images/{run.name}_poster.png", f"assets/films/{run.name}.js")
    outputs = (f"images/{run.name}.png",) if run.frames == 1 else film
    return Recipe(
        run.name,
        "pictures",
        "pipeline.show.animate",
        run,
        modules=("pipeline.show.animate",),
        inputs=evidence_files(tuple(f"rollouts/{name}" for name in run.rollouts)),
        holds=tuple(held for name in run.rollouts for held in (ROLLOUTS[name].run, *ROLLOUTS[name].holds)),
        outputs=outputs,
        seconds=30 if run.frames > 1 else 5,
        about="rendered from " + ", ".join(run.rollouts),
    )


def grid_animation(run: runs.GridAnimation) -> Recipe:
    """A moving picture of a walk, with a poster for readers who want no motion."""
    return Recipe(
        run.name,
        "pictures",
        "pipeline.show.animate_grid",
        run,
        modules=("pipeline.show.animate_grid",),
        inputs=evidence_files((f"walks/{run.walk}",)),
        holds=(WALKS[run.walk].run, *WALKS[run.walk].holds),
        outputs=(f"images/{run.name}.gif", f"images/{run.name}_poster.png"),
        seconds=5,
        about=f"drawn from {run.walk}",
    )


def keyed(registries: Iterable[dict[str, Recipe]]) -> dict[str, Recipe]:
    """Recipes of several registries, as kind/name."""
    return {f"{recipe.kind}/{recipe.name}": recipe for registry in registries for recipe in registry.values()}


MADE_BY: dict[str, Callable[..., Recipe]] = {}  # what makes the recipe of a run, by kind/name


def named(make: Callable[..., Recipe], all_runs: Iterable) -> dict[str, Recipe]:
    """Recipes by name."""
    found = {run.name: make(run) for run in all_runs}
    MADE_BY.update({f"{recipe.kind}/{name}": make for name, recipe in found.items()})
    return found


BEHAVIOURS = named(behaviour, (runs.BEHAVIOUR,))
LONG_BEHAVIOURS = named(long_behaviour, (studies.LONG,))
RECORDINGS = named(collection, (runs.MEDIUM,))
STUDY_RECORDINGS = named(study_collection, studies.COLLECTIONS)
DATASETS = named(published_dataset, runs.PUBLISHED_DATASETS)
# recorded anew on a machine that rounds otherwise, to be learned from by `--data`; never in git
HERE = named(
    collection, [replace(runs.MEDIUM, name=f"{runs.MEDIUM.name}_here", contexts_name=f"{runs.MEDIUM.contexts_name}_here")]
)
COLLECTIONS = {**RECORDINGS, **STUDY_RECORDINGS, **DATASETS, **HERE}  # what trainings learn from, whoever collected it
TRAININGS = named(training, runs.TRAININGS)
VALUE_TRAININGS = named(value_training, runs.VALUE_TRAININGS)
TRAJECTORY_TRAININGS = named(trajectory_training, (runs.TRAJECTORY_TRANSFORMER,))
STUDY_TRAININGS = named(study_training, studies.TRAININGS)
LOGGED_RETURNS = named(logged_returns, studies.LOGGED_RETURNS)
# hours, or made from a dataset that is not in git; made by their verbs, one at a time, alone
STUDIES = {**LONG_BEHAVIOURS, **STUDY_RECORDINGS, **STUDY_TRAININGS, **LOGGED_RETURNS}
EVALUATIONS = named(evaluation, (*runs.EVALUATIONS, *studies.EVALUATIONS, *runs.HUB_EVALUATIONS))
POOLS = named(pool, runs.POOLS)
COMPARISONS = named(comparison, (*runs.COMPARISONS, *studies.COMPARISONS, *runs.HUB_COMPARISONS))
ATTENTIONS = named(attention, (*runs.ATTENTIONS, *runs.HUB_ATTENTIONS))
LATENCIES = named(latency, (*runs.LATENCIES, *runs.HUB_LATENCIES))
ROLLOUTS = named(rollout, (*runs.ROLLOUTS, *studies.ROLLOUTS, *runs.HUB_ROLLOUTS))
IMAGINATIONS = named(imagination, (*runs.IMAGINATIONS, *runs.HUB_IMAGINATIONS))
DEMONSTRATIONS = named(demonstration, runs.DEMONSTRATIONS)
LEAP_TRAININGS = named(leap_training, runs.LEAP_TRAININGS)
SOLVINGS = named(solving, (*runs.SOLVINGS, *studies.SOLVINGS))
REFININGS = named(refining, runs.REFININGS)
CONDITIONALS = named(conditionals, runs.CONDITIONALS)
PLAN_LATENCIES = named(plan_latency, runs.PLAN_LATENCIES)
MEMORIES = named(memory, runs.MEMORIES)
WALKS = named(walk, runs.WALKS)
BROWSER_EVALUATIONS = named(browser_evaluation, (*runs.BROWSER_EVALUATIONS, *studies.BROWSER_EVALUATIONS))

FETCHES = named(published_checkpoint, runs.PUBLISHED_CHECKPOINTS)
NEEDED = {data: DATASETS[data] for recipe in FETCHES.values() for data in datasets(recipe.run)}  # to read their tokens

_trained = (BEHAVIOURS, RECORDINGS, TRAININGS, VALUE_TRAININGS, TRAJECTORY_TRAININGS, DEMONSTRATIONS, LEAP_TRAININGS)
TRAINED = {name: recipe for registry in _trained for name, recipe in registry.items()}  # hours: made by `doit train` alone
if len(TRAINED) < sum(map(len, _trained)):
    raise ValueError("two training runs share a name")
EVIDENCE = {
    "train": TRAINED,
    "fetch": {**NEEDED, **FETCHES},
    "evaluate": EVALUATIONS,
    "pool": POOLS,
    "compare": COMPARISONS,
    "attend": ATTENTIONS,
    "time_actions": LATENCIES,
    "roll_out": ROLLOUTS,
    "imagine": IMAGINATIONS,
    "solve": SOLVINGS,
    "refine": REFININGS,
    "list_conditionals": CONDITIONALS,
    "time_plans": PLAN_LATENCIES,
    "weigh_actions": MEMORIES,
    "walk": WALKS,
    "wheel": BROWSER_EVALUATIONS,
}  # by task

FIGURES = named(figure, (*runs.FIGURES, *studies.FIGURES, *runs.HUB_FIGURES))
ANIMATIONS = named(animation, (*runs.ANIMATIONS, *runs.HUB_ANIMATIONS))
GRID_ANIMATIONS = named(grid_animation, runs.GRID_ANIMATIONS)
PICTURES = ANIMATIONS | GRID_ANIMATIONS | FIGURES
DRAWN = {"animate": ANIMATIONS, "animate_grid": GRID_ANIMATIONS, "figures": FIGURES}  # by task


def source(recipe: Recipe) -> str:
    """What a recipe stands on: `hub` where others published it, `local` where it is made here."""
    fetched = recipe.name in DATASETS or recipe.name in FETCHES
    return "hub" if fetched or recipe.name.startswith("hub_") else "local"


def of_source(wanted: str) -> dict[str, dict[str, Recipe]]:
    """Evidence and pictures of one source, by task."""
    return {
        task: {name: recipe for name, recipe in registry.items() if source(recipe) == wanted}
        for task, registry in (EVIDENCE | DRAWN).items()
    }


SOURCES = {wanted: of_source(wanted) for wanted in ("local", "hub")}


def measured(source: str = "local") -> list[Recipe]:
    """A source's evidence that is made from checkpoints: neither trained, fetched nor drawn."""
    others = ("train", "fetch", *DRAWN)
    return [recipe for task, registry in SOURCES[source].items() if task not in others for recipe in registry.values()]


def rebuilt(source: str = "local") -> list[Recipe]:
    """What `doit` makes again when it is stale: all but what takes hours."""
    return [recipe for task, registry in SOURCES[source].items() if task != "train" for recipe in registry.values()]


def learned() -> dict[str, Recipe]:
    """What `pipeline.learning.train` makes."""
    return {**BEHAVIOURS, **LONG_BEHAVIOURS, **TRAININGS, **VALUE_TRAININGS, **LEAP_TRAININGS, **STUDY_TRAININGS}


def trained_by(checkpoint: str):
    """The run that trained a checkpoint of that name, as it is now, whatever its data; None where none is known."""
    name = checkpoint.partition(runs.ON)[0]
    recipe = {**learned(), **TRAJECTORY_TRAININGS}.get(name)
    return recipe and recipe.run


def known() -> dict[str, Recipe]:
    """All recipes, as kind/name."""
    return keyed((TRAINED, STUDIES, COLLECTIONS, *EVIDENCE.values(), PICTURES))


def everything() -> list[Recipe]:
    """All whose evidence is in git, whatever anyone has fetched: what is trained, then what `doit` makes."""
    return [*TRAINED.values(), *rebuilt()]


def stands_on_one_dataset(recipe: Recipe) -> bool:
    """Whether a run learns from one dataset of this project, or plays what did."""
    if source(recipe) == "hub" or recipe.kind not in ("training", "evaluations", "attention", "latency"):
        return False
    learned = trained_by(recipe.run.checkpoint) if getattr(recipe.run, "checkpoint", None) else recipe.run
    return isinstance(getattr(learned, "data", None), str)


def on_dataset(recipe: Recipe, data: str) -> Recipe:
    """A training on another dataset, or what plays a checkpoint trained on it, under a name of its own.

    Raises:
        PipelineError: there is no such dataset, or the run does not stand on one.
    """
    run = recipe.run
    if not stands_on_one_dataset(recipe):
        raise PipelineError(f"{recipe.name} does not stand on one dataset of this project: --data cannot change it")
    if data not in COLLECTIONS:
        raise PipelineError(f"there is no dataset named {data!r}; known: {', '.join(COLLECTIONS)}")
    changed = {"data": data} if datasets(run) else {"checkpoint": f"{run.checkpoint}{runs.ON}{data}"}
    return MADE_BY[f"{recipe.kind}/{recipe.name}"](replace(run, name=f"{run.name}{runs.ON}{data}", **changed))


def makers(recipe: Recipe) -> list[str]:
    """The tasks that make the evidence a recipe reads, those of `doit train` left out."""
    made = {
        f"results/{made.kind}/{made.name}.json": f"{task}:{made.name}"
        for task, registry in SOURCES[source(recipe)].items()
        if task != "train"
        for made in registry.values()
    }
    return [made[name] for name in recipe.inputs if name in made]

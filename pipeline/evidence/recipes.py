"""What every piece of evidence is made from: the recipe of each run, as its class tells it, and registries of them by task."""

from __future__ import annotations

import functools
from collections.abc import Iterable
from dataclasses import replace

from pipeline import PipelineError
from pipeline.evidence.records import Recipe
from pipeline.study import masking, runs, studies, suite, twists
from pipeline.study.run import Run
from pipeline.study.run import contexts_file as contexts_file

KNOWN: dict[str, Recipe] = {}  # all that registries were made of, as kind/name: where runs find those that they play


def find(kind: str, name: str) -> Run:
    """The run of a piece of evidence.

    Raises:
        KeyError: there is none.
    """
    if f"{kind}/{name}" not in KNOWN:
        raise KeyError(name)
    return KNOWN[f"{kind}/{name}"].run


def recipe_of(run: Run) -> Recipe:
    """How a run's evidence is made."""
    return Recipe(
        run.name,
        run.kind,
        run.verb,
        run,
        modules=run.modules(find),
        inputs=run.inputs(find),
        outputs=run.outputs(),
        holds=run.holds(find),
        seconds=run.seconds(find),
        about=run.about(find),
    )


def named(all_runs: Iterable[Run]) -> dict[str, Recipe]:
    """Recipes by name."""
    found = {run.name: recipe_of(run) for run in all_runs}
    KNOWN.update(keyed([found]))
    return found


def keyed(registries: Iterable[dict[str, Recipe]]) -> dict[str, Recipe]:
    """Recipes of several registries, as kind/name."""
    return {f"{recipe.kind}/{recipe.name}": recipe for registry in registries for recipe in registry.values()}


def datasets(run: Run) -> tuple[str, ...]:
    """The datasets that a run learns from."""
    data = getattr(run, "data", ())
    return (data,) if isinstance(data, str) else data


def timed(run: Run) -> Run:
    """The run whose actions, or plans, are weighed."""
    return run.played(find)


BEHAVIORS = named((runs.BEHAVIOR,))
LONG_BEHAVIORS = named((studies.LONG,))
RECORDINGS = named((runs.MEDIUM,))
STUDY_RECORDINGS = named(studies.COLLECTIONS)
DATASETS = named(runs.PUBLISHED_DATASETS)
# recorded anew on a machine that rounds otherwise, to be learned from by `--data`; never in git
HERE = named([replace(runs.MEDIUM, name=f"{runs.MEDIUM.name}_here", contexts_name=f"{runs.MEDIUM.contexts_name}_here")])
SUITE_BEHAVIORS = named(suite.BEHAVIORS)
SUITE_LOGS = named(suite.LOGS)
SUITE = named(suite.SMALL)
TWISTED_LOGS = named(twists.COLLECTIONS)
TWISTS = named((*twists.STITCHING, *twists.STEADY, *twists.LUCKY))
MASKED = named(masking.MASKED)
COLLECTIONS = {
    **RECORDINGS,
    **STUDY_RECORDINGS,
    **SUITE_LOGS,
    **TWISTED_LOGS,
    **DATASETS,
    **HERE,
}  # what trainings learn from, whoever collected it
TRAININGS = named(runs.TRAININGS)
VALUE_TRAININGS = named(runs.VALUE_TRAININGS)
TRAJECTORY_TRAININGS = named(runs.TRAJECTORY_TRAININGS)
STUDY_TRAININGS = named(studies.TRAININGS)
LOGGED_RETURNS = named(studies.LOGGED_RETURNS)
LISTENERS = named(studies.LISTENERS)
SWAPPED_RETURNS = named(studies.SWAPPED_RETURNS)
# hours, or made from a dataset that is not in git; made by their verbs, one at a time, alone
STUDIES = {
    **LONG_BEHAVIORS,
    **STUDY_RECORDINGS,
    **STUDY_TRAININGS,
    **LOGGED_RETURNS,
    **LISTENERS,
    **SWAPPED_RETURNS,
    **SUITE_BEHAVIORS,
    **SUITE_LOGS,
    **SUITE,
    **TWISTED_LOGS,
    **TWISTS,
    **MASKED,
}
EVALUATIONS = named((*runs.EVALUATIONS, *studies.EVALUATIONS, *runs.HUB_EVALUATIONS))
POOLS = named(runs.POOLS)
COMPARISONS = named(
    (*runs.COMPARISONS, *studies.COMPARISONS, *suite.COMPARISONS, *twists.EFFECTS, *masking.EFFECTS, *runs.HUB_COMPARISONS)
)
ATTENTIONS = named((*runs.ATTENTIONS, *runs.HUB_ATTENTIONS))
ATTENTION_BY_TRAINING = named(studies.ATTENTION_BY_TRAINING)
HIDDEN_KEYS = named(studies.HIDDEN_KEYS)
LATENCIES = named((*runs.LATENCIES, *studies.LATENCIES, *runs.HUB_LATENCIES))
ROLLOUTS = named((*runs.ROLLOUTS, *studies.ROLLOUTS, *runs.HUB_ROLLOUTS))
IMAGINATIONS = named((*runs.IMAGINATIONS, *runs.HUB_IMAGINATIONS))
DEMONSTRATIONS = named(runs.DEMONSTRATIONS)
LEAP_TRAININGS = named(runs.LEAP_TRAININGS)
SOLVINGS = named((*runs.SOLVINGS, *studies.SOLVINGS))
REFININGS = named(runs.REFININGS)
CONDITIONALS = named(runs.CONDITIONALS)
PLAN_LATENCIES = named(runs.PLAN_LATENCIES)
MEMORIES = named(runs.MEMORIES)
WALKS = named(runs.WALKS)
BROWSER_EVALUATIONS = named((*runs.BROWSER_EVALUATIONS, *studies.BROWSER_EVALUATIONS))

FETCHES = named(runs.PUBLISHED_CHECKPOINTS)
NEEDED = {data: DATASETS[data] for recipe in FETCHES.values() for data in datasets(recipe.run)}  # to read their tokens

_trained = (BEHAVIORS, RECORDINGS, TRAININGS, VALUE_TRAININGS, TRAJECTORY_TRAININGS, DEMONSTRATIONS, LEAP_TRAININGS)
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
    "attend_trainings": ATTENTION_BY_TRAINING,
    "hide_keys": HIDDEN_KEYS,
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

FIGURES = named((*runs.FIGURES, *studies.FIGURES, *suite.FIGURES, *twists.FIGURES, *runs.HUB_FIGURES))
ANIMATIONS = named((*runs.ANIMATIONS, *runs.HUB_ANIMATIONS))
GRID_ANIMATIONS = named(runs.GRID_ANIMATIONS)
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


def trained_by(checkpoint: str | None) -> Run | None:
    """The run that trained a checkpoint of that name, as it is now, whatever its data; None where none is known."""
    recipe = {**TRAINED, **STUDIES}.get((checkpoint or "").partition(runs.ON)[0])
    return recipe and recipe.run


@functools.cache
def d4rl_suite() -> dict[str, Recipe]:
    """The published matrix, which nobody has run here, by name."""
    return named(suite.d4rl())


def known() -> dict[str, Recipe]:
    """All recipes, as kind/name."""
    return keyed((TRAINED, STUDIES, COLLECTIONS, *EVIDENCE.values(), d4rl_suite(), PICTURES))


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
    return recipe_of(replace(run, name=f"{run.name}{runs.ON}{data}", **changed))


def makers(recipe: Recipe) -> list[str]:
    """The tasks that make the evidence a recipe reads, those of `doit train` left out."""
    made = tasks(source(recipe))
    return [made[name] for name in recipe.inputs if name in made]


@functools.cache
def tasks(source: str) -> dict[str, str]:
    """The task that makes each piece of evidence of a source, by its file, those of `doit train` left out."""
    return {
        f"results/{made.kind}/{made.name}.json": f"{task}:{made.name}"
        for task, registry in SOURCES[source].items()
        if task != "train"
        for made in registry.values()
    }

"""The task graph of the post. `doit list` reads it out; `doit` brings everything up to date.

Evidence is current when what it was made from is what it was (`evidence.records`), not when doit remembers having made it: so
a fresh clone is current too. Where everything was found current, nothing is judged again as long as not a byte differs
(`graph.remembered`). Heavy work runs in processes of its own, one torch thread each; `doit -n 2` uses two.
"""

import gc
import os
import signal
import sys

from doit import get_var
from doit.exceptions import TaskFailed

import pipeline
from pipeline import PipelineError, files
from pipeline.evidence import fingerprints, recipes
from pipeline.evidence.records import Recipe
from pipeline.graph import command, plan, remembered
from pipeline.learning import seen
from pipeline.show import tabulate
from pipeline.wheel import kernels

gc.disable()  # to look for circles of objects takes a tenth of the time, and what is made is made by processes of its own
os.environ[command.PARENT] = str(os.getpid())  # verbs end with doit, even when it is killed
signal.signal(signal.SIGINT, command.end_interrupted)
sys.stdout.reconfigure(
    line_buffering=True, errors="backslashreplace"
)  # the names of tasks before what the tasks say, in a log too

FORGETFUL = ("ignore", "forget", "reset-dep")  # commands of doit that change what it remembers itself, which here is nothing
asked = next((word for word in sys.argv[1:] if "=" not in word), None)  # after variables, as source=hub
if asked in FORGETFUL:
    sys.exit(
        f"error: `doit {asked}` changes nothing here, where evidence says what is current, not what doit remembers: "
        "name the tasks to run (`doit list`), or delete what is to be made again below results/"
    )

COMPUTING = [
    "evaluate",
    "pool",
    "compare",
    "attend",
    "attend_trainings",
    "hide_keys",
    "roll_out",
    "imagine",
    "solve",
    "refine",
    "list_conditionals",
    "walk",
    "weigh_actions",
    "wheel",
]

SOURCE = get_var("source", "local") or "local"  # `doit source=hub`: the published checkpoints in place of those trained here
if SOURCE not in recipes.SOURCES:
    sys.exit(f"error: there is no source {SOURCE!r}; known: {', '.join(recipes.SOURCES)}")

SCHEDULER = get_var("scheduler")  # `doit scheduler=tls://10.0.0.5:8786`, or scheduler=local: what is stale is made by dask
if SCHEDULER and SOURCE != "local":
    sys.exit("error: scheduler= makes what stands on this repository's checkpoints; of source=hub make it without")

SEEN = remembered.look(SOURCE, pipeline.SOURCE) if asked is None else {}  # only where all the tasks below are to be done
KNOWN = remembered.recall(SEEN)  # what was said when all of them were found up to date, with every byte as it is now
SAID = []

DOIT_CONFIG = {
    "default_tasks": [
        "plan",
        *(["fetch"] if SOURCE == "hub" else []),
        "evaluate",
        "pool",
        "compare",
        "attend",
        "attend_trainings",
        "hide_keys",
        "time_actions",
        "roll_out",
        "imagine",
        "solve",
        "refine",
        "list_conditionals",
        "time_plans",
        "weigh_actions",
        "walk",
        "kernels",
        "wheel",
        "animate",
        "animate_grid",
        "figures",
        "judge",
        "tabulate",
        "_remember",
    ],
    "minversion": "0.37.0",
    "backend": "sqlite3",
    "dep_file": ":memory:",  # what is current is told by evidence; a file of its own could only be found half written
    "par_type": "thread",
    "verbosity": 2,
    "sort": "definition",
}


def attempt(function, *arguments):
    """Call a function; an error a user can mend fails the task with its one sentence."""
    try:
        function(*arguments)
    except PipelineError as error:
        return TaskFailed(f"error: {error}")
    except OSError as error:
        return TaskFailed(f"error: {error.filename or 'the system'}: {error.strerror or error}")
    return True


def holds(recipe: Recipe):
    """Whether evidence holds; of a dataset, too, that it lies there, where a training is to learn from it: it is not in git."""
    kept = is_kept(recipe)
    if not kept or recipe.kind != "datasets":
        return kept
    every = (*recipes.TRAINED.values(), *recipes.SUITE.values())
    learners = (learner for learner in every if recipe.name in recipes.datasets(learner.run))
    return all(map(is_kept, learners)) or (files.ROOT / "data" / f"{recipe.name}.hdf5").exists()


def unless_known(holds, *arguments):
    """What `uptodate` of a task asks: nothing, where everything is known to be up to date."""
    return [lambda: KNOWN is not None or holds(*arguments)]


def is_kept(recipe: Recipe):
    """Whether evidence holds, or belongs to a checkpoint that saw more than is to be shown: that one is never overwritten."""
    return fingerprints.stale(recipe) is None or seen.saw_more(recipe)


def evidence_task(recipe: Recipe, needs=()):
    """The task that makes one piece of evidence, when it does not hold, after the tasks it needs."""
    return {
        "name": recipe.name,
        "doc": recipe.about,
        "actions": [[sys.executable, "-m", "pipeline", "make", f"{recipe.kind}/{recipe.name}"]],
        "io": {"capture": False},  # progress is seen as it is made, not when a line ends
        "targets": [str(path) for path in recipe.targets()],
        "uptodate": unless_known(holds, recipe),
        "task_dep": ["_tidy" if recipe.kind in ("training", "datasets") else "_distribute" if SCHEDULER else "plan", *needs],
    }


def of_source(task):
    """The recipes of a task that stand on the chosen source."""
    return recipes.SOURCES[SOURCE][task]


def group(registry, needs=lambda recipe: ()):
    """The tasks of one verb, one for each of its recipes."""
    for recipe in registry.values():
        yield evidence_task(recipe, needs(recipe))


def one_by_one(task, registry, before):
    """The tasks of one verb, each after all of those before it: what is timed must be alone."""
    for recipe in registry.values():
        yield evidence_task(recipe, [*before, *fetched(recipe)])
        before = [*before, f"{task}:{recipe.name}"]


def task_plan():
    """Say what is stale, why, and about how long it takes; refuse what only training could mend."""

    def say(line):
        print(line)
        SAID.append(line)

    def announce():
        if KNOWN is None:
            plan.announce(SOURCE, say)
        else:
            for line in KNOWN:
                print(line)

    return {"actions": [(attempt, [announce])], "uptodate": [False], "task_dep": ["_tidy"]}


def task__tidy():
    """Forget unfinished work that nothing will finish."""
    return {"actions": [(attempt, [plan.tidy])], "uptodate": [False]}


def task__distribute():
    """With `scheduler=ADDRESS`: make what is stale on the workers of a dask cluster (docs/cluster.md)."""
    if SCHEDULER:
        where = [] if SCHEDULER == "local" else [SCHEDULER]
        return {
            "actions": [[sys.executable, "-m", "pipeline", "distribute", *where]],
            "io": {"capture": False},
            "uptodate": unless_known(lambda: False),
            "task_dep": ["plan"],
        }
    return None


def task_train():
    """From nothing: the behavior policy, the dataset it plays, the models that learn from it (hours; resumable)."""
    yield from group(recipes.BEHAVIORS)
    yield from group(recipes.RECORDINGS, lambda recipe: [f"train:{recipe.run.behaviour}"])
    yield from group(recipes.TRAININGS, lambda recipe: [f"train:{recipe.run.data}"])
    yield from group(recipes.VALUE_TRAININGS, lambda recipe: [f"train:{recipe.run.data}"])
    yield from group(recipes.TRAJECTORY_TRAININGS, lambda recipe: [f"train:{recipe.run.data}"])
    yield from group(recipes.DEMONSTRATIONS)
    yield from group(recipes.LEAP_TRAININGS, lambda recipe: [f"train:{name}" for name in recipe.run.data])


def task_suite():
    """The matrix: recorders, logs, and on each log trainings of several methods, each played (half an hour; resumable)."""
    yield from group(recipes.SUITE_BEHAVIORS)
    yield from group(recipes.SUITE_LOGS, lambda recipe: [f"suite:{recipe.run.behaviour}"] * made_by_suite(recipe))
    yield from group(recipes.SUITE, lambda recipe: [f"suite:{recipe.run.data}"])


def made_by_suite(recipe: Recipe):
    """Whether a log's recorder is trained for the matrix alone."""
    return recipe.run.behaviour in recipes.SUITE_BEHAVIORS


def task_twists():
    """Logs of good and poor halves, of luck and of two recorders; what learns from them (three hours of a core; resumable)."""
    yield from group(recipes.TWISTED_LOGS)
    yield from group(recipes.TWISTS, lambda recipe: [f"twists:{recipe.run.data}"] * (recipe.run.data in recipes.TWISTED_LOGS))


def task_masks():
    """LEAP trained with one action hidden at a time and with any number, three times each (an hour; resumable)."""
    yield from group(recipes.MASKED, lambda recipe: [f"train:{name}" for name in recipe.run.data])


def task_fetch():
    """With `source=hub`: published checkpoints, and the dataset that one of them needs, at what `hub.lock` records."""
    yield from group(recipes.NEEDED, lambda recipe: ["plan"])
    yield from group(recipes.FETCHES, lambda recipe: [f"fetch:{recipe.run.data}"] if hasattr(recipe.run, "data") else [])


def fetched(recipe: Recipe):
    """The task that fetches the checkpoint a recipe reads, where it is a published one."""
    return sorted({f"fetch:{name.split('/')[1]}" for name in recipe.inputs if name.startswith("checkpoints/hub_")})


def task_evaluate():
    """Whole episodes of every policy, paired seeds, every return kept."""
    yield from group(of_source("evaluate"), fetched)


def task_pool():
    """Evaluations of several training seeds as one row: an interval over trainings, not over episodes."""
    yield from group(of_source("pool"), recipes.makers)


def task_compare():
    """How far the return got follows the return asked; how far one method scores above another."""
    yield from group(of_source("compare"), recipes.makers)


def task_attend():
    """Where each model looks on fixed contexts, beside an untrained twin; what altering tokens does to the action."""
    yield from group(of_source("attend"), fetched)


def task_attend_trainings():
    """Where several trainings of one recipe look: attention with the training as the unit."""
    yield from group(of_source("attend_trainings"))


def task_hide_keys():
    """What predictions lose when keys are hidden from attention."""
    yield from group(of_source("hide_keys"))


def task_time_actions():
    """Milliseconds per action, one episode alone on one thread; after all else that computes, one at a time."""
    yield from one_by_one("time_actions", of_source("time_actions"), COMPUTING)


def task_time_plans():
    """Milliseconds per plan of LEAP; likewise, after those."""
    yield from one_by_one("time_plans", of_source("time_plans"), [*COMPUTING, "time_actions"])


def task_weigh_actions():
    """Bytes that an action, or a plan, takes: weights, tensors at once, cache."""
    yield from group(of_source("weigh_actions"))


def task_roll_out():
    """One episode of each policy as simulator states, to be drawn anywhere."""
    yield from group(of_source("roll_out"), fetched)


def task_imagine():
    """What a planner imagines, held against what the simulator does under the same actions."""
    yield from group(of_source("imagine"), lambda recipe: [*recipes.makers(recipe), *fetched(recipe)])


def task_solve():
    """Held-out episodes of every BabyAI level, paired seeds, the share solved."""
    yield from group(of_source("solve"))


def task_refine():
    """What refining does to LEAP's plans, and where the model looks while it does."""
    yield from group(of_source("refine"))


def task_list_conditionals():
    """All that LEAP can say of one plan: each action's distribution, given each choice of the others."""
    yield from group(of_source("list_conditionals"), recipes.makers)


def task_walk():
    """One episode on a grid as what was seen and planned, to be drawn anywhere."""
    yield from group(of_source("walk"))


def task_kernels():
    """The browser's models as WebAssembly (needs the extra `wheel`, and only when their sources or settings have changed)."""
    for kernel in kernels.KERNELS:
        yield {
            "name": kernel.name,
            "actions": [(attempt, [kernels.build, kernel])],
            "targets": [kernel.target],
            "uptodate": unless_known(lambda kernel: kernels.stale(kernel) is None, kernel),
        }


def task_wheel():
    """Whole episodes as the reader's browser plays them."""
    yield from group(of_source("wheel"), lambda recipe: ["kernels"])


def task_animate():
    """Frames and moving pictures from simulator states (needs an OpenGL library, and only when they are stale)."""
    yield from group(of_source("animate"), recipes.makers)


def task_animate_grid():
    """Moving pictures of walks on grids."""
    yield from group(of_source("animate_grid"), recipes.makers)


def task_figures():
    """Every other picture: one script each, from evidence alone."""
    yield from group(of_source("figures"), recipes.makers)


def claims():
    """What judges claims, imported where it is asked: scipy takes a fifth of a second."""
    from pipeline.show import claims

    return claims


def task_judge():
    """The verdict on every claim of the post, by its predicate from evidence into `_includes/claims.json`."""
    return {
        "actions": [(attempt, [lambda: claims().write()])],
        "targets": [str(tabulate.VERDICTS)],
        "uptodate": unless_known(lambda: claims().current()),
        "task_dep": ["plan", *COMPUTING, "time_actions", "time_plans"],
    }


def task_tabulate():
    """Every table, by Jinja2 from evidence into `_includes/tables/`."""
    for name in tabulate.NAMES:
        yield {
            "name": name,
            "actions": [(attempt, [tabulate.write, name])],
            "targets": [str(tabulate.target(name))],
            "uptodate": unless_known(tabulate.current, name),
            "task_dep": ["plan", *COMPUTING, "time_actions", "time_plans", "judge"],
        }


def task__remember():
    """Keep in mind that everything was found up to date, where nothing had to be made."""
    return {
        "actions": [(attempt, [remembered.keep, SOURCE, SEEN, SAID])],
        "uptodate": unless_known(lambda: False),
        "task_dep": DOIT_CONFIG["default_tasks"][:-1],
    }

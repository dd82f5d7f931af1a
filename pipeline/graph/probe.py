"""Run a little of what makes a result: to its very end at toy size, and for a while at full size. Renewal compares the two.

    python -m pipeline.graph.probe FILE SALT KIND/NAME [KIND/NAME ...]

For each result one line of JSON goes to FILE: digests of what was computed (`toy`, `prefix`), or the `error` that stopped it,
and the lines of this project's functions that ran, by file. Everything is done by the verbs' own code in the checkout that is
the current folder, which is a scratch copy: checkpoints and evidence are written there under names that end in `_toy`. It may
be a checkout of before there were rooms, or probes.
"""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import importlib
import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import coverage
import numpy as np
import torch

from pipeline import files

if TYPE_CHECKING:
    from pipeline.evidence.records import Recipe
    from pipeline.study.run import Run


def anywhere(*places: str):
    """The first of these modules that this checkout, which may be an old one, has; each named from below the pipeline."""
    for place in places[:-1]:
        with contextlib.suppress(ModuleNotFoundError):
            return importlib.import_module(f"pipeline.{place}")
    return importlib.import_module(f"pipeline.{places[-1]}")


checkpoints = anywhere("evidence.checkpoints", "checkpoints")
recipes = anywhere("evidence.recipes", "recipes")
records = anywhere("evidence.records", "evidence")
command = anywhere("graph.command", "command")
worlds = anywhere("worlds.world", "worlds.environments", "environments")
WORLDS = getattr(worlds, "WORLDS", None) or worlds.EPISODE_STEPS  # in earlier code an episode's length was all that was known

TOY = "_toy"
SMALL = {  # a run of each kind at toy size: two of everything
    "episodes": 2,
    "shard_episodes": 1,
    "steps": 8,
    "listed": 1,
    "updates": 4,
    "interval_updates": 2,
    "warmup_updates": 1,
    "held_out_episodes": 2,
    "further_updates": 4,
    "contexts": 2,
    "contexts_name": "toy",
    "contexts_from_last": 2,
    "context_length": 5,
    "interval_steps": 50,
    "random_steps": 20,
    "evaluation_episodes": 2,
    "maximum_steps": 100,
    "target_return": -1e9,
    "snapshots": (2,),
}
KEPT = {"evaluations": ("target_return",), "training": ("context_length",)}  # of these kinds at their full size all the same
TOY_STEPS, PREFIX_STEPS, PLANNED_STEPS = 24, 100, 30  # of an episode
ENDS = ("lengths", "terminated")  # of episodes: earlier code kept none, and at toy size all that is written is compared
OTHERS = 2**22 + 1  # no process has this number: most have less
PREFIX_UPDATES = 20  # of each of two intervals, between which training is killed and resumes
# kinds that take seconds: no prefix but all
WHOLE = ("attention", "attention_by_training", "hidden_keys", "refined", "conditionals", "imagination", "walks")
MAKERS = {  # in earlier code, what makes a recipe of a run, by the registry that holds such recipes
    "EVALUATIONS": "evaluation",
    "SOLVINGS": "solving",
    "ROLLOUTS": "rollout",
    "COLLECTIONS": "collection",
    "DEMONSTRATIONS": "demonstration",
    "BEHAVIORS": "behaviour",
    "LONG_BEHAVIORS": "long_behavior",
    "TRAININGS": "training",
    "VALUE_TRAININGS": "value_training",
    "TRAJECTORY_TRAININGS": "trajectory_training",
    "LEAP_TRAININGS": "leap_training",
    "STUDY_TRAININGS": "study_training",
}


def load_policy(run: Run):
    """The policy of a run, wherever policies lie in this checkout."""
    where = run.policy if hasattr(run, "policy") else f"pipeline.policies.{run.method}"
    return importlib.import_module(where).load(run)


class EnoughError(Exception):
    """Ends work that has gone on for long enough."""


def counts(value) -> bool:
    """Whether a field's value says how many, and does not name something or stand for nothing."""
    return not isinstance(value, str | None)


def shrunk(run: Run, kind: str):
    """A run at toy size, under a name of its own."""
    names = {field.name for field in dataclasses.fields(run)} - set(KEPT.get(kind, ()))
    small = {name: value for name, value in SMALL.items() if name in names and counts(getattr(run, name)) == counts(value)}
    return replace(run, name=run.name + TOY, **small)


def shorten(steps: int) -> None:
    """Have episodes end after so many steps, where they would go on for longer."""
    for name, world in WORLDS.items():
        if dataclasses.is_dataclass(world):
            WORLDS[name] = replace(world, episode_steps=min(steps, world.episode_steps))
        else:
            WORLDS[name] = min(steps, world)


def known(kind: str, name: str):
    """The recipe of a result."""
    every = [*recipes.TRAINED.values(), *getattr(recipes, "STUDIES", {}).values(), *recipes.rebuilt()]
    return next(recipe for recipe in every if (recipe.kind, recipe.name) == (kind, name))


def registered(recipe: Recipe, run: Run):
    """The recipe of another run of the same kind, known from now on wherever the first one is."""
    if hasattr(recipes, "recipe_of"):
        made = recipes.recipe_of(run)
    else:
        held = [name for name in MAKERS if getattr(recipes, name, {}).get(recipe.name) is recipe]
        made = getattr(recipes, MAKERS[held[0]])(run)
    for registry in list(vars(recipes).values()):
        if isinstance(registry, dict) and registry.get(recipe.name) is recipe:
            registry[run.name] = made
    return made


def call(recipe: Recipe, *words: str) -> None:
    """Run a verb for a recipe in this process, as its command line would."""
    if hasattr(importlib.import_module(recipe.verb), "make"):
        told = dict(zip(words[::2], words[1::2], strict=True))
        into, earlier = Path(told.get("--into", files.ROOT)), {"earlier": told["--from"]} if "--from" in told else {}
        making = importlib.import_module("pipeline.graph.making")
        making.make(command.begin(recipe, into), into, **earlier)
        return
    before, sys.argv = sys.argv, [recipe.verb, recipe.name, *words]
    try:
        importlib.import_module(recipe.verb).main()
    finally:
        sys.argv = before


def content_digest(recipe: Recipe, root: Path) -> str:
    """SHA-256 of a result's values and of the bytes of all files beside it."""
    values = {key: value for key, value in records.read(recipe.path(root))["values"].items() if key != "sha256"}
    named = [Path(root) / output for output in recipe.outputs if not output.endswith("config.json")]
    weights = sorted((Path(root) / "checkpoints" / recipe.name).glob("*.safetensors"))  # which old recipes do not name
    beside = [files.sha256(path) for path in (weights if recipe.kind == "training" else named)]
    return records.values_digest([values, beside])


def tensors_digest(tensors: dict[str, torch.Tensor]) -> str:
    """SHA-256 of named tensors."""
    digest = hashlib.sha256()
    for name in sorted(tensors):
        digest.update(name.encode())
        digest.update(np.ascontiguousarray(tensors[name].detach().cpu().float().numpy()))
    return digest.hexdigest()


def words_of(recipe: Recipe) -> list[str]:
    """What a training was told beside its name, as its evidence says, where the checkout has it."""
    made = recipe.kind == "training" and recipe.path().exists()
    return ["--from", recipe.name] if made and records.read(recipe.path())["values"].get("begun_from") else []


def interrupted(recipe: Recipe, words: list[str]) -> None:
    """Begin a result that is played in shards, and stop after the first."""
    module, shards = importlib.import_module(recipe.verb), []
    play_shard = module.play_shard

    def play_one(*given, **named):
        if shards:
            raise EnoughError
        shards.append(play_shard(*given, **named))
        return shards[-1]

    module.play_shard = play_one
    try:
        with contextlib.suppress(EnoughError):
            call(recipe, *words)
    finally:
        module.play_shard = play_shard


def refusing(kill: Callable) -> Callable:
    """`os.kill`, which refuses to signal a process of that number as if it were another user's."""

    def refused(process: int, number: int) -> None:
        if process == OTHERS:
            raise PermissionError
        kill(process, number)

    return refused


def leave_temporary(path: Path) -> None:
    """Leave beside a file what a process leaves there that is killed while it writes, and what another user's is writing."""
    killed = subprocess.Popen([sys.executable, "-c", ""])
    killed.wait()
    path.parent.mkdir(parents=True, exist_ok=True)
    for process in (killed.pid, OTHERS):
        path.with_name(f".{path.name}.part{process}").write_text("cut sh", encoding="utf-8")


def toy(recipe: Recipe) -> str:
    """Make a result of the same kind at toy size, from its beginning to its very end, where another process was killed;
    interrupted after its first shard where there are shards; digest of what came out.
    """
    shorten(TOY_STEPS)
    made = registered(recipe, shrunk(recipe.run, recipe.kind))
    trained = recipe.kind in ("training", "datasets")
    root = files.ROOT if trained else files.ROOT / "build" / "probe"
    words = [*words_of(recipe), *([] if trained else ["--into", str(root)])]
    leave_temporary(made.path(root))
    if hasattr(importlib.import_module(recipe.verb), "play_shard"):
        interrupted(made, words)
    call(made, *words)
    first = content_digest(made, root)
    if not trained:
        return first
    call(made, *words)  # over what lies there now, as whoever gives the same command again
    weights = loaded(made) if recipe.kind == "training" else ""
    return records.values_digest([first, content_digest(made, root), weights])


def loaded(recipe: Recipe) -> str:
    """SHA-256 of a training's weights as whoever plays it has them."""
    config = json.loads((files.ROOT / "checkpoints" / recipe.name / "config.json").read_text(encoding="utf-8"))
    ours = [vars(module) for name, module in list(sys.modules.items()) if name.startswith("pipeline.")]
    kind = next(names[config["architectures"][0]] for names in ours if config["architectures"][0] in names)
    run = recipe.run if config.get("training") else None
    return tensors_digest(checkpoints.load(recipe.name, kind, run).state_dict())


def whole(recipe: Recipe) -> str:
    """Make a result that takes seconds; digest of all of it."""
    root = files.ROOT / "build" / "probe"
    call(recipe, "--into", str(root))
    return content_digest(recipe, root)


class Watched:
    """A policy whose actions are kept, and that is stopped after so many steps."""

    def __init__(self, policy, steps: int):
        self.policy, self.steps, self.actions = policy, steps, []

    def reset(self, seeds) -> None:
        """Begin the episodes."""
        self.policy.reset(seeds)

    def act(self, *seen) -> np.ndarray:
        """The policy's actions."""
        if len(self.actions) == self.steps:
            raise EnoughError
        self.actions.append(np.array(self.policy.act(*seen)))
        return self.actions[-1]

    def digest(self) -> str:
        """SHA-256 of all actions so far."""
        return hashlib.sha256(b"".join(action.tobytes() for action in self.actions)).hexdigest()


def steps_of(run: Run) -> int:
    """For how many steps a run is watched: fewer where each is searched for."""
    return PLANNED_STEPS if getattr(run, "beams", 0) else PREFIX_STEPS


def play(recipe: Recipe, salt: str, shards: int) -> str:
    """The actions of one shard, chosen by the salt, over its first steps."""
    run, module = recipe.run, importlib.import_module(recipe.verb)
    count = -(-run.episodes // run.shard_episodes)
    shard = int(hashlib.sha256(f"{salt} {recipe.name}".encode()).hexdigest(), 16) % min(count, shards)
    shorten(steps_of(run))
    watched = Watched(load_policy(run), steps_of(run))
    try:
        played = module.play_shard(watched, run, shard, lambda *_: None)
    except EnoughError:
        played = None
    return records.values_digest([watched.digest(), records.plain(played)])


def roll(recipe: Recipe) -> str:
    """The states of a rollout over its first steps."""
    run = recipe.run
    played = recipe.holds[0] if getattr(recipe, "holds", ()) else recipes.EVALUATIONS[run.evaluation].run
    module = importlib.import_module(recipe.verb)
    steps = min(run.steps, steps_of(played))
    states = module.roll_out(load_policy(played), played.environment, run.seed, steps)
    return tensors_digest({name: torch.from_numpy(np.asarray(array)) for name, array in states.items()})


def record(recipe: Recipe, salt: str) -> str:
    """The transitions of a dataset's shard over its first steps."""
    run, module = recipe.run, importlib.import_module(recipe.verb)
    if recipe.verb.endswith("demonstrate"):
        part = module.solve_shard(replace(run, shard_episodes=8), int(salt[:8], 16) % 4, lambda: None)
    else:
        shorten(PREFIX_STEPS)
        policy = module.BehaviourPolicy(checkpoints.load(run.behaviour, module.GaussianPolicyModel))
        part = module.play_shard(policy, run, int(salt[:8], 16) % 4, lambda: None)
    parts = {field.name: getattr(part, field.name) for field in dataclasses.fields(part)}
    arrays_ = {name: value for name, value in parts.items() if isinstance(value, np.ndarray) and name not in ENDS}
    return hashlib.sha256(b"".join(name.encode() + arrays_[name].tobytes() for name in sorted(arrays_))).hexdigest()


def train(recipe: Recipe) -> str:
    """Everything a training keeps after two short intervals at full size, between which it was killed and resumed."""
    interval = min(PREFIX_UPDATES, getattr(recipe.run, "updates", 3 * PREFIX_UPDATES) // 3)
    shorter = {"interval_updates": interval, "interval_steps": 200, "random_steps": 100, "target_return": 1e9}
    names = {field.name for field in dataclasses.fields(recipe.run)}
    run = replace(recipe.run, name=f"{recipe.name}_prefix", **{key: value for key, value in shorter.items() if key in names})
    shorten(PREFIX_STEPS)
    made, kept, write = registered(recipe, run), [], checkpoints.write_tensors

    def write_and_stop(path: Path, tensors: dict, metadata: dict | None = None) -> None:
        write(path, tensors, metadata)
        if "data" not in path.relative_to(files.ROOT).parts:  # where some trainings keep their policies
            kept.append(tensors_digest(tensors))
            raise EnoughError

    checkpoints.write_tensors = write_and_stop
    try:
        for _ in range(2):
            with contextlib.suppress(EnoughError):
                call(made, *words_of(recipe))
    finally:
        checkpoints.write_tensors = write
    if len(kept) != 2 or kept[0] == kept[1]:
        raise RuntimeError(f"{recipe.name} did not resume")
    return records.values_digest(kept)


def prefix(recipe: Recipe, salt: str) -> str:
    """A part of the result at full size; its digest."""
    if recipe.kind in ("evaluations", "solved"):
        return play(recipe, salt, shards=10**9)
    if recipe.kind == "rollouts":
        return roll(recipe)
    return record(recipe, salt) if recipe.kind == "datasets" else train(recipe)


def forget() -> None:
    """Forget what functions of this project remember of earlier calls, so that their lines run again."""
    for name, module in list(sys.modules.items()):
        if name.startswith("pipeline.") and module is not None:
            for each in vars(module).values():
                if callable(getattr(each, "cache_clear", None)):
                    each.cache_clear()


def lines_of(cover: coverage.Coverage) -> dict[str, list[int]]:
    """The lines that ran while it was on, by file relative to the checkout."""
    cover.stop()
    data = cover.get_data()
    return {str(Path(name).relative_to(files.ROOT)): sorted(data.lines(name) or ()) for name in data.measured_files()}


def watched(work: Callable[[], dict], imported: dict[str, list[int]]) -> dict:
    """What work gives, with the lines that ran, those that run when modules are imported among them."""
    cover = coverage.Coverage(data_file=None, source=[str(files.ROOT / "pipeline")], config_file=False)
    cover.start()
    try:
        found = work()
    finally:
        ran = lines_of(cover)
    lines = {name: sorted({*ran.get(name, ()), *imported.get(name, ())}) for name in ran.keys() | imported.keys()}
    return {**found, "lines": lines}


def import_all(chosen: list) -> dict[str, list[int]]:
    """Import all that the results need; the lines of functions that run meanwhile, and have since the process began."""
    for recipe in chosen:
        importlib.import_module(recipe.verb)
        if method := getattr(recipe.run, "method", None):
            with contextlib.suppress(ModuleNotFoundError):
                importlib.import_module(recipe.run.policy if hasattr(recipe.run, "policy") else f"pipeline.policies.{method}")
    cover = coverage.Coverage.current()
    return lines_of(cover) if cover else {}


def probe(recipe: Recipe, salt: str) -> dict:
    """Both digests of one result, or the error that stopped it."""
    whole_worlds, kernels = dict(WORLDS), files.ROOT / "build" / "kernels"
    try:
        files.remove(kernels)  # code in C is compiled at toy size, and found at full size
        forget()
        first = "" if recipe.kind in WHOLE else toy(recipe)
        WORLDS.update(whole_worlds)
        forget()
        second = whole(recipe) if recipe.kind in WHOLE else prefix(recipe, salt)
        return {"toy": first, "prefix": second, "compiled": sorted(map(files.sha256, kernels.glob("*.so")))}
    except (Exception, SystemExit) as error:  # whatever is wrong with it, other results are still to be probed
        return {"error": f"{type(error).__name__}: {' '.join(str(error).split())[:300]}"}
    finally:
        WORLDS.update(whole_worlds)


def main() -> None:
    """Probe the results named and write what was found, a line each."""
    out, salt, *names = sys.argv[1:]
    torch.set_num_threads(1)
    os.kill = refusing(os.kill)
    chosen = {name: known(*name.split("/")) for name in names}
    imported = import_all(list(chosen.values()))
    with open(out, "w", encoding="utf-8") as file:
        for name, recipe in chosen.items():
            found = watched(lambda recipe=recipe: probe(recipe, salt), imported)
            file.write(json.dumps({"result": name, **found}) + "\n")
            file.flush()


if __name__ == "__main__":
    command.run(main)

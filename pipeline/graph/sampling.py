"""Pieces of evidence that are cheap to make again: a random sample of them, each held against what is committed."""

from __future__ import annotations

import random
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from pipeline import PipelineError, files
from pipeline.evidence import checkpoints, recipes, records
from pipeline.evidence.records import Recipe
from pipeline.graph import command, judging
from pipeline.statistics import summaries
from pipeline.study import runs

ERRORS = (PipelineError, ArithmeticError, AttributeError, LookupError, OSError, TypeError, ValueError)


LONGEST = 20.0  # seconds; what takes longer is left to `make reproduce`


TRIED_STEPS = 6  # of a planner's rollout


TRIED_ACTIONS = 40  # of a latency


SECONDS = {
    "random_actions": 2.0,
    "deterministic": 3.0,
    "behaviour": 4.0,
    "behaviour_mode": 4.0,
    "decision_transformer": 15.0,
    "random_steps": 0.5,
    "grid_cloning": 0.5,
}  # of a shard, by method, on one core, at least


@dataclass(frozen=True)
class Piece:
    """Something cheap that can be made again: its name, about how long it takes, and what says whether it is as committed."""

    name: str
    seconds: float
    check: Callable[[], judging.Verdict]


def shard(recipe: Recipe, index: int) -> judging.Verdict:
    """Play one shard of an evaluation or a solving again."""
    import torch

    from pipeline.measures import evaluate, solve
    from pipeline.methods import policies

    torch.set_num_threads(1)
    run, content = recipe.run, records.read(recipe.path())
    policy = policies.load(run)
    if recipe.kind == "evaluations":
        seeds, again = evaluate.shard_seeds(run, index), {"returns": evaluate.play_shard(policy, run, index)}
    else:
        seeds, again = solve.shard_seeds(run, index), solve.play_shard(policy, run, index, lambda: None)
    where = slice(index * run.shard_episodes, index * run.shard_episodes + len(seeds))
    values = content["values"]
    committed = {name: played[where] for name, played in judging.played(recipe, values).items()}
    published, found = (records.plain(summarize(recipe, each)) for each in (committed, again))
    for each in (published, found):
        each["seeds"] = seeds
    return judging.judge_episodes(recipe, published, found, judging.rounds_alike(content))


def summarize(recipe: Recipe, played: dict) -> dict:
    """What follows from some episodes."""
    if recipe.kind == "evaluations":
        return summaries.summarize_returns(recipe.run, played["returns"])
    return summaries.summarize_solved(recipe.run, played)


def steps_of(recipe: Recipe, dice: random.Random) -> judging.Verdict:
    """Replay a rollout step by step; of a planner's some steps in a row."""
    from pipeline.graph import replay

    planned = isinstance(recipes.EVALUATIONS[recipe.run.evaluation].run, runs.PlannedEvaluation)
    first = dice.randrange(recipe.run.steps - TRIED_STEPS) if planned else 0
    found = replay.rollout(recipe, range(first, first + TRIED_STEPS) if planned else None)
    alike = judging.rounds_alike(records.read(recipe.path()))
    verdict, detail = judging.judge_steps(found)
    if found["step"] == found["action"] == 0 or verdict == judging.BAD:
        return ("identical" if verdict != judging.BAD else verdict), detail
    return (judging.BAD if alike else verdict), detail


def remade(recipe: Recipe) -> judging.Verdict:
    """Make a piece of evidence or a picture again, elsewhere, and hold it against what is committed."""
    with tempfile.TemporaryDirectory() as folder:
        try:
            words = ["pipeline", "make", f"{recipe.kind}/{recipe.name}", "--into", folder]
            command.run_verb(words, "it cannot be made again")
        except PipelineError as error:
            return judging.BAD, str(error)
        return judging.judge(recipe, Path(folder))


def timed(recipe: Recipe) -> judging.Verdict:
    """Time some actions or plans: they take neither much less nor much more than the published median. A busy machine slows
    most of them, so that the fastest counts where they take more.
    """
    from dataclasses import replace

    import numpy as np
    import torch

    from pipeline.measures import time_actions, time_plans
    from pipeline.methods import policies

    torch.set_num_threads(1)
    run, values = recipe.run, records.read(recipe.path())["values"]
    policy = policies.load(run)
    count = "plans" if isinstance(run, runs.PlanLatency) else "actions"
    fewer = replace(run, **{count: TRIED_ACTIONS // (4 if isinstance(run, runs.PlannedLatency) else 1)})
    times = (time_plans.time_plans if count == "plans" else time_actions.time_actions)(policy, fewer)
    fastest, middle = float(np.min(times)), float(np.median(times))
    detail = f"median {values['median_ms']:.2f} ms published, {middle:.2f} ms again, the fastest {fastest:.2f} ms"
    fits = values["median_ms"] <= judging.LATENCY_FACTOR * middle and fastest <= judging.LATENCY_FACTOR * values["median_ms"]
    return ("statistically compatible" if fits else judging.BAD), detail


def contexts(recipe: Recipe) -> judging.Verdict:
    """Collect the last shard of a dataset again: its returns may be those of the statistics, and the contexts that were drawn
    from it are in it.
    """
    import numpy as np
    import torch

    from pipeline.measures import collect
    from pipeline.methods.soft_actor_critic.model import GaussianPolicyModel
    from pipeline.methods.soft_actor_critic.policy import BehaviourPolicy

    torch.set_num_threads(1)
    run, values = recipe.run, records.read(recipe.path())["values"]
    last = run.episodes // run.shard_episodes - 1
    found = collect.play_shard(BehaviourPolicy(checkpoints.load(run.behaviour, GaussianPolicyModel)), run, last, lambda: None)
    error = abs(found.returns.mean() - values["return_mean"]) / (values["return_sd"] / len(found) ** 0.5)
    drawn, _ = checkpoints.read_tensors(files.ROOT / recipe.outputs[0])
    episode = drawn["episode"].numpy() - last * run.shard_episodes
    inside = episode >= 0
    windows = (episode[inside, None], drawn["timesteps"].numpy()[inside])
    same = all(
        np.array_equal(getattr(found, name)[windows], drawn[name].numpy()[inside]) for name in ("observations", "actions")
    )
    detail = f"mean return {error:.1f} standard errors off, {inside.sum()} contexts {'found' if same else 'not found'} in it"
    if error > 5 or (not same and judging.rounds_alike(records.read(recipe.path()))):
        return judging.BAD, detail
    return ("identical" if same else "statistically compatible"), detail


def pieces(dice: random.Random) -> list[Piece]:
    """All that is cheap enough to be made again."""
    found = []
    for recipe in [*recipes.SOURCES["local"]["evaluate"].values(), *recipes.SOURCES["local"]["solve"].values()]:
        count = -(-recipe.run.episodes // recipe.run.shard_episodes)
        seconds = max(SECONDS.get(recipe.run.method, 0.0), recipe.seconds / count)
        for index in range(count):
            name = f"{recipe.kind}/{recipe.name}, shard {index + 1} of {count}"
            found.append(Piece(name, seconds, lambda recipe=recipe, index=index: shard(recipe, index)))
    whole = {
        "rollouts": (5.0, lambda recipe: steps_of(recipe, dice)),
        "attention": (15.0, remade),
        "attention_by_training": (40.0, remade),
        "hidden_keys": (60.0, remade),
        "conditionals": (8.0, remade),
        "walks": (8.0, remade),
        "latency": (3.0, timed),
        "memory": (20.0, remade),
        "pictures": (5.0, remade),
        "wheel": (10.0, remade),
    }
    for recipe in recipes.rebuilt():
        if recipe.kind in whole and (recipe.kind not in ("pictures", "wheel") or recipe.seconds <= LONGEST):
            seconds, check = whole[recipe.kind]
            slow = recipe.seconds / 4 if isinstance(recipe.run, runs.PlannedLatency) else seconds
            found.append(Piece(f"{recipe.kind}/{recipe.name}", slow, lambda recipe=recipe, check=check: check(recipe)))
    found += [
        Piece(f"datasets/{recipe.name}, its last shard", 10.0, lambda recipe=recipe: contexts(recipe))
        for recipe in recipes.RECORDINGS.values()
    ]
    return [piece for piece in found if piece.seconds <= LONGEST]


def sample(known: list[Piece], seconds: float, dice: random.Random) -> list[Piece]:
    """A picture, and then pieces in a random order for as long as is given, by what they are said to take."""
    order = sorted(known, key=lambda piece: dice.random())
    pictures = [piece for piece in order if piece.name.startswith("pictures/")][:1]
    chosen, left = [], seconds
    for piece in [*pictures, *order]:
        if piece not in chosen and piece.seconds <= left:
            chosen.append(piece)
            left -= piece.seconds
    return chosen


def check_piece(piece: Piece) -> judging.Verdict:
    """A verdict on a piece of the sample."""
    try:
        return piece.check()
    except ERRORS as error:
        return judging.BAD, f"it cannot be made again ({type(error).__name__}: {error})"

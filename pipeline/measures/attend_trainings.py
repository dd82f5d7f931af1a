"""Look where several trainings of one recipe look: attention by layer and head, with the training as the unit.

    python -m pipeline make attention_by_training/local_dt_halfcheetah_short

What `pipeline.measures.attend` finds for one checkpoint is found for each, on the same contexts, beside an untrained twin of
each; of every mean over contexts that it tells, here are mean and 95 % t-interval over trainings.
"""

from __future__ import annotations

from pathlib import Path

import torch

from pipeline import files
from pipeline.evidence import checkpoints, recipes
from pipeline.evidence.records import Found, Recipe
from pipeline.measures import attend
from pipeline.methods import policies
from pipeline.statistics.intervals import interval
from pipeline.study import runs, studies

KEPT = {  # of what `attend` finds, by method
    "decision_transformer": ("shares", "action_change"),
    "trajectory_transformer": ("lags", "markovian", "striated_predicted", "striated_read", "action_to_action"),
}
ENDS = {"mean", "low", "high"}


def over_trainings(found: list):
    """The same nesting of dictionaries and lists, each interval over contexts in it replaced by one over trainings.

    Args:
        found: what was found for each training: dictionaries and lists, nested alike, of numbers, or of intervals, whose means
            alone count.
    """
    first = found[0]
    if isinstance(first, dict) and first.keys() == ENDS:
        return interval([each["mean"] for each in found])
    if isinstance(first, dict):
        return {key: over_trainings([each[key] for each in found]) for key in first}
    if isinstance(first, list):
        return [over_trainings(list(each)) for each in zip(*found, strict=True)]
    return interval(found)


def look(run: studies.AttentionByTraining, contexts: dict[str, torch.Tensor]) -> list[dict]:
    """What `attend` finds for each training, and, under names that end in `_untrained`, for its twin with fresh weights."""
    found = []
    for seed, checkpoint in enumerate(run.checkpoints):
        one = runs.Attention(checkpoint, run.method, checkpoint, run.contexts, seed)
        policy = policies.load(one)
        values, _ = attend.SUMMARIES[run.method](policy, policies.module(one).untrained(policy, one.seed), contexts)
        found.append(values)
    return found


def summarize(run: studies.AttentionByTraining, found: list[dict]) -> dict:
    """Values of the evidence.

    Returns:
        trainings: how many; contexts; uniform: what attention that looks evenly at all it may see gives; means by training of
        what is kept of the method, and under its name alone mean and interval over trainings; likewise untrained.
    """
    names = [f"{name}{suffix}" for name in KEPT[run.method] for suffix in ("", "_untrained")]
    return {
        "trainings": len(found),
        "contexts": found[0]["contexts"],
        "uniform": found[0]["uniform"],
        **{name: over_trainings([each[name] for each in found]) for name in names},
        "by_training": [{name: means(each[name]) for name in names} for each in found],
    }


def means(table):
    """The same nesting with intervals replaced by their means."""
    if isinstance(table, dict):
        return table["mean"] if table.keys() == ENDS else {key: means(each) for key, each in table.items()}
    return [means(each) for each in table] if isinstance(table, list) else table


def make(recipe: Recipe, into: Path = files.ROOT) -> Found:
    """What the trainings of one recipe look at."""
    contexts, _ = checkpoints.read_tensors(files.ROOT / recipes.contexts_file(recipe.run.contexts))
    return Found(summarize(recipe.run, look(recipe.run, contexts)))

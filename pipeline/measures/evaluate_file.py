"""Play a user's own policy, then time its actions: one row beside the evidence, and not of it.

    python -m pipeline evaluate --policy FILE.py:load

Episodes are cut into shards and kept as those of any evaluation, so that a killed one goes on. Seconds are this machine's, with
the checks that every action passes, and are told apart from the returns.
"""

from __future__ import annotations

from pathlib import Path

from pipeline import PipelineError, files
from pipeline.evidence import machines
from pipeline.evidence.records import Found, Recipe
from pipeline.measures import evaluate, time_actions
from pipeline.methods import policies
from pipeline.statistics import summaries

NOTE = "a user's own policy: not part of the published evidence"


def make(recipe: Recipe, into: Path = files.ROOT) -> Found:
    """Returns, their mean and score with 95 % t-intervals over episodes, and `latency`: milliseconds of single actions.

    Raises:
        PipelineError: the policy fails, or a file that it is made of was changed meanwhile.
    """
    run = recipe.run
    policy = policies.load(run)
    returns = evaluate.evaluate(run, policy, recipe.work(into))
    milliseconds = time_actions.time_actions(policy, run)
    check_unchanged(recipe)
    latency = {"actions": len(milliseconds), "threads": 1, **time_actions.quantiles(milliseconds)}
    values = {**summaries.summarize_returns(run, returns), "latency": {**latency, "processor": machines.processor()}}
    return Found(values, about={"note": NOTE})


def check_unchanged(recipe: Recipe) -> None:
    """See that what was played is what the evidence will name.

    Raises:
        PipelineError: a file was edited since the work began.
    """
    for name, digest in (recipe.begun or {"inputs": {}})["inputs"].items():
        if not Path(name).is_file() or files.sha256(Path(name)) != digest:
            raise PipelineError(f"{name} was changed while it was played, so nothing was written: give the same command again")

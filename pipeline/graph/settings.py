"""Throw-away runs: a run of `pipeline.study.runs` with some of its fields set otherwise, as `--set field=value` asks for.

Such a run has a name of its own. What it measures is written below `TRIED`, and not into `results/`; what it trains or collects
lies beside the project's own, where another run can be told to play it, and git ignores it.
"""

from __future__ import annotations

import ast
import hashlib
import math
import re
from collections.abc import Sequence
from dataclasses import fields, replace
from difflib import get_close_matches
from typing import get_args, get_origin, get_type_hints

from pipeline import PipelineError, files
from pipeline.evidence import recipes
from pipeline.evidence.records import Recipe

WITH = "_with_"  # parts a run's name from what is set otherwise in it
TRIED = files.ROOT / "build" / "tried"
MADE_HERE = ("datasets", "training")  # kinds of which the files lie beside the project's own
LONGEST = 100
PLAYED = ("evaluations", "attention", "latency", "rollouts", "imagination", "solved", "refined", "walks", "conditionals")
FROM_ZERO = ("seed", "first_seed", "contexts_seed", "context", "warmup_updates", "random_steps")  # all other counts begin at 1


def change(recipe: Recipe, settings: Sequence[str]) -> Recipe:
    """The recipe of the same run with some fields set otherwise, under a name of its own.

    Args:
        settings: each `field=value`, the value as Python writes it; text may stand without quotes.

    Raises:
        PipelineError: there is no such field, the value is not of its kind, or such a run has no settings of its own.
    """
    run, hints = recipe.run, get_type_hints(type(recipe.run))
    kinds = {field.name: hints[field.name] for field in fields(run)}
    if recipe.kind not in (*MADE_HERE, *PLAYED) or recipes.source(recipe) == "hub":
        raise PipelineError(f"{recipe.kind}/{recipe.name} follows from what others made: set a field of what it is made from")
    changed = {}
    for setting in settings:
        field, given, text = setting.partition("=")
        if not given or field not in kinds or field == "name":
            near = get_close_matches(field, kinds, n=1)
            known = ", ".join(name for name in kinds if name != "name")
            hint = f"did you mean {near[0]}?" if near and field not in kinds else f"its fields: {known}"
            raise PipelineError(f"{setting!r} sets no field of {run.name} (field=value); {hint}")
        changed[field] = read(field, text, kinds[field], getattr(run, field))
    told = "_and_".join(re.sub(r"[^a-z0-9]+", "_", f"{field}_{value}".lower()).strip("_") for field, value in changed.items())
    if len(told) > LONGEST:  # as names of files are limited
        told = f"{told[:LONGEST]}_{hashlib.sha256(told.encode()).hexdigest()[:8]}"
    apart = {"contexts_name": f"{run.contexts_name}{WITH}{told}"} if hasattr(run, "contexts_name") else {}
    named = replace(run, **{**apart, **changed, "name": f"{run.name}{WITH}{told}"})
    try:
        return recipes.recipe_of(named)
    except KeyError as error:  # of a run that plays another
        raise PipelineError(f"there is no run named {error} for {run.name} to play") from None


def read(field: str, text: str, kind: object, was: object):
    """A field's value from its text.

    Raises:
        PipelineError: it is not of the field's kind, not finite, or a count below the least that means anything.
    """
    try:
        value = ast.literal_eval(text)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        value = {"true": True, "false": False}.get(text.lower(), text)
    several = get_args(kind) if get_origin(kind) is tuple else ()
    kinds = (tuple,) if several else get_args(kind) or (kind,)
    if str in kinds and not isinstance(value, str) and value is not None:
        value = text
    if float in kinds and type(value) is int:
        value = float(value)
    if type(value) not in kinds or (several and any(type(each) not in several for each in value)):
        raise PipelineError(f"{field} is {said(kind)}, such as {was!r}, and not {text!r}")
    numbers = [each for each in (value if isinstance(value, tuple) else (value,)) if type(each) in (int, float)]
    least = -math.inf if float in kinds else 0 if field in FROM_ZERO or was == 0 else 1
    if not all(math.isfinite(number) and number >= least for number in numbers):
        raise PipelineError(f"{field} must be {'finite' if float in kinds else f'{least} or more'}, and not {text}")
    return value


def said(kind: object) -> str:
    """A kind of value in words."""
    words = {int: "a whole number", float: "a number", bool: "True or False", str: "text"}
    return words.get(kind, str(kind).replace("NoneType", "None"))


def moved(before: dict, after: dict, place: str = "") -> list[str]:
    """What differs between two results' values, number by number, lists and digests apart; each as one line."""
    lines = []
    for key, value in after.items():
        name, was = f"{place}{key}", before.get(key)
        if isinstance(value, dict):
            lines += moved(was if isinstance(was, dict) else {}, value, f"{name} ")
        elif type(value) in (int, float):
            lines.append(f"{name}: {value:g}" + (f" (was {was:g})" if type(was) in (int, float) else ""))
    return lines

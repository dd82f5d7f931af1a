"""Make one result: have its verb find what there is to find, and write that.

A verb has `make(recipe, into, ...) -> Found`: it finds the values of the run, or makes what they tell of. `into` is the folder
below which `results/` is written; whatever else it takes is an option of the command line.
"""

from __future__ import annotations

import functools
import importlib
import sys
from pathlib import Path

from pipeline import files
from pipeline.evidence import arrays, records
from pipeline.evidence.records import Found, Recipe


def make(recipe: Recipe, into: Path = files.ROOT, **told) -> None:
    """Call the verb on one thread, write the evidence, then forget the working state.

    Args:
        recipe: what is made, with what it is begun from.
        into: the folder below which it is written.
        told: options that the verb takes.
    """
    verb = importlib.import_module(recipe.verb)
    set_threads = getattr(sys.modules.get("torch"), "set_num_threads", int)  # where the verb imports it
    set_threads(1)
    found: Found = verb.make(recipe, into, **told)
    beside, about = {"arrays": found.arrays}, {"about": found.about}
    write = functools.partial(arrays.write, **beside) if found.arrays else functools.partial(records.write, **about)
    write(recipe, found.values, root=into)
    for left in (*recipe.progress(into), *found.left):
        files.remove(left)

"""Shapes of what policies, planners and statistics take and give are checked while tests run."""

from __future__ import annotations

import importlib
import inspect
import re

import jaxtyping
import numpy as np
import pytest

from pipeline.methods.random_actions.policy import RandomPolicy
from tests import shapes

SHAPED = shapes.shaped()
SHAPE = re.compile(rf"\b({'|'.join(sorted(set().union(*SHAPED.values())))})\[")
BARE = ("np.ndarray", "Tensor")


def functions(module) -> list:
    """Functions and methods that a module defines."""
    classes = [each for each in vars(module).values() if inspect.isclass(each) and each.__module__ == module.__name__]
    members = [each for owner in (module, *classes) for each in vars(owner).values()]
    found = [each.fget if isinstance(each, property) else each for each in members]
    return [each for each in found if inspect.isfunction(each) and each.__module__ == module.__name__ and not made(each)]


def made(function) -> bool:
    """Whether a function was made from a dataclass's fields."""
    return function.__name__ == "__init__" and inspect.unwrap(function).__code__.co_filename == "<string>"


def test_a_wrong_shape_is_refused():
    policy = RandomPolicy(2)
    policy.reset([1, 2, 3])
    assert policy.act(np.zeros((3, 4)), np.zeros(3)).shape == (3, 2)
    with pytest.raises(jaxtyping.TypeCheckError, match="parameter 'rewards'"):
        policy.act(np.zeros((3, 4)), np.zeros(2))
    policy.reset([1])
    with pytest.raises(jaxtyping.TypeCheckError, match="return value"):
        policy.act(np.zeros((3, 4)), np.zeros(3))


@pytest.mark.parametrize("name", SHAPED)
def test_every_function_that_says_shapes_is_held_to_them(name):
    said = [each for each in functions(importlib.import_module(name)) if SHAPE.search(str(each.__annotations__))]
    assert said
    for each in said:
        layers = [each]
        while hasattr(layers[-1], "__wrapped__"):
            layers.append(layers[-1].__wrapped__)
        assert any(layer.__globals__["__name__"] == "jaxtyping._decorator" for layer in layers), f"{each} is not checked"
        for text in filter(SHAPE.search, each.__annotations__.values()):
            eval(text, layers[-1].__globals__)  # what cannot be looked up would not be checked


def test_policies_planners_and_statistics_say_the_shape_of_each_array():
    texts = shapes.texts()
    seam = {
        *(name for name in texts if name.startswith("pipeline.statistics.")),
        *(name for name in texts if name.startswith("pipeline.methods.") and re.search("def (act|plan)[(]", texts[name])),
        *SHAPED,
    }
    bare = [
        f"{name}.{each.__qualname__}: {argument}"
        for name in sorted(seam)
        for each in functions(importlib.import_module(name))
        for argument, text in each.__annotations__.items()
        if text in BARE
    ]
    assert not bare

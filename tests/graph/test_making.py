"""One runner: whatever a verb finds is written whole, from one thread, and its working state forgotten."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from types import ModuleType

import numpy as np
import torch

from pipeline.evidence import arrays, records
from pipeline.evidence.records import Found, Recipe
from pipeline.graph import making


@dataclass(frozen=True)
class ToyRun:
    name: str = "toy"


def made(tmp_path, monkeypatch, find, outputs=()) -> Recipe:
    """The recipe whose evidence lies below `tmp_path`, made by a verb of that `make`."""
    verb = ModuleType("toy_verb")
    verb.make = find
    monkeypatch.setitem(sys.modules, "toy_verb", verb)
    recipe = Recipe("toy", "toys", "toy_verb", ToyRun(), modules=(), outputs=outputs)
    making.make(recipe, tmp_path, twice=2)
    return recipe


def test_values_and_what_is_told_of_their_making_are_written_and_the_working_state_is_gone(tmp_path, monkeypatch):
    def find(recipe: Recipe, into, twice: int) -> Found:
        (recipe.work(into) / "shards").mkdir(parents=True)
        (into / "left.txt").write_text("")
        values = {"threads": torch.get_num_threads(), "twice": twice, "name": recipe.run.name}
        return Found(values, about={"note": "a toy"}, left=(into / "left.txt",))

    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        recipe = made(tmp_path, monkeypatch, find)
    finally:
        torch.set_num_threads(before)
    content = records.read(recipe.path(tmp_path))
    assert content["values"] == {"threads": 1, "twice": 2, "name": "toy"}
    assert content["made"]["note"] == "a toy" and content["made"]["sha256"] == records.sealed(content)
    assert not recipe.work(tmp_path).exists() and not (tmp_path / "left.txt").exists()


def test_arrays_are_written_beside_the_values_that_name_their_sum(tmp_path, monkeypatch):
    recipe = made(tmp_path, monkeypatch, lambda *_, twice: Found({"twice": twice}, {"a": np.arange(3)}), ("toy.npz",))
    assert arrays.read(recipe, tmp_path)["a"].tolist() == [0, 1, 2]
    assert records.read(recipe.path(tmp_path))["values"]["sha256"].keys() == {"toy.npz"}

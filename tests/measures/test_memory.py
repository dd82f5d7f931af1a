"""Bytes that an action takes: what is counted, and that it repeats."""

from types import SimpleNamespace

import pytest
import torch

from pipeline.evidence import recipes, records
from pipeline.measures import weigh_actions


def test_the_most_that_is_alive_at_once_is_counted_and_what_was_there_before_is_not():
    before = torch.zeros(1000)

    def act() -> None:
        first = before + 1  # 4000 bytes
        second = torch.cat([first, first])  # 8000 more
        del first
        assert len(second.clone()) == 2000  # 8000 more, 4000 fewer

    assert weigh_actions.peak_bytes(act) == 16_000
    assert weigh_actions.peak_bytes(lambda: None) == 0


def test_weights_are_weighed_once_and_a_policy_that_keeps_no_cache_has_none():
    policy = SimpleNamespace(model=torch.nn.Linear(10, 5))
    found = weigh_actions.weigh(policy, lambda: policy.model(torch.zeros(1, 10)).sum(), 2)
    assert found["weights_bytes"] == 4 * 55 and found["cache_bytes"] == 0 and found["peak_bytes"] >= 4 * 5


@pytest.mark.parametrize("name", ["local_dt_halfcheetah", "local_bc_halfcheetah_s0"])
def test_bytes_repeat(name):
    recipe = recipes.MEMORIES[name]
    values = records.read(recipe.path())["values"]
    found = weigh_actions.of_actions(recipes.timed(recipe.run), recipe.run.warmup, 1)
    assert found == {key: values[key] for key in found}


def test_a_wider_beam_keeps_more_and_its_cache_is_part_of_what_is_alive():
    widths = [records.read(recipes.MEMORIES[f"local_tt_halfcheetah_k{beams}"].path())["values"] for beams in (1, 8, 32)]
    caches = [values["cache_bytes"] for values in widths]
    assert caches == sorted(caches) and caches[0] > 0
    assert all(values["cache_bytes"] < values["peak_bytes"] for values in widths)

"""All that LEAP can say of one plan: lists solved by hand, a random model's beside its own energies, and the committed ones."""

import itertools
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from pipeline.evidence import arrays, recipes, records
from pipeline.measures import list_conditionals, refine
from pipeline.methods.leap import model as leap
from pipeline.methods.leap.model import ACTIONS, MASK
from tests.methods.leap.test_leap import make_model, make_views

torch.set_num_threads(1)  # other processes share the cores

RECIPE = next(iter(recipes.CONDITIONALS.values()))


def copier(context, plans, steps):
    """A model of two actions a plan that says: odds of e² for what the other action is, times the context, at the second."""
    assert (plans[torch.arange(len(plans)), steps] == MASK).all()
    other = plans[torch.arange(len(plans)), 1 - steps]
    weight = torch.where(steps == 1, context[:, 0], torch.tensor(1.0))
    return SimpleNamespace(logits=2.0 * weight[:, None] * torch.nn.functional.one_hot(other, ACTIONS))


def test_a_list_holds_what_is_said_of_each_action_given_each_choice_of_the_others():
    listed = list_conditionals.costs(copier, torch.tensor([[0.5]]), 2)
    assert listed.shape == (2, 6, 6) and listed.dtype == np.float32
    same, other = (np.log(np.exp(odds) + 5) - np.array([odds, 0]) for odds in (2.0, 1.0))
    for copied in range(6):
        assert listed[0, copied, copied] == pytest.approx(same[0]) and listed[1, copied, copied] == pytest.approx(other[0])
        assert listed[0, copied, (copied + 1) % 6] == pytest.approx(same[1])
        assert listed[1, copied, (copied + 3) % 6] == pytest.approx(other[1])


def test_energies_sum_a_cost_a_place_and_a_rise_is_counted_where_one_is():
    listed = np.zeros((2, 6, 6), dtype=np.float32)
    listed[0, 3, 1] = 2.0  # of action 1 at the first place, beside action 3
    listed[1, 1, 3] = 0.5  # of action 3 at the second place, beside action 1
    listed[1, 1, 4] = 7.0
    every = list_conditionals.energies(listed)
    assert every[1, 3] == 2.5 and every[1, 4] == 7.0 and every[3, 1] == 0.0
    listed[listed == 0] = 1.0
    listed[0, 5, 0], listed[1, 0, 5] = 0.25, 0.125
    found = list_conditionals.summarize(listed, np.array([[1, 4], [1, 3], [1, 4], [0, 5], [0, 5]]))
    assert found["least_plan"] == [0, 5] and found["least_energy"] == 0.375 and found["plans"] == 36
    assert found["energies"].tolist() == [8.0, 2.5, 8.0, 0.375, 0.375] and found["rises"] == 1 and found["horizon"] == 2


@torch.inference_mode()
def test_of_a_random_model_every_plan_has_the_energy_that_the_model_gives_it():
    model, horizon = make_model(), 3
    context = model.encode(make_views(2))[[1]]
    every = torch.tensor(list(itertools.product(range(ACTIONS), repeat=horizon)))
    listed = list_conditionals.costs(model, context, horizon)
    found = list_conditionals.energies(listed)
    expected = leap.energy(model, context.expand(len(every), -1), every).numpy()
    np.testing.assert_allclose(found.ravel(), expected, atol=1e-4)
    assert found.min() == pytest.approx(refine.least_energy(model, context, horizon), abs=1e-4)


def test_the_committed_lists_give_the_energies_that_the_refined_plan_has():
    listed, values = arrays.read(RECIPE)["costs"], records.read(RECIPE.path())["values"]
    refined = arrays.read(recipes.REFININGS[RECIPE.run.refining])
    found = list_conditionals.energies(listed)
    np.testing.assert_allclose(found[tuple(refined["history"].T)], refined["energies"], atol=1e-4)
    np.testing.assert_allclose(np.exp(-listed).sum(axis=-1), 1, atol=1e-5)
    assert values["energies"] == pytest.approx(refined["energies"], abs=1e-3) and values["rises"] == 1
    assert values["least_energy"] == pytest.approx(found.min(), abs=1e-4)
    assert values["seed"] == records.read(recipes.REFININGS[RECIPE.run.refining].path())["values"]["shown_seed"]

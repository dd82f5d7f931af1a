"""Refinement: energies as computed by hand, chance as the sampler promises, and strictness at the door."""

import itertools
import math

import numpy as np
import pytest
import torch
from scipy import stats

from pipeline.methods.leap import model as leap
from pipeline.methods.leap import refinement
from pipeline.methods.leap.model import ACTIONS, MASK, PAD
from pipeline.methods.leap.refinement import RefinementError, energy, refine
from tests.methods.leap.test_leap import make_clear_model, make_model, make_views

CONSTANT = (1.0, 1.0)


@pytest.fixture(scope="module")
def model():
    return make_clear_model(3)


@pytest.fixture(scope="module")
def context(model):
    with torch.inference_mode():
        return model.encode(make_views(8))


def conditional(model, context, plan, step: int) -> list[float]:
    """Probabilities of each action at one step of one plan, it alone masked: the plain writing."""
    masked = list(plan)
    masked[step] = MASK
    logits = model(context[None], torch.tensor([masked])).logits[0, step].tolist()
    total = sum(math.exp(logit) for logit in logits)
    return [math.exp(logit) / total for logit in logits]


def plain_energy(model, context, plan) -> float:
    """Negative pseudo-log-likelihood of one plan, action after action."""
    return -sum(math.log(conditional(model, context, plan, step)[action]) for step, action in enumerate(plan) if action != PAD)


@torch.inference_mode()
def test_the_energy_is_the_negative_pseudo_log_likelihood_computed_by_hand(model, context):
    plans = torch.randint(ACTIONS, (8, 4), generator=torch.Generator().manual_seed(0))
    plans[0, 2:] = PAD
    by_hand = [plain_energy(model, each, plan.tolist()) for each, plan in zip(context, plans, strict=True)]
    torch.testing.assert_close(energy(model, context, plans), torch.tensor(by_hand), rtol=1e-4, atol=1e-4)


@torch.inference_mode()
def test_the_energy_of_a_causal_model_is_its_negative_log_likelihood():
    model = make_model(causal=True)
    context, plan = model.encode(make_views(1)), torch.tensor([[0, 3, 2, 5]])
    by_hand = 0.0
    for step in range(4):
        seen = plan[:, : step + 1].clone()
        seen[0, step] = MASK
        by_hand -= float(model(context, seen).logits[0, step].log_softmax(-1)[plan[0, step]])
    assert float(energy(model, context, plan)[0]) == pytest.approx(by_hand, rel=1e-4)


@torch.inference_mode()
def test_refilling_by_argmax_never_raises_the_conditional_energy_of_the_chosen_position(model, context):
    history = refine(model, context, 4, 20, seeds=range(8), measure=False).history
    changes = 0
    for before, after in itertools.pairwise(history):
        for episode in range(8):
            for step in (before[episode] != after[episode]).nonzero()[:, 0].tolist():
                odds = conditional(model, context[episode], before[episode].tolist(), step)
                assert odds[after[episode, step]] >= odds[before[episode, step]]
                changes += 1
    assert changes > 5


@torch.inference_mode()
def test_an_argmax_plan_left_long_enough_is_calm(model, context):
    plans = refine(model, context, 3, 100, seeds=range(8), measure=False).plans
    for each, plan in zip(context, plans.tolist(), strict=True):
        for step in range(3):
            odds = conditional(model, each, plan, step)
            assert odds[plan[step]] == pytest.approx(max(odds), rel=1e-4)


@torch.inference_mode()
def test_one_iteration_is_the_filling_of_a_plan_that_is_all_masks(model, context):
    filled = model(context, torch.full((8, 4), MASK)).logits.argmax(-1)
    refined = refine(model, context, 4, 1, seeds=range(8))
    assert torch.equal(refined.plans, filled) and refined.history.shape == (1, 8, 4)


def test_energies_are_those_of_the_plan_after_each_iteration(model, context):
    plans, energies, history = refine(model, context, 4, 6, "gibbs", seeds=range(8))
    assert energies.shape == (8, 6) and history.shape == (6, 8, 4) and torch.equal(history[-1], plans)
    for iteration in range(6):
        torch.testing.assert_close(energies[:, iteration], energy(model, context, history[iteration]))


def transition_matrix(model, context, horizon: int) -> np.ndarray:
    """Probability of each plan after each, (plan, plan): a step taken at random is drawn anew given the others."""
    plans = list(itertools.product(range(ACTIONS), repeat=horizon))
    place = {plan: index for index, plan in enumerate(plans)}
    matrix = np.zeros((len(plans), len(plans)))
    for plan, step in itertools.product(plans, range(horizon)):
        for action, probability in enumerate(conditional(model, context, plan, step)):
            matrix[place[plan], place[(*plan[:step], action, *plan[step + 1 :])]] += probability / horizon
    return matrix


def chi_square(counts: np.ndarray, expected: np.ndarray) -> float:
    """p-value; cells that expect fewer than 5 are taken together."""
    rare = expected < 5
    pooled = [np.append(each[~rare], each[rare].sum()) if rare.any() else each for each in (counts, expected)]
    return stats.chisquare(*pooled).pvalue


@torch.inference_mode()
def test_gibbs_sampling_visits_all_plans_as_its_stationary_distribution_says():
    model, chains, horizon = make_model(), 3000, 2
    context = model.encode(make_views(1))
    matrix = transition_matrix(model, context[0], horizon)
    stationary = np.linalg.matrix_power(matrix, 200)[0]
    np.testing.assert_allclose(stationary @ matrix, stationary, atol=1e-9)
    plans = refine(model, context.expand(chains, -1), horizon, 25, "gibbs", CONSTANT, range(chains), measure=False).plans
    counts = np.bincount((plans[:, 0] * ACTIONS + plans[:, 1]).numpy(), minlength=ACTIONS**horizon)
    assert chi_square(counts, chains * stationary) > 0.01
    assert chi_square(counts, np.full(ACTIONS**horizon, chains / ACTIONS**horizon)) < 1e-6


@torch.inference_mode()
def test_gibbs_sampling_grows_greedy_as_it_cools(model, context):
    cold = refine(model, context, 4, 12, "gibbs", (1e-6, 1e-6), range(8), measure=False)
    greedy = refine(model, context, 4, 12, "argmax", seeds=range(8), measure=False)
    assert torch.equal(cold.history, greedy.history)
    assert refinement.temperatures(3, (1.0, 0.01)) == pytest.approx([1.0, 0.1, 0.01])


@pytest.mark.parametrize("sampler", refinement.SAMPLERS)
def test_plans_do_not_depend_on_what_is_planned_beside_them(sampler, model, context):
    together = refine(model, context, 4, 10, sampler, seeds=range(8))
    alone = [refine(model, context[[each]], 4, 10, sampler, seeds=[each]) for each in range(8)]
    assert torch.equal(together.plans, torch.cat([each.plans for each in alone]))
    torch.testing.assert_close(together.energies, torch.cat([each.energies for each in alone]))
    turned = refine(model, context.flip(0), 4, 10, sampler, seeds=range(8)[::-1])
    assert torch.equal(turned.plans.flip(0), together.plans)


@torch.inference_mode()
@pytest.mark.parametrize("sampler", refinement.SAMPLERS)
def test_plans_are_those_of_the_plain_writing(sampler, model, context):
    """One plan after the other; the model is asked anew in every iteration."""
    filling, steps, again = refinement.draws(range(8), 4, 15)
    history = refine(model, context, 4, 15, sampler, seeds=range(8), measure=False).history
    for episode in range(8):
        seen = context[episode : episode + 1]
        plan = refinement.choose(model(seen, torch.full((1, 4), MASK)).logits[0], sampler, 1.0, filling[episode])
        assert torch.equal(history[0, episode], plan)
        for iteration, temperature in enumerate(refinement.temperatures(15, refinement.COOLING)[1:]):
            step = int(steps[episode, iteration])
            masked = plan.index_fill(0, torch.tensor([step]), MASK)
            logits = model(seen, masked[None]).logits[0, step]
            plan[step] = refinement.choose(logits, sampler, temperature, again[episode, iteration])
            assert torch.equal(history[iteration + 1, episode], plan)


@torch.inference_mode()
def test_the_model_is_asked_nothing_it_has_answered(model, context, monkeypatch):
    asked, reconsider = [], refinement.reconsider
    monkeypatch.setattr(refinement, "reconsider", lambda *given: asked.append(len(given[2])) or reconsider(*given))
    history = refine(model, context, 4, 40, seeds=range(8), measure=False).history
    changes = int((history[1:] != history[:-1]).any(-1).sum())
    assert sum(asked) <= 8 * 4 + 4 * changes < 39 * 8


def test_another_seed_makes_another_gibbs_plan_and_the_same_one_the_same(model, context):
    one, again, other = (refine(model, context, 4, 10, "gibbs", CONSTANT, [(seed, 3)] * 8).plans for seed in (0, 0, 1))
    assert torch.equal(one, again) and not torch.equal(one, other)


def test_what_is_seen_is_encoded_once_however_many_iterations_there_are(model, monkeypatch):
    calls, see = [], type(model.encoder).see
    monkeypatch.setattr(type(model.encoder), "see", lambda self, views: calls.append(1) or see(self, views))
    with torch.inference_mode():
        refine(model, model.encode(make_views(2)), 4, 30, seeds=range(2))
    assert len(calls) == 1


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({"iterations": 0}, "0 iterations were asked for"),
        ({"horizon": 5}, "a plan of 5 actions was asked for; the model was trained on 1 to 4"),
        ({"horizon": 0}, "a plan of 0 actions"),
        ({"sampler": "beam"}, "no sampler named 'beam'; known: argmax, gibbs"),
        ({"cooling": (1.0, 0.0)}, "temperatures must be above 0"),
        ({"cooling": (1.0, math.nan)}, "temperatures must be above 0"),
        ({"seeds": range(3)}, "8 plans were asked for, with 3 seeds"),
    ],
)
def test_what_cannot_be_planned_is_refused_before_any_work(options, complaint, context, monkeypatch):
    model = make_model()
    monkeypatch.setattr(leap.LeapModel, "forward", lambda *_, **__: pytest.fail("work was done"))
    arguments = {"horizon": 4, "iterations": 3, "seeds": range(8), **options}
    with pytest.raises(RefinementError, match=complaint):
        refine(model, context, **arguments)


def test_a_causal_model_cannot_refine(context):
    with pytest.raises(RefinementError, match="a causal model does not see the actions to come"):
        refine(make_model(causal=True), context, 4, 3, seeds=range(8))

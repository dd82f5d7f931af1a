"""Drafts and sweeps of LEAP's plans, with a model whose answers are known."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch.nn import functional

from pipeline import files
from pipeline.methods.drawn_steps import policy as drawn_steps
from pipeline.methods.drawn_steps.policy import DrawnSteps
from pipeline.methods.leap import drafted, drafts
from pipeline.methods.leap.model import ACTIONS, MASK
from pipeline.methods.leap.policy import LeapPolicy
from pipeline.methods.leap.refinement import RefinementError
from pipeline.study import studies
from pipeline.worlds.levels import ACTIONS as NAMES
from tests.methods.leap.test_leap import make_model, make_views


class Counting:
    """A model to whom the likeliest first action is 2 and every other the one after its predecessor; of a masked one, 0.

    What is asked again must be masked.
    """

    config = SimpleNamespace(causal=False, horizon=4)

    def __call__(self, context, actions, steps=None):
        before = torch.cat([torch.ones_like(actions[:, :1]), actions[:, :-1]], dim=1)
        likeliest = torch.where(before == MASK, 0, (before + 1) % ACTIONS)
        if steps is not None:
            each = torch.arange(len(actions))
            assert (actions[each, steps] == MASK).all()
            likeliest = likeliest[each, steps]
        return SimpleNamespace(logits=functional.one_hot(likeliest, ACTIONS).float())


@pytest.fixture
def drawn(monkeypatch):
    """Draws that are known: the random draft 5 5 5 5; a first sweep that goes 3 1 2 0, a second from left to right."""
    orders = torch.tensor([[3, 1, 2, 0, 0, 1, 2, 3]])

    def draws(seeds, horizon, sweeps):
        return torch.tensor([[5, 5, 5, 5]]), orders[:, : sweeps * horizon]

    monkeypatch.setattr(drafts, "draws", draws)


@pytest.mark.parametrize(
    ("draft", "sweeps", "plan"),
    [
        ("masks", 0, [2, 0, 0, 0]),  # all at once, so that nobody but the first sees whom it follows
        ("random", 0, [5, 5, 5, 5]),
        ("left_to_right", 0, [2, 3, 4, 5]),
        ("masks", 1, [2, 3, 4, 1]),  # the last one was visited while its predecessor was 0
        ("random", 1, [2, 0, 1, 0]),
        ("left_to_right", 1, [2, 3, 4, 5]),
        ("masks", 2, [2, 3, 4, 5]),
        ("random", 2, [2, 3, 4, 5]),
    ],
)
def test_plans_by_draft_and_sweeps_as_found_by_hand(drawn, draft, sweeps, plan):
    assert drafts.plan(Counting(), torch.zeros(1, 1), 4, draft, sweeps, [0]).tolist() == [plan]


def test_a_sweep_visits_every_position_once_and_fewer_sweeps_are_the_first_of_more():
    actions, orders = drafts.draws([7, (8, 2)], 5, 8)
    visits = orders.unflatten(1, (8, 5))
    assert (visits.sort(dim=-1).values == torch.arange(5)).all()
    assert not (visits[:, 0] == visits[:, 1]).all() and not (visits[0] == visits[1]).all()
    for sweeps in (0, 1, 4):
        fewer = drafts.draws([7, (8, 2)], 5, sweeps)
        assert torch.equal(fewer[0], actions) and torch.equal(fewer[1], orders[:, : 5 * sweeps])


def test_random_drafts_are_uniform_and_hang_on_the_seed():
    actions, _ = drafts.draws(range(2000), 5, 0)
    shares = np.bincount(actions.flatten(), minlength=ACTIONS) / actions.numel()
    assert shares == pytest.approx([1 / 6] * 6, abs=0.015)  # four standard errors
    assert torch.equal(actions[7], drafts.draws([7], 5, 0)[0][0])


@pytest.mark.parametrize(
    ("draft", "sweeps", "horizon", "message"),
    [
        ("wishes", 1, 4, "^a draft is one of masks, random, left_to_right, swept 0 times or more; got 'wishes', 1 sweeps$"),
        ("random", -1, 4, "got 'random', -1 sweeps$"),
        ("random", 1, 5, "^a plan of 5 actions was asked for; the model was trained on 1 to 4$"),
    ],
)
def test_plans_that_cannot_be_made_are_refused(draft, sweeps, horizon, message):
    with pytest.raises(RefinementError, match=message):
        drafts.plan(Counting(), torch.zeros(1, 1), horizon, draft, sweeps, [0])


def test_the_policy_plans_by_its_draft_and_sweeps_from_the_episode_s_seed_and_step(monkeypatch):
    model, asked = make_model(), []
    monkeypatch.setattr(drafted.leap, "load", lambda run: LeapPolicy(model, horizon=4, iterations=3))
    plan = drafts.plan

    def watched(*words):
        asked.append(words[2:])
        return plan(*words)

    monkeypatch.setattr(drafts, "plan", watched)
    policy = drafted.load(replace(studies.DRAFTED[0], draft="left_to_right", sweeps=3))
    policy.reset([11, 12, 13])
    views, alive = make_views(3), np.arange(3)
    acted = np.stack([policy.act(views, alive) for _ in range(4)], axis=1)
    assert asked == [(4, "left_to_right", 3, [(11, 0), (12, 0), (13, 0)])]  # carried out whole
    with torch.inference_mode():
        context = model.encode(views)
    assert acted.tolist() == plan(model, context, 4, "left_to_right", 3, [(11, 0), (12, 0), (13, 0)]).tolist()
    policy.act(views[[1]], alive[[1]])
    assert asked[1] == (4, "left_to_right", 3, [(12, 4)])


def test_actions_are_drawn_as_often_as_demonstrations_take_them():
    policy = DrawnSteps([3, 0, 1, 0, 0, 0])
    policy.reset(range(4000))
    first = policy.act(None, np.arange(4000))
    assert set(first.tolist()) == {0, 2} and (first == 0).mean() == pytest.approx(0.75, abs=0.03)  # four standard errors
    assert not np.array_equal(first, policy.act(None, np.arange(4000)))
    policy.reset([5, 17])
    assert policy.act(None, np.array([1])).tolist() == [first[17]]  # whoever plays beside it


def test_the_shares_are_those_of_the_run_s_demonstrations(monkeypatch):
    shares = dict(zip(NAMES, (0.1, 0.2, 0.7, 0.0, 0.0, 0.0), strict=True))
    read = []

    def evidence(path):
        read.append(path)
        return {"values": {"action_shares": dict(reversed(shares.items()))}}

    monkeypatch.setattr(drawn_steps.records, "read", evidence)
    assert drawn_steps.load(studies.DRAWN).shares.tolist() == pytest.approx(list(shares.values()))
    assert read == [files.ROOT / "results" / "datasets" / "local_bot_go_to_local_s8n7.json"]

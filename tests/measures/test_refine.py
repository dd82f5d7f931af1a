"""Watching LEAP refine: the least energy there is, where the model looks, what moves it, and the paths that plans take."""

import dataclasses
import itertools

import numpy as np
import pytest
import torch

from pipeline import PipelineError
from pipeline.measures import refine, walk
from pipeline.methods.leap import model as leap
from pipeline.methods.leap.model import ACTIONS, MASK
from pipeline.methods.leap.policy import LeapPolicy
from pipeline.methods.leap.refinement import Refinement
from pipeline.study import runs
from pipeline.worlds import grids, levels
from tests.methods.leap.test_leap import make_clear_model, make_model, make_views

torch.set_num_threads(1)  # other processes share the cores

HORIZON = 3


@pytest.fixture(scope="module")
def model():
    return make_clear_model(30)


@pytest.fixture(scope="module")
def context(model):
    with torch.inference_mode():
        return model.encode(make_views(6))


@torch.inference_mode()
def test_the_least_energy_is_that_of_the_best_of_all_plans(model, context):
    every = torch.tensor(list(itertools.product(range(ACTIONS), repeat=HORIZON)))
    for episode in range(2):
        energies = leap.energy(model, context[[episode]].expand(len(every), -1), every)
        found = refine.least_energy(model, context[[episode]], HORIZON)
        assert found == pytest.approx(float(energies.min()), abs=1e-4)
        assert found < float(energies.median()) - 0.1


@torch.inference_mode()
def test_attention_is_read_at_the_state_before_the_masked_action(model, context):
    plans = torch.randint(ACTIONS, (6, HORIZON), generator=torch.Generator().manual_seed(0))
    weights = refine.attention(model, context, plans)
    assert weights.shape == (6, model.config.layers, model.config.heads, HORIZON, 2 * HORIZON)
    masked = plans.clone()
    masked[:, 1] = MASK
    expected = model(context, masked, output_attentions=True).attentions[-1][:, :, 2]
    torch.testing.assert_close(weights[:, -1, :, 1], expected)
    torch.testing.assert_close(sum(refine.shares(weights).values()), torch.ones(6, model.config.layers, model.config.heads))


def test_shares_of_an_even_spread_count_the_tokens_and_its_entropy_is_one():
    even = torch.full((HORIZON, 2 * HORIZON), 1 / (2 * HORIZON))
    found = {kind: float(share) for kind, share in refine.shares(even).items()}
    assert found == pytest.approx({"earlier_actions": 1 / 6, "masked_action": 1 / 6, "later_actions": 1 / 6, "states": 0.5})
    assert float(refine.entropy(even)) == pytest.approx(1)
    assert float(refine.entropy(torch.eye(2 * HORIZON)[:HORIZON])) == pytest.approx(0)


def test_only_the_tokens_of_a_kind_count_for_it():
    weights = torch.zeros(HORIZON, 2 * HORIZON)
    weights[0, 5], weights[1, 1], weights[2, 5] = 1, 1, 1  # a later action, an earlier one, the masked one
    found = {kind: float(share) for kind, share in refine.shares(weights).items()}
    assert found == pytest.approx({"earlier_actions": 1 / 3, "masked_action": 1 / 3, "later_actions": 1 / 3, "states": 0})


@torch.inference_mode()
def test_what_makes_no_difference_has_no_influence(model, context):
    plans = torch.randint(ACTIONS, (6, HORIZON), generator=torch.Generator().manual_seed(1))
    found = refine.influence(model, context, plans)
    assert all(found[kind]["mean"] > 0.01 for kind in found)
    same = refine.influence(model, context[:1].expand(6, -1), plans[:1].expand(6, -1))
    assert all(same[kind]["mean"] == pytest.approx(0, abs=1e-5) for kind in same)
    by_plan = refine.influence(model, context[:1].expand(6, -1), plans)
    assert by_plan["views"]["mean"] == pytest.approx(0, abs=1e-5) and by_plan["later_actions"]["mean"] > 0.01
    first = torch.cat([plans[:, :1], plans[:1, 1:].expand(6, -1)], dim=1)  # plans that differ in their first action alone
    by_first = refine.influence(model, context[:1].expand(6, -1), first)
    assert by_first["later_actions"]["mean"] == pytest.approx(0, abs=1e-5) and by_first["earlier_actions"]["mean"] > 1e-4


def test_the_summary_holds_its_parts_and_one_plan(model):
    run = dataclasses.replace(
        runs.Refining("local_toy", "go_to_local_s7n5", "local_leap_goal"), iterations=3, episodes=4, listed=2
    )
    trained = make_model(grid_size=levels.SIZE, words=len(levels.VOCABULARY) + 1)
    twin = leap.LeapModel(trained.config).eval()
    values, maps = refine.summarize(trained, twin, run, HORIZON)
    assert values["plans"] == 4 and len(values["samplers"]["gibbs"]["energy"]) == 3
    assert len(values["samplers"]["argmax"]["at_least_energy"]) == 3
    with torch.inference_mode():
        seen = trained.encode(levels.observe(refine.begin(run.level, range(100, 102))))
    assert values["listed"] == 2
    assert values["least_energy"] == interval(*(refine.least_energy(trained, seen[[episode]], HORIZON) for episode in range(2)))
    assert maps["attention"].shape == (HORIZON, 2 * HORIZON) and maps["history"].shape == (3, HORIZON)
    assert maps["energies"].shape == (3,) and values["shown_seed"] in range(100, 104)
    assert not np.array_equal(maps["attention"], maps["attention_untrained"])


@pytest.mark.parametrize("level", ["go_to_local_s8n7", "go_to_obj_maze_s4_open", "go_to_obj_maze_s4r2_closed"])
def test_a_path_is_where_the_simulator_takes_the_agent(level):
    simulator, generator, moved = levels.make(level), np.random.default_rng(0), 0
    for seed in range(8):
        levels.reset(simulator, seed)
        views = levels.observe([simulator])
        plan = generator.choice([0, 1, 2, 2, 2, 2], size=8)
        cells = [simulator.agent_pos]
        for action in plan:
            simulator.step(int(action))
            cells.append(simulator.agent_pos)
        drawn = grids.path(views.images[0], views.poses[0], np.append(plan, -1))
        np.testing.assert_array_equal(drawn, np.array(cells))
        moved += len(np.unique(drawn, axis=0)) - 1
    assert moved > 4


def test_a_picture_of_the_grid_holds_every_cell_and_the_agent():
    simulator = levels.make("go_to_local_s8n7")
    levels.reset(simulator, 0)
    views = levels.observe([simulator])
    drawn = grids.picture(views.images[0], views.poses[0], 8)
    assert drawn.shape == (64, 64, 3)
    x, y = views.poses[0, :2]
    assert drawn[8 * y : 8 * y + 8, 8 * x : 8 * x + 8].std() > 20


def test_a_walk_keeps_what_was_seen_and_what_is_left_of_the_plan():
    torch.manual_seed(0)
    trained = make_model(grid_size=levels.SIZE, words=len(levels.VOCABULARY) + 1)
    recorder = walk.Recorder(LeapPolicy(trained, HORIZON, 2))
    result = levels.play(recorder, "go_to_local_s7n5", [100])
    again = levels.play(LeapPolicy(trained, HORIZON, 2), "go_to_local_s7n5", [100])
    assert result["length"] == again["length"]
    record = recorder.record()
    assert len(record["actions"]) == result["length"][0] == len(record["images"]) == len(record["poses"])
    np.testing.assert_array_equal(record["plans"][:, 0], record["actions"])
    left = (record["plans"] >= 0).sum(axis=1)
    assert left.tolist() == [HORIZON - step % HORIZON for step in range(len(left))]


def test_new_plans_are_counted_beside_what_was_done_and_meant(monkeypatch):
    run = dataclasses.replace(runs.Refining("local_toy", "go_to_local_s7n5", "local_leap_goal"), iterations=1, episodes=3)
    trained = make_model(grid_size=levels.SIZE, words=len(levels.VOCABULARY) + 1)
    simulators = refine.begin(run.level, range(100, 103))
    before = [simulator.agent_dir for simulator in simulators]
    plans = torch.tensor([[0, 2, 2], [1, 1, 2], [1, 2, 2]])
    answers = iter([torch.tensor([[0, 2, 2], [1, 2, 2], [1, 0, 2]]), torch.tensor([[1, 2, 2], [1, 2, 2], [2, 2, 2]])])

    def answer(*args, **options):
        plans = next(answers)
        return Refinement(plans, None, plans[None])

    monkeypatch.setattr(refine.refinement, "refine", answer)
    found = refine.replanning(trained, simulators, plans, run)
    assert [simulator.agent_dir for simulator in simulators] == [(d + t) % 4 for d, t in zip(before, (-1, 1, 1), strict=True)]
    assert found["turns"] == 3
    assert [found[name]["mean"] for name in ("goes_on", "agrees", "turns_back")] == pytest.approx([2 / 3, 1 / 3, 1 / 3])


@pytest.mark.parametrize("change", [{"iterations": None}, {"horizon": 1}, {"listed": 101}])
def test_a_run_whose_plans_cannot_be_watched_is_refused_before_any_work(change):
    with pytest.raises(PipelineError):
        refine.check(dataclasses.replace(runs.REFININGS[0], **change))
    refine.check(runs.REFININGS[0])


def interval(*samples):
    """The t-interval of two or three values, as approximate numbers."""
    factor = {2: 12.7062 / np.sqrt(2), 3: 4.302653 / np.sqrt(3)}[len(samples)]
    mean, half = np.mean(samples), factor * np.std(samples, ddof=1)
    return pytest.approx({"mean": mean, "low": mean - half, "high": mean + half}, rel=1e-5, abs=1e-6)


def wilson(successes: int, trials: int):
    """Wilson's interval by its formula, z = 1.959964."""
    z, share = 1.959964, successes / trials
    centre = (share + z**2 / (2 * trials)) / (1 + z**2 / trials)
    half = z * np.sqrt(share * (1 - share) / trials + z**2 / (4 * trials**2)) / (1 + z**2 / trials)
    return pytest.approx({"mean": share, "low": centre - half, "high": centre + half}, rel=1e-5, abs=1e-6)


def test_every_number_of_a_description_is_that_found_by_hand():
    history = torch.tensor([[[0, 1], [2, 2], [3, 3]], [[0, 1], [2, 1], [3, 0]], [[0, 1], [1, 1], [3, 3]]])
    # by less than a ten-thousandth nothing has fallen or risen
    energies = torch.tensor([[2.0, 2.0, 1.99995], [4.0, 1.0, 3.0], [1.0, 9.0, 1.5]], dtype=torch.float64)
    assert refine.describe_refinement(Refinement(history[-1], energies, history)) == {
        "energy": [interval(2, 4, 1), interval(2, 1, 9), interval(1.99995, 3, 1.5)],
        "fall": interval(0.00005, 1, -0.5),
        "fell": wilson(1, 3),
        "rose": wilson(1, 3),
        "plans_changed": wilson(1, 3),  # the third changed and changed back
        "actions_changed": interval(0, 2, 0),
    }


def test_the_least_energy_is_reached_up_to_rounding():
    energies = np.array([[3.0, 1.00005], [2.0, 2.0], [5.0, 4.0002]])
    assert refine.reached(energies, np.array([1.0, 2.0, 4.0])) == [wilson(1, 3), wilson(2, 3)]


def test_attention_is_described_by_the_last_layers_shares_over_plans():
    # two plans, two layers, two heads, two steps; keys are state, action, state, action
    weights = torch.zeros(2, 2, 2, 2, 4)
    weights[:, 0, :, :, 0] = 1  # the first layer looks at the first state
    weights[0, 1, :, 0, 3] = (
        1  # the last layer of the first plan: before its first action at the second, before that at the first
    )
    weights[0, 1, :, 1, 1] = 1
    weights[1, 1, 0, :, 1] = 1  # of the second plan one head looks at the first action, the other one evenly at all four keys
    weights[1, 1, 1] = 0.25
    found = refine.describe_attention(weights)
    # of the second plan: masked and earlier (1 + 1/4) / 2 at one step of two each, and 1/4 / 2 later; its heads spread 0 and 1
    assert found == {
        "shares": {
            "earlier_actions": interval(1 / 2, 1.25 / 4),
            "masked_action": interval(0, (1.25 + 0.25) / 4),
            "later_actions": interval(1 / 2, 0.25 / 4),
            "states": interval(0, 1 / 4),
        },
        "earlier_by_layer": [interval(0, 0), interval(1 / 2, 1.25 / 4)],
        "later_by_layer": [interval(0, 0), interval(1 / 2, 0.25 / 4)],
        "entropy": interval(0, 1 / 2),
    }


def test_the_entropy_of_rows_is_a_share_of_an_even_spreads():
    rows = torch.tensor([[0.5, 0.5, 0.0, 0.0], [0.25, 0.25, 0.25, 0.25]])
    assert float(refine.entropy(rows)) == pytest.approx((1 / 2 + 1) / 2)  # log 2 and log 4 over log 4


def test_influence_is_the_total_variation_that_an_exchange_makes(monkeypatch):
    def shares(model, context, plans):
        """Of three steps: each action is certain to be 1 if the action after it is 1, else 0; the last by what is seen."""
        says = torch.cat([plans[:, 1:], context.long()], dim=1)
        return torch.where(torch.nn.functional.one_hot(says, 2) == 1, 0.0, -torch.inf)

    monkeypatch.setattr(refine, "conditional_logits", shares)
    # the second plan differs in its last two actions and in what is seen
    context, plans = torch.tensor([[0.0], [1.0]]), torch.tensor([[0, 0, 0], [0, 1, 1]])
    assert refine.influence(None, context, plans) == {
        "later_actions": interval(1, 1),  # the first action's next one differs, and so does the second's
        "earlier_actions": interval(0, 0),
        "views": interval(1 / 3, 1 / 3),  # of three actions the last follows what is seen
    }


def test_influence_counts_half_of_what_all_probabilities_move(monkeypatch):
    def shares(model, context, plans):
        """Every action is even between two where 0 comes before it, and 3 : 1 where another action does; the first is even."""
        before = torch.cat([torch.zeros(len(plans), 1, dtype=torch.long), plans[:, :-1]], dim=1)
        return torch.stack([(before > 0) * np.log(3.0), torch.zeros(before.shape)], dim=-1)

    monkeypatch.setattr(refine, "conditional_logits", shares)
    context, plans = torch.zeros(2, 1), torch.tensor([[0, 0], [1, 0]])
    found = refine.influence(None, context, plans)
    # the second action of both plans moves between 1/2 1/2 and 3/4 1/4; the first one has no earlier ones and is not counted
    assert found == {"later_actions": interval(0, 0), "earlier_actions": interval(1 / 4, 1 / 4), "views": interval(0, 0)}


def test_the_least_energy_of_plans_that_can_be_counted(monkeypatch):
    def model(context, plans, steps):
        """Of two actions: the first is 0 with 1/2, whatever the second; the second repeats the first with 3/4."""
        first = torch.zeros(len(plans), ACTIONS) - torch.inf
        first[:, :2] = np.log(1 / 2)
        if steps[0] == 1:
            first[:, :2] = np.log(1 / 4)
            copied = plans[:, 0] < 2
            first[copied, plans[copied, 0]] = np.log(3 / 4)
        return leap.LeapOutput(logits=first)

    # both the same: -log 1/2 - log 3/4
    assert refine.least_energy(model, torch.zeros(1, 4), 2) == pytest.approx(np.log(2) + np.log(4 / 3))


class TwoPlans:
    """A planner with plans of three actions, each carried out whole; the first plan is 2 2 1, the second 0 1 2."""

    horizon = 3

    def __init__(self):
        self.step = 0

    def reset(self, seeds):
        """Begin the episode."""
        self.begun = list(seeds)

    def act(self, views, alive):
        """The next action of the plan at hand."""
        plan, place = divmod(self.step, 3)
        self.plans = np.array([[[2, 2, 1], [0, 1, 2]][plan]])
        self.used = np.array([place + 1])
        self.step += 1
        return self.plans[:, place]


def test_a_recorder_keeps_what_is_left_of_each_plan():
    policy = TwoPlans()
    recorder = walk.Recorder(policy)
    recorder.reset([7])
    seen = make_views(4)
    taken = [recorder.act(seen[[step]], np.array([0])).tolist() for step in range(4)]
    record = recorder.record()
    assert policy.begun == [7] and taken == [[2], [2], [1], [0]] and record["actions"].tolist() == [2, 2, 1, 0]
    assert record["plans"].tolist() == [[2, 2, 1], [2, 1, -1], [1, -1, -1], [0, 1, 2]]
    assert np.array_equal(record["images"], seen.images) and np.array_equal(record["poses"], seen.poses)

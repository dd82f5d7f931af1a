"""LEAP trained with actions hidden: which, what their loss is, what a plan hangs on, and what follows from a training."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
import torch

from pipeline.evidence import recipes
from pipeline.measures import demonstrate, refine, train_and_plan
from pipeline.methods.leap import drafts, hiding, masking, refinement, train
from pipeline.methods.leap.model import ACTIONS, MASK, PAD, LeapConfig, LeapModel
from pipeline.methods.leap.train import Windows
from pipeline.statistics import summaries
from pipeline.study import babyai
from pipeline.study import masking as study
from pipeline.worlds import levels

SMALL = {"layers": 2, "heads": 2, "hidden_size": 16, "channels": 4, "horizon": 5, "dropout": 0.0}


def model(seed: int = 0, **sizes) -> LeapModel:
    """A small network whose actions matter to one another."""
    torch.manual_seed(seed)
    made = LeapModel(LeapConfig(**{**SMALL, **sizes})).eval()
    with torch.no_grad():
        for parameter in made.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.3)
    return made


def test_hides_from_one_to_all_actions_each_number_as_often_and_each_place_too():
    torch.manual_seed(0)
    hidden = masking.any_masks(40_000, 4)
    counts = hidden.sum(dim=1)
    assert torch.bincount(counts, minlength=5).tolist()[0] == 0
    for count in (1, 2, 3, 4):
        assert (counts == count).double().mean() == pytest.approx(1 / 4, abs=0.01)
        places = hidden[counts == count].double().mean(dim=0)  # each place is hidden as often as any
        assert torch.allclose(places, torch.full((4,), count / 4, dtype=torch.float64), atol=0.02)


def test_averages_over_what_a_copy_hides_and_then_over_copies():
    sure = torch.full((3, 2, ACTIONS), -1e9)
    sure[..., 1] = 0.0  # certain of action 1
    even = torch.zeros(3, 2, ACTIONS)  # ln 6 nats an action
    logits = torch.stack([even[:, 0], sure[:, 1]], dim=1)
    actions = torch.tensor([[1, 1], [1, 1], [PAD, 1]])
    hidden = torch.tensor([[True, True], [True, False], [True, False]])
    found = masking.mean_over_hidden(logits, actions, hidden)
    assert found.tolist() == pytest.approx([math.log(6) / 2, math.log(6)])  # the third hides nothing but an end


def test_what_is_hidden_in_training_is_not_seen_and_the_loss_is_of_it_alone(monkeypatch):
    seen = []

    class Watched:
        device = torch.device("cpu")

        def encode(self, views):
            return torch.zeros(len(views), 3)

        def __call__(self, context, actions):
            assert len(context) == len(actions)
            seen.append(actions)
            logits = torch.zeros(*actions.shape, ACTIONS)
            logits[actions != MASK] = torch.nan  # asking for one that is seen would spoil the mean
            return type("Output", (), {"logits": torch.nan_to_num(logits, nan=1e9)})

    hides = torch.tensor([[True, False], [True, True]])
    monkeypatch.setattr(masking, "any_masks", lambda plans, horizon: hides)
    found = masking.loss_of_any(Watched(), [Windows([None], np.array([[2, 4]]))])
    assert seen[0].tolist() == [[MASK, 4], [MASK, MASK]]
    assert float(found) == pytest.approx(math.log(6))


def test_copies_count_alike_however_many_plans_a_level_brings(monkeypatch):
    class Torn:
        """Certain of action 1 in the first level's two copies, and of nothing in the second's four."""

        device = torch.device("cpu")

        def encode(self, views):
            return torch.zeros(len(views), 3)

        def __call__(self, context, actions):
            logits = torch.zeros(*actions.shape, ACTIONS)
            logits[..., 1] = 1e9 if len(context) == 2 else 0.0
            return type("Output", (), {"logits": logits})

    monkeypatch.setattr(masking, "any_masks", lambda plans, horizon: torch.ones(plans, horizon, dtype=torch.bool))
    batch = [Windows([None] * plans, np.ones((plans, 2), dtype=np.int64)) for plans in (1, 2)]
    assert float(masking.loss_of_any(Torn(), batch)) == pytest.approx(math.log(6) * 4 / 6)


@pytest.mark.parametrize("part, moves", [("later", [True, True, False, False]), ("earlier", [False, False, False, True])])
def test_hidden_actions_move_nothing_and_the_others_do(part, moves):
    plain, context = model(), torch.randn(1, SMALL["hidden_size"])
    seen, plan, step = hiding.HidingModel(plain, part), torch.tensor([[0, 1, 2, 3]]), torch.tensor([2])
    before = seen(context, plan, step).logits
    for place in (0, 1, 3):
        other = plan.clone()
        other[0, place] = 5
        moved = not torch.equal(seen(context, other, step).logits, before)
        assert moved == moves[place], place
        assert not torch.equal(plain(context, other, step).logits, plain(context, plan, step).logits)


def test_each_plan_has_its_own_step_and_nothing_hidden_is_the_plain_model():
    plain, context = model(), torch.randn(2, SMALL["hidden_size"])
    plans = torch.tensor([[0, 1, 2], [2, 1, 0]])
    steps = torch.tensor([2, 0])  # the last has no later actions, the first no earlier ones
    later = hiding.HidingModel(plain, "later")(context, plans, steps).logits
    earlier = hiding.HidingModel(plain, "earlier")(context, plans, steps).logits
    intact = plain(context, plans, steps).logits
    assert torch.allclose(later[0], intact[0], atol=1e-5) and not torch.allclose(later[1], intact[1], atol=1e-3)
    assert torch.allclose(earlier[1], intact[1], atol=1e-5) and not torch.allclose(earlier[0], intact[0], atol=1e-3)


def test_refuses_to_hide_what_is_not_named_or_from_no_step():
    with pytest.raises(ValueError, match="one of later, earlier, not 'both'"):
        hiding.HidingModel(model(), "both")
    with pytest.raises(ValueError, match="none is"):
        hiding.HidingModel(model(), "later")(torch.zeros(1, 16), torch.zeros(1, 3, dtype=torch.int64))


def test_hides_the_keys_of_actions_alone():
    keys = hiding.hidden_keys(torch.tensor([1]), 3, "later")
    assert keys.shape == (1, 1, 1, 6)
    assert keys.flatten().tolist() == [0, 0, 0, 0, 0, -math.inf]
    assert hiding.hidden_keys(torch.tensor([1]), 3, "earlier").flatten().tolist() == [0, -math.inf, 0, 0, 0, 0]


@pytest.mark.parametrize("masked", ["one", "any"])
def test_trainings_are_the_posts_own_but_for_what_is_hidden_and_how_long(masked):
    runs = {"one": study.ONE, "any": study.ANY}[masked]
    own = {**vars(babyai.LEAP_GOAL), "updates": 1500}
    assert len(runs) == 3
    for seed, run in enumerate(runs):
        assert vars(run.training) == {**own, "name": run.name, "seed": seed, "masked": masked}
        assert recipes.MASKED[run.name].inputs == recipes.LEAP_TRAININGS[babyai.LEAP_GOAL.name].inputs


def test_one_hidden_is_the_published_loss_in_float32():
    generator = np.random.default_rng(0)
    torch.manual_seed(0)
    plain = LeapModel(LeapConfig(**{**SMALL, "grid_size": levels.SIZE, "words": len(levels.VOCABULARY) + 1})).eval()
    few = replace(babyai.DEMONSTRATIONS[1], episodes=3, shard_episodes=3)
    batch = [train.Drawer(demonstrate.solve_shard(few, 0, lambda: None), study.ONE[0].training).draw(generator, 8)]
    assert (batch[0].actions == PAD).any()
    with torch.inference_mode():
        found, published = masking.LOSSES["one"](plain, batch), train.loss(plain, batch)
    assert float(found) == pytest.approx(float(published), abs=0.01)


def test_plays_every_way_and_looks_at_first_plans():
    run = replace(study.ONE[0], episodes=3, shard_episodes=2)
    torch.manual_seed(0)
    sizes = {**SMALL, "horizon": train.LONGEST, "grid_size": levels.SIZE, "words": len(levels.VOCABULARY) + 1}
    one, twin = (LeapModel(LeapConfig(**sizes)).eval() for _ in range(2))
    ticks = []
    solved = train_and_plan.solve(run, one, lambda: ticks.append(1))
    assert set(solved) == {
        *(f"{draft}_{sweeps}" for draft in ("masks", "random", "left_to_right") for sweeps in (0, 1, 8)),
        "later_hidden",
        "earlier_hidden",
    }
    assert all(len(each["success"]) == 3 for each in solved.values()) and len(ticks) == 3 * len(solved)
    seen = train_and_plan.look(run, one, twin)
    assert len(seen["energies"]) == 3 and min(seen["energies"]) > 0
    shares = seen["attention"]["shares"]
    assert sum(share["mean"] for share in shares.values()) == pytest.approx(1, abs=1e-6)
    assert {"influence", "influence_untrained", "attention_untrained"} <= seen.keys()


def test_every_way_of_planning_is_the_one_that_its_name_says(monkeypatch):
    played = []

    def play(policy, run, shard, tick):
        seen = policy.model.part if isinstance(policy.model, hiding.HidingModel) else None
        plain = seen is None and policy.model is one
        same = all(torch.equal(*pair) for pair in zip(policy.model.parameters(), one.parameters(), strict=True))
        played.append((policy.draft, policy.sweeps, seen, plain, same, policy.horizon))
        return {"success": [1], "length": [1]}

    monkeypatch.setattr(train_and_plan, "play_shard", play)
    run, one = replace(study.ONE[0], episodes=1), LeapModel(LeapConfig(**{**SMALL, "horizon": train.LONGEST}))
    found = train_and_plan.solve(run, one, lambda: None)
    said = {name: way[:3] for name, way in zip(found, played, strict=True)}
    assert said == {
        **{
            f"{draft}_{sweeps}": (draft, sweeps, None) for draft in ("masks", "random", "left_to_right") for sweeps in (0, 1, 8)
        },
        "later_hidden": ("random", 8, "later"),
        "earlier_hidden": ("random", 8, "earlier"),
    }
    assert all(plain is (seen is None) and same and horizon == 5 for *_, seen, plain, same, horizon in played)


def test_looks_at_fillings_and_at_swept_plans_of_the_trained_network_and_of_its_twin(monkeypatch):
    run = replace(study.ONE[0], episodes=2, shard_episodes=1)
    sizes = {**SMALL, "horizon": train.LONGEST, "grid_size": levels.SIZE, "words": len(levels.VOCABULARY) + 1}
    one, twin = model(1, **sizes), model(2, **sizes)
    seen = train_and_plan.look(run, one, twin)
    views, seeds = levels.observe(refine.begin(run.level, [1000, 1001])), [(1000, 0), (1001, 0)]
    with torch.inference_mode():
        context, of_twin = one.encode(views), twin.encode(views)
    filled = drafts.plan(one, context, 5, "masks", 0, seeds)
    swept = drafts.plan(one, context, 5, "random", 8, seeds)
    assert seen["energies"] == refinement.energy(one, context, filled).double().tolist()
    for name, network, what in (("", one, context), ("_untrained", twin, of_twin)):
        assert seen[f"influence{name}"] == refine.influence(network, what, swept)
        assert seen[f"attention{name}"] == refine.describe_attention(refine.attention(network, what, swept))
    assert seen["influence"] != seen["influence_untrained"] and seen["attention"] != seen["attention_untrained"]


@pytest.mark.parametrize("masked", ["one", "any"])
def test_losses_are_means_over_all_plans_each_read_beside_its_own_view(masked, monkeypatch):
    """The network gives the action that a plan's view names nearly all probability."""

    class Told:
        device = torch.device("cpu")
        config = LeapConfig(**SMALL)

        def encode(self, views):
            return torch.tensor(views, dtype=torch.float32)[:, None]

        def __call__(self, context, actions, steps=None):
            horizon = 1 if steps is not None else actions.shape[1]
            logits = torch.zeros(len(actions), horizon, ACTIONS)
            logits[torch.arange(len(actions)), :, context[:, 0].long()] = math.log(5.0)  # 5 of 10, where others have 1
            return type("Output", (), {"logits": logits[:, 0] if steps is not None else logits})

    known, other = math.log(2.0), math.log(10.0)
    windows = [Windows([1, 2], np.array([[1, 1], [2, 2]])), Windows([3], np.array([[4, 4, 4, 4]]))]
    found = masking.LOSSES[masked](Told(), windows)
    assert float(found) == pytest.approx((known + other) / 2)  # four copies of actions that views name, four of others
    windows = [Windows([1, 2], np.array([[1, 1], [4, 4]])), Windows([3], np.array([[4, 4, 4, 4]]))]
    assert float(masking.LOSSES[masked](Told(), windows)) == pytest.approx((2 * known + 6 * other) / 8)


def test_means_follow_from_episodes():
    run = replace(study.ONE[0], first_seed=7, episodes=2)
    found = summaries.planned(run, {"energies": [1.0, 3.0], "solved": {"masks_0": {"success": [0, 1]}}})
    assert found["seeds"] == [7, 8] and found["episodes"] == 2
    assert found["energy"]["mean"] == 2.0 and found["energy"]["high"] == pytest.approx(2 + 12.7062, abs=1e-3)  # t, 1 degree
    assert found["solved"]["masks_0"]["success"] == [0, 1]
    assert found["solved"]["masks_0"]["share"]["mean"] == 0.5
    assert found["solved"]["masks_0"]["share"]["low"] == pytest.approx(0.0945, abs=1e-4)  # Wilson's, one of two


@pytest.mark.parametrize("energies, success", [([1.0], [0]), ([1.0, 2.0], [0]), ([1.0, 2.0], [0, 2]), ([1.0, 2.0], [0, 1, 1])])
def test_episodes_that_are_missing_or_half_solved_are_refused(energies, success):
    run = replace(study.ONE[0], episodes=2)
    with pytest.raises(ValueError, match="has 2 episodes, each solved or not"):
        summaries.planned(run, {"energies": energies, "solved": {"masks_0": {"success": success}}})


def test_effects_are_training_by_training():
    held = {"a0": 1.0, "a1": 2.0, "b0": 0.5, "b1": 1.5}
    run = study.TrainingsEffect("x", ("a0", "a1"), ("b0", "b1"), "deep.one", "deep.two", 0.1)
    found = summaries.over_trainings(run, lambda kind, name: {"values": {"deep": {"one": held[name], "two": held[name] - 1}}})
    assert found["difference"] == {"mean": 1.5, "low": 1.5, "high": 1.5} and found["seeds"] == 2
    assert found["verdict"] == "holds" and found["smallest"] == 0.1
    assert run.compared() == ("a0", "a1", "b0", "b1")
    assert run.inputs(None) == tuple(f"results/masked/{name}.json" for name in ("a0", "a1", "b0", "b1"))


def test_every_effect_asks_for_what_the_rows_say():
    asked = {run.name: (run.ones, run.others, run.quantity, run.other_quantity, run.smallest) for run in study.EFFECTS}
    one, anything = (tuple(run.name for run in runs) for runs in (study.ONE, study.ANY))
    share = "solved.{}.share.mean".format
    later = ("influence.later_actions.mean", "influence_untrained.later_actions.mean")
    assert asked == {
        "leap_fillings": (anything, one, "energy.mean", "energy.mean", 5.0),
        "leap_one_hidden": (anything, one, "held_out_loss", "held_out_loss", 0.05),
        "leap_later_hidden": (one, one, share("later_hidden"), share("random_8"), 0.05),
        "leap_earlier_hidden": (one, one, share("earlier_hidden"), share("random_8"), 0.05),
        "leap_later_moves": (one, one, *later, 0.1),
        "leap_drafts_unswept": (one, one, share("left_to_right_0"), share("masks_0"), 0.05),
        "leap_drafts_swept": (one, one, share("masks_8"), share("left_to_right_8"), 0.05),
        "leap_fillings_solve": (anything, one, share("masks_0"), share("masks_0"), 0.05),
    }


@pytest.mark.parametrize("masked", ["one", "any"])
def test_a_run_trains_and_plans_and_its_values_follow(masked, monkeypatch, tmp_path):
    monkeypatch.setattr(train_and_plan, "WAYS", {name: train_and_plan.WAYS[name] for name in ("masks_0", "later_hidden")})
    few = replace(babyai.DEMONSTRATIONS[1], episodes=12, shard_episodes=12)
    assert few.level == study.LEVEL
    shown = demonstrate.solve_shard(few, 0, lambda: None)
    monkeypatch.setattr(train, "read", lambda run: [shown])
    short = {"updates": 4, "interval_updates": 2, "held_out_episodes": 4, "warmup_updates": 1, "batch_size": 8}
    training = replace(study.ONE[0].training, name="toy", masked=masked, hidden_size=32, channels=8, **short)
    recipe, counted = recipes.recipe_of(study.MaskedRun("toy", training, study.LEVEL, episodes=3, shard_episodes=2)), Counter()
    for name, loss in masking.LOSSES.items():

        def counting(*given, name=name, loss=loss):
            counted[name] += 1
            return loss(*given)

        monkeypatch.setitem(masking.LOSSES, name, counting)
    learned, drawn = set(), train.draw

    def drawing(drawers, generator, size):
        learned.update(len(drawer.last) for drawer in drawers)
        assert all(np.array_equal(drawer.whole.actions, shown[:8].actions) for drawer in drawers)
        return drawn(drawers, generator, size)

    monkeypatch.setattr(train, "draw", drawing)
    twins, look = [], train_and_plan.look
    monkeypatch.setattr(train_and_plan, "look", lambda run, model, twin: twins.append(twin) or look(run, model, twin))
    values = train_and_plan.make(recipe, tmp_path).values
    assert values["episodes"] == 3 and values["seeds"] == [1000, 1001, 1002] and values["updates"] == 4
    assert len(values["weights_sha256"]) == 64 and len(values["curve"]) == 2 and values["held_out_loss"] > 0
    assert counted == {masked: 4}  # updates
    assert learned == {8}, "episodes, of twelve less four that are held out"
    torch.manual_seed(training.seed)
    first = LeapModel(twins[0].config).state_dict()
    assert all(torch.equal(weights, first[name]) for name, weights in twins[0].state_dict().items()), "an untrained twin"
    assert summaries.derived(recipe, values, tmp_path) == values
    assert train_and_plan.make(recipe, tmp_path / "again").values == values

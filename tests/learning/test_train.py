"""Training's schedule, split, losses and curve, by hand."""

import contextlib
import dataclasses
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from pipeline import PipelineError
from pipeline.data.episodes import Episodes, sha256
from pipeline.evidence import recipes
from pipeline.learning import train, training
from pipeline.methods.behaviour_cloning import model as behaviour_cloning
from pipeline.methods.decision_transformer import model as decision_transformer
from pipeline.methods.td3_bc import train as train_td3_bc
from pipeline.methods.trajectory_transformer import train as train_trajectory_transformer
from pipeline.study.runs import DECISION_TRANSFORMER, LEAP_GOAL, TRAJECTORY_TRANSFORMER

RUN = dataclasses.replace(DECISION_TRANSFORMER, updates=1100, warmup_updates=100, learning_rate=1e-3, held_out_episodes=2)


@pytest.mark.parametrize(("update", "rate"), [(0, 1e-5), (49, 5e-4), (99, 1e-3), (100, 1e-3), (600, 5.5e-4), (1100, 1e-4)])
def test_the_learning_rate_warms_up_and_falls_to_a_tenth(update, rate):
    assert train.learning_rate(RUN, update) == pytest.approx(rate)


def test_the_last_episodes_are_held_out():
    whole = Episodes(np.arange(5.0).reshape(5, 1, 1), np.zeros((5, 1, 1)), np.zeros((5, 1)))
    learn, held_out = train.split(whole, RUN)
    assert learn.observations.ravel().tolist() == [0, 1, 2] and held_out.observations.ravel().tolist() == [3, 4]


@pytest.mark.parametrize(
    ("change", "update", "rate"),
    [
        ({"warmup_updates": 0}, 0, 1e-3),  # cloning begins at the full rate
        ({"warmup_updates": 0}, 1100, 1e-4),
        ({"warmup_updates": 1}, 0, 1e-3),
        ({}, 350, 1e-3 * (0.1 + 0.45 * (1 + 2**-0.5))),  # a quarter of the way: the cosine of 45 degrees
        ({}, 850, 1e-3 * (0.1 + 0.45 * (1 - 2**-0.5))),
        ({"updates": 100}, 100, 1e-3),  # nothing is left to fall
        ({"updates": 101}, 101, 1e-4),
    ],
)
@pytest.mark.parametrize("verb", [train, training])
def test_the_schedule_at_its_corners(verb, change, update, rate):
    assert verb.learning_rate(dataclasses.replace(RUN, **change), update) == pytest.approx(rate)


class Weight(torch.nn.Module):
    """A model of one number, 8 at first."""

    device = torch.device("cpu")

    def __init__(self):
        super().__init__()
        self.number = torch.nn.Parameter(torch.tensor([8.0]))


class Doubling:
    """Batches that hold the number of their draw."""

    def __init__(self, episodes=None, run=None, like=None):
        self.episodes, self.like, self.drawn = episodes, like, 0

    def draw(self, generator, size):
        """1, 2, 3, ..."""
        assert size == 4
        self.drawn += 1
        return {"draw": torch.tensor(float(self.drawn))}


def toy(loss=None):
    """A method whose loss is the model's number times that of the draw, and 1000 more while the model is in training."""

    def usual(model, batch):
        return (batch["draw"] * model.number).sum() + (1000.0 if model.training else 0.0)

    return SimpleNamespace(Batches=Doubling, build=lambda run, episodes: Weight(), loss=loss or usual)


SMALL = dataclasses.replace(RUN, batch_size=4, updates=5, interval_updates=2, warmup_updates=4, gradient_clip=1e9, seed=3)


def test_the_held_out_loss_is_the_mean_over_sixteen_batches_without_dropout():
    model = Weight().train()
    # 8 times the mean of 1 to 16
    assert train.held_out_loss(toy(), model, Doubling(), SMALL) == 8 * 8.5
    assert not model.training


def test_held_out_batches_are_the_same_at_every_point_of_the_curve():
    drawn = []

    class Noise(Doubling):
        def draw(self, generator, size):
            drawn.append(generator.random())
            return {"draw": torch.tensor(1.0)}

    for _ in range(2):
        train.held_out_loss(toy(), Weight(), Noise(), SMALL)
    expected = np.random.default_rng(2**31).random(16).tolist()
    assert drawn == expected * 2


def test_an_interval_tells_its_mean_loss_and_takes_the_rates_of_its_updates():
    model, rates = Weight(), []
    optimizer = torch.optim.SGD(model.parameters(), 123.0)
    step = optimizer.step
    optimizer.step = lambda: rates.append(optimizer.param_groups[0]["lr"]) or step()
    # the second interval holds the updates 2 and 3; the gradients are the draws, 1 and 2
    loss = train.train_interval(toy(), model, optimizer, Doubling(), SMALL, 1, lambda: None)
    assert rates == pytest.approx([1e-3 * 3 / 4, 1e-3])
    assert loss == pytest.approx(1000 + (1 * 8 + 2 * (8 - 0.75e-3)) / 2)
    assert float(model.number.detach()) == pytest.approx(8 - 0.75e-3 - 2e-3) and model.training


def test_gradients_are_clipped_to_the_runs_length():
    model = Weight()
    optimizer = torch.optim.SGD(model.parameters(), 1.0)
    run = dataclasses.replace(SMALL, gradient_clip=0.5, learning_rate=1.0, warmup_updates=0, interval_updates=1)
    train.train_interval(toy(), model, optimizer, Doubling(), run, 0, lambda: None)
    assert float(model.number.detach()) == pytest.approx(7.5)


def test_the_curve_has_a_point_after_each_interval_and_the_last_one_may_be_short(tmp_path, monkeypatch):
    modules = {"pipeline.methods.decision_transformer.model": toy()}
    monkeypatch.setattr(train.importlib, "import_module", modules.get)
    monkeypatch.setattr(train, "make_optimizer", lambda model, run: torch.optim.SGD(model.parameters(), 0.0))
    monkeypatch.setattr(train, "learning_rate", lambda run, update: 0.0)
    whole = Episodes(np.zeros((5, 1, 1)), np.zeros((5, 1, 1)), np.zeros((5, 1)))
    model, curve = train.train(SMALL, whole, tmp_path, device="cpu")
    # draws 1 2, 3 4 and 5, of which the number stays 8; held-out draws count on: 1 to 16, 17 to 32, 33 to 48
    assert curve == [
        {"updates": 2, "loss": 1000 + 8 * 1.5, "held_out_loss": 8 * 8.5},
        {"updates": 4, "loss": 1000 + 8 * 3.5, "held_out_loss": 8 * 24.5},
        {"updates": 5, "loss": 1000 + 8 * 5.0, "held_out_loss": 8 * 40.5},
    ]
    assert not model.training


def test_the_decision_transformers_loss_leaves_padding_out():
    predicted = torch.tensor([[[9.0, 9.0], [1.0, 2.0], [0.0, 0.0]]])
    batch = {"actions": torch.zeros(1, 3, 2), "attention_mask": torch.tensor([[0.0, 1.0, 1.0]])}
    found = decision_transformer.loss(lambda **inputs: SimpleNamespace(action_preds=predicted), batch)
    assert float(found) == pytest.approx(((1 + 4) / 2 + 0) / 2)


def test_clonings_loss_is_the_mean_squared_error():
    batch = {"observations": torch.tensor([[1.0], [2.0]]), "actions": torch.tensor([[0.0], [4.0]])}
    assert float(behaviour_cloning.loss(lambda observations: 3 * observations, batch)) == (9 + 4) / 2


class LongRun:
    """What the loop of a long training needs to know."""

    name, seed, updates, interval_updates, warmup_updates = "toy", 3, 5, 2, 4
    learning_rate, gradient_clip = 1e-3, 1e9


def test_the_curve_of_a_long_training_holds_mean_losses_and_what_is_measured_in_evaluation(tmp_path):
    model, draws = Weight(), iter(range(1, 100))
    fast, slow = (torch.optim.SGD(model.parameters(), 0.0) for _ in range(2))
    rates = []
    fast.step = lambda: rates.append((fast.param_groups[0]["lr"], slow.param_groups[0]["lr"]))
    slow.step = lambda: None

    def update(generator):
        return next(draws) * model.number.sum()

    def measure():
        assert torch.is_inference_mode_enabled() and not model.training
        return {"held_out_loss": 2.0}

    curve = training.train(LongRun, model, [fast, slow], update, measure, tmp_path / "progress")
    assert curve == [
        {"updates": 2, "loss": 8 * 1.5, "held_out_loss": 2.0},
        {"updates": 4, "loss": 8 * 3.5, "held_out_loss": 2.0},
        {"updates": 5, "loss": 8 * 5.0, "held_out_loss": 2.0},
    ]
    assert rates == [(pytest.approx(rate), pytest.approx(rate)) for rate in (2.5e-4, 5e-4, 7.5e-4, 1e-3, 1e-3)]


def test_each_interval_of_a_long_training_draws_from_seeds_of_its_own(tmp_path):
    model, drawn = Weight(), []
    optimizer = torch.optim.SGD(model.parameters(), 0.0)

    def update(generator):
        drawn.append((generator.random(), float(torch.rand(()))))
        return model.number.sum()

    training.train(LongRun, model, [optimizer], update, dict, tmp_path / "progress")
    expected = []
    for interval, count in enumerate((2, 2, 1)):
        generator = np.random.default_rng([3, interval])
        torch.manual_seed(1_000_003 * 3 + interval)
        expected += [(generator.random(), float(torch.rand(()))) for _ in range(count)]
    assert drawn == expected


@pytest.mark.parametrize(
    ("run", "episodes", "steps", "said"),
    [
        (DECISION_TRANSFORMER, 50, 1000, "data has 50 episodes and local_dt_halfcheetah holds out 50, so none is left"),
        (
            TRAJECTORY_TRANSFORMER,
            60,
            9,
            "data has episodes of 9 transitions and local_tt_halfcheetah learns from windows of 10",
        ),
        (LEAP_GOAL, 3, 1, "data has 3 episodes and local_leap_goal holds out"),
        (DECISION_TRANSFORMER, 51, 1, None),
        (TRAJECTORY_TRANSFORMER, 51, 10, None),
    ],
)
def test_a_dataset_that_leaves_nothing_to_learn_from_is_refused_with_both_numbers(run, episodes, steps, said):
    with contextlib.nullcontext() if said is None else pytest.raises(PipelineError, match=said):
        training.check_size(run, "data", episodes, steps)


@pytest.mark.parametrize("verb", [train, train_td3_bc, train_trajectory_transformer])
def test_every_training_asks_whether_its_dataset_leaves_something(verb, monkeypatch):
    whole = Episodes(*(np.zeros((3, 1, *width), np.float32) for width in ((17,), (6,), ())))
    known = {"values": {"arrays_sha256_of_dataset": sha256(whole)}}
    monkeypatch.setattr(training.episodes, "read", lambda path: whole)
    monkeypatch.setattr(training.records, "read", lambda path: known)
    monkeypatch.setattr(verb.guards, "refuse_lesser_training", lambda *words: None)
    registry = {train: "TRAININGS", train_td3_bc: "VALUE_TRAININGS", train_trajectory_transformer: "TRAJECTORY_TRAININGS"}[verb]
    recipe = next(iter(getattr(recipes, registry).values()))
    monkeypatch.setattr(verb.command, "find", lambda name, known: recipe)
    monkeypatch.setattr("sys.argv", [verb.__name__, recipe.name])
    with pytest.raises(PipelineError, match="has 3 episodes and .* holds out 50"):
        verb.main()

"""The loop of all trainings: its schedule, split, losses, curve and card, by hand."""

import contextlib
import dataclasses
import importlib
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from pipeline import PipelineError, files
from pipeline.data.episodes import Episodes, sha256
from pipeline.evidence import checkpoints, recipes, records
from pipeline.learning import datasets, descent, loop, supervised, train
from pipeline.learning.held_out import check_size, split
from pipeline.methods.behaviour_cloning import model as behaviour_cloning
from pipeline.methods.decision_transformer import model as decision_transformer
from pipeline.methods.leap import train as train_leap
from pipeline.study.runs import DECISION_TRANSFORMER, LEAP_GOAL, TRAJECTORY_TRANSFORMER

RUN = dataclasses.replace(DECISION_TRANSFORMER, updates=1100, warmup_updates=100, learning_rate=1e-3, held_out_episodes=2)


@pytest.mark.parametrize(("update", "rate"), [(0, 1e-5), (49, 5e-4), (99, 1e-3), (100, 1e-3), (600, 5.5e-4), (1100, 1e-4)])
def test_the_learning_rate_warms_up_and_falls_to_a_tenth(update, rate):
    assert descent.learning_rate(RUN, update) == pytest.approx(rate)


def test_the_last_episodes_are_held_out():
    whole = Episodes(np.arange(5.0).reshape(5, 1, 1), np.zeros((5, 1, 1)), np.zeros((5, 1)))
    learn, held_out = split(whole, RUN)
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
def test_the_schedule_at_its_corners(change, update, rate):
    assert descent.learning_rate(dataclasses.replace(RUN, **change), update) == pytest.approx(rate)


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


@pytest.fixture
def prepared(monkeypatch):
    """What the loop is told of a toy's training, which never moves, on five episodes of which two are held out."""

    def prepare(run=SMALL, loss=None, batches=Doubling):
        module = toy(loss)
        module.Batches = batches
        imported = importlib.import_module
        monkeypatch.setattr(
            supervised.importlib, "import_module", lambda name: module if "decision" in name else imported(name)
        )
        monkeypatch.setattr(descent, "DEVICE", "cpu")
        monkeypatch.setattr(descent, "adamw", lambda run, model: torch.optim.SGD(model.parameters(), 0.0))
        whole = Episodes(np.zeros((5, 1, 1)), np.zeros((5, 1, 1)), np.zeros((5, 1)))
        return supervised.prepare(run, whole, lambda run, update: 0.0)

    return prepare


def test_the_held_out_loss_is_the_mean_over_sixteen_batches_without_dropout(prepared):
    training = prepared()
    assert training.measure() == {"held_out_loss": 8 * 8.5}  # 8 times the mean of 1 to 16


def test_held_out_batches_are_the_same_at_every_point_of_the_curve(prepared):
    drawn = []

    class Noise(Doubling):
        def draw(self, generator, size):
            drawn.append(generator.random())
            return {"draw": torch.tensor(1.0)}

    training = prepared(batches=Noise)
    training.measure()
    training.measure()
    assert drawn == np.random.default_rng(2**31).random(16).tolist() * 2


def test_an_interval_tells_its_mean_loss_and_takes_the_rates_of_its_updates():
    model, rates, draws, ticks = Weight(), [], iter((1, 2)), []
    optimizer = torch.optim.SGD(model.parameters(), 123.0)
    step = optimizer.step
    optimizer.step = lambda: rates.append(optimizer.param_groups[0]["lr"]) or step()
    # the second interval holds the updates 2 and 3; the gradients are the draws, 1 and 2
    training = descent.training(SMALL, model, {"o": optimizer}, lambda generator: next(draws) * model.number.sum(), dict, ())
    point = training.interval(1, ticks.append)
    assert rates == pytest.approx([1e-3 * 3 / 4, 1e-3]) and ticks == [1, 1]
    assert point == {"updates": 4, "loss": pytest.approx((1 * 8 + 2 * (8 - 0.75e-3)) / 2)}
    assert float(model.number.detach()) == pytest.approx(8 - 0.75e-3 - 2e-3) and model.training


def test_gradients_are_clipped_to_the_runs_length():
    model = Weight()
    optimizer = torch.optim.SGD(model.parameters(), 1.0)
    run = dataclasses.replace(SMALL, gradient_clip=0.5, learning_rate=1.0, warmup_updates=0, interval_updates=1)
    training = descent.training(run, model, {"o": optimizer}, lambda generator: 3 * model.number.sum(), dict, ())
    training.interval(0, lambda updates: None)
    assert float(model.number.detach()) == pytest.approx(7.5)


def test_the_curve_has_a_point_after_each_interval_and_the_last_one_may_be_short(prepared, tmp_path):
    training = prepared()
    curve = loop.train(SMALL, training, tmp_path / "progress")
    # draws 1 2, 3 4 and 5, of which the number stays 8; held-out draws count on: 1 to 16, 17 to 32, 33 to 48
    assert curve == [
        {"updates": 2, "loss": 1000 + 8 * 1.5, "held_out_loss": 8 * 8.5},
        {"updates": 4, "loss": 1000 + 8 * 3.5, "held_out_loss": 8 * 24.5},
        {"updates": 5, "loss": 1000 + 8 * 5.0, "held_out_loss": 8 * 40.5},
    ]
    assert not training.model().training


def test_all_optimizers_share_the_rate_and_nothing_is_measured_with_gradients_or_in_training_mode():
    model, rates, points = Weight(), [], []
    fast, slow = (torch.optim.SGD(model.parameters(), 0.0) for _ in range(2))
    fast.step = lambda: rates.append((fast.param_groups[0]["lr"], slow.param_groups[0]["lr"]))
    slow.step = lambda: None

    def measure():
        assert torch.is_inference_mode_enabled() and not model.training
        return {"held_out_loss": 2.0}

    training = descent.training(
        SMALL, model, {"fast": fast, "slow": slow}, lambda generator: model.number.sum(), measure, ("loss",)
    )
    for interval in range(3):
        points.append(training.interval(interval, lambda updates: None) | training.measure())
    assert rates == [(pytest.approx(rate), pytest.approx(rate)) for rate in (2.5e-4, 5e-4, 7.5e-4, 1e-3, 1e-3)]
    assert points[-1] == {"updates": 5, "loss": 8.0, "held_out_loss": 2.0}


def test_each_interval_draws_from_seeds_of_its_own():
    model, drawn, expected = Weight(), [], []
    optimizer = torch.optim.SGD(model.parameters(), 0.0)

    def loss(generator):
        drawn.append((generator.random(), float(torch.rand(()))))
        return model.number.sum()

    training = descent.training(SMALL, model, {"o": optimizer}, loss, dict, ())
    for interval, count in enumerate((2, 2, 1)):
        training.interval(interval, lambda updates: None)
        generator = np.random.default_rng([3, interval])
        torch.manual_seed(1_000_003 * 3 + interval)
        expected += [(generator.random(), float(torch.rand(()))) for _ in range(count)]
    assert drawn == expected


def counting(total: int, **options) -> loop.Training:
    """A training whose model counts its intervals, of three steps each."""
    kept = {"count": torch.zeros(1)}

    def interval(number, tick):
        kept["count"] += 1
        return {"steps": 3 * (number + 1), "loss": float(kept["count"])}

    parts = {
        "interval": interval,
        "measure": lambda: {"returns": [1.0]},
        "state": lambda: dict(kept),
        "restore": kept.update,
        "ended": lambda curve: len(curve) == total,
        "total": 3 * total,
        "model": lambda: Weight(),
        "told": ("loss",),
        "seen": {"windows_seen": 7},
        "unit": "steps",
    }
    return loop.Training(**{**parts, **options})


def test_a_killed_training_goes_on_where_it_was_and_that_of_another_run_does_not(tmp_path):
    saved = tmp_path / "progress"
    loop.train(SMALL, counting(2), saved)
    further = loop.train(SMALL, counting(3), saved)
    assert [(point["steps"], point["loss"]) for point in further] == [(3, 1.0), (6, 2.0), (9, 3.0)]
    other = loop.train(dataclasses.replace(SMALL, seed=4), counting(1), saved)
    assert other == [{"steps": 3, "loss": 1.0, "returns": [1.0]}]
    tensors, kept = checkpoints.read_tensors(saved)
    assert tensors["count"].tolist() == [1] and kept == {
        "run": records.fields(dataclasses.replace(SMALL, seed=4)),
        "curve": other,
    }


@pytest.mark.parametrize("where", ["interval", "measure"])
def test_a_figure_that_is_not_finite_ends_a_training_before_it_is_kept(where, tmp_path):
    bad = {where: lambda *words: {"steps": 3, "loss": float("nan")}}
    with pytest.raises(
        PipelineError, match="^local_dt_halfcheetah: a loss is not finite after 3 steps; lower the learning rate$"
    ):
        loop.train(SMALL, counting(2, **bad), tmp_path / "progress")
    assert not list(tmp_path.iterdir())


def test_networks_and_optimizers_are_kept_by_their_names_and_come_back():
    models = Weight(), Weight()
    optimizers = [torch.optim.AdamW(model.parameters(), 0.5) for model in models]
    for model, optimizer in zip(models[:1], optimizers[:1], strict=True):
        model.number.sum().backward()
        optimizer.step()
    one, other = (loop.keeping({"model": m}, {"optimizer": o}) for m, o in zip(models, optimizers, strict=True))
    tensors = one["state"]()
    assert set(tensors) == {"model.number", *(f"optimizer.0.{key}" for key in ("step", "exp_avg", "exp_avg_sq"))}
    other["restore"](tensors)
    assert all(map(torch.equal, other["state"]().values(), tensors.values())) and models[1].number.item() != 8


@pytest.mark.parametrize(
    ("points", "shown"),
    [
        (1, [1]),
        (2, [1, 2]),
        (10, list(range(1, 11))),
        (11, list(range(1, 12))),
        (21, [*range(1, 20, 2), 21]),
        (22, [*range(1, 22, 2), 22]),
    ],
)
def test_a_card_shows_about_ten_points_of_the_curve_and_the_last_of_them_once(points, shown):
    curve = [{"steps": number, "loss": 0.5, "untold": 1.0} for number in range(1, points + 1)]
    text = loop.card("toy", {"Model": "a number"}, counting(1), curve)
    rows = [f"| {number} | 0.5 |" for number in shown]
    head = ["# toy", "", "- **Model**: a number", "", "## Learning curve", "", "| steps | loss |", "| ---: | ---: |"]
    assert text.splitlines() == [*head, *rows]


def test_a_run_is_told_by_its_settings():
    run = dataclasses.make_dataclass("Run", ["name", "data", "method", "batch_size", "betas", "further_updates"])
    assert loop.settings(run("a", "b", "c", 4, (0.9, 1), 7), "further_updates") == "batch size 4, betas [0.9, 1]"


def test_evidence_tells_of_the_last_point_what_is_to_be_told_and_the_whole_curve():
    curve = [{"steps": 3, "loss": 0.5, "untold": 1.0}, {"steps": 6, "loss": 0.25, "untold": 2.0}]
    assert loop.values(counting(2), curve) == {"steps": 6, "parameters": 1, "windows_seen": 7, "loss": 0.25, "curve": curve}


def test_the_decision_transformers_loss_leaves_padding_out():
    predicted = torch.tensor([[[9.0, 9.0], [1.0, 2.0], [0.0, 0.0]]])
    batch = {"actions": torch.zeros(1, 3, 2), "attention_mask": torch.tensor([[0.0, 1.0, 1.0]])}
    found = decision_transformer.loss(lambda **inputs: SimpleNamespace(action_preds=predicted), batch)
    assert float(found) == pytest.approx(((1 + 4) / 2 + 0) / 2)


def test_clonings_loss_is_the_mean_squared_error():
    batch = {"observations": torch.tensor([[1.0], [2.0]]), "actions": torch.tensor([[0.0], [4.0]])}
    assert float(behaviour_cloning.loss(lambda observations: 3 * observations, batch)) == (9 + 4) / 2


@pytest.mark.parametrize(
    ("run", "episodes", "steps", "said"),
    [
        (DECISION_TRANSFORMER, 50, 1000, "data has 50 episodes and local_dt_halfcheetah holds out 50, so none is left"),
        (
            TRAJECTORY_TRANSFORMER,
            60,
            9,
            "data has no episode of more than 9 transitions, and local_tt_halfcheetah learns from windows of 10",
        ),
        (LEAP_GOAL, 3, 1, "data has 3 episodes and local_leap_goal holds out"),
        (DECISION_TRANSFORMER, 51, 1, None),
        (TRAJECTORY_TRANSFORMER, 51, 10, None),
    ],
)
def test_a_dataset_that_leaves_nothing_to_learn_from_is_refused_with_both_numbers(run, episodes, steps, said):
    with contextlib.nullcontext() if said is None else pytest.raises(PipelineError, match=said):
        check_size(run, "data", episodes, steps)


@pytest.mark.parametrize("registry", ["TRAININGS", "VALUE_TRAININGS", "TRAJECTORY_TRAININGS"])
def test_every_training_asks_whether_its_dataset_leaves_something(registry, monkeypatch):
    whole = Episodes(*(np.zeros((3, 1, *width), np.float32) for width in ((17,), (6,), ())))
    known = {"values": {"arrays_sha256_of_dataset": sha256(whole)}}
    monkeypatch.setattr(datasets.episodes, "read", lambda path, world: whole)
    monkeypatch.setattr(datasets.records, "read", lambda path: known)
    monkeypatch.setattr(train.seen, "refuse_lesser_training", lambda *words: None)
    recipe = next(iter(getattr(recipes, registry).values()))
    with pytest.raises(PipelineError, match="has 3 episodes and .* holds out 50"):
        importlib.import_module(recipe.verb).make(recipe)


def test_no_demonstrations_at_all_and_empty_ones_are_each_one_sentence():
    run = dataclasses.replace(LEAP_GOAL, held_out_episodes=0)

    class Empty:
        level, lengths = "go_to_local_s7n5", np.zeros(0, np.int64)

        def __len__(self):
            return len(self.lengths)

    with pytest.raises(PipelineError, match="^go_to_local_s7n5 has 0 episodes and local_leap_goal holds out 0, so none"):
        train_leap.prepare(run, [Empty()])
    Empty.lengths = np.zeros(3, np.int64)
    with pytest.raises(PipelineError, match="^go_to_local_s7n5 has no episode of more than 0 transitions, and local_leap_goal"):
        train_leap.prepare(run, [Empty()])


@pytest.mark.parametrize("weight", [float("nan"), float("inf")])
def test_weights_that_are_not_finite_are_not_written(weight, tmp_path, monkeypatch):
    monkeypatch.setattr(files, "ROOT", tmp_path)
    model = Weight()
    torch.nn.init.constant_(model.number, weight)
    recipe, training = SimpleNamespace(name="toy"), loop.Training(*[None] * 6, lambda: model, ("loss",), {})
    with pytest.raises(PipelineError, match="^toy: a weight is not finite, in number, so nothing was written: lower the"):
        loop.finish(recipe, training, {"curve": [{"updates": 1, "loss": 0.5}]}, {})
    assert not list(tmp_path.iterdir())

"""Training's schedule, split and statistics, by hand."""

import contextlib
import dataclasses

import numpy as np
import pytest

from pipeline import PipelineError, recipes, tokens, train, train_td3_bc, train_trajectory_transformer, training
from pipeline.episodes import Episodes, sha256
from pipeline.runs import DECISION_TRANSFORMER, LEAP_GOAL, TRAJECTORY_TRANSFORMER

RUN = dataclasses.replace(DECISION_TRANSFORMER, updates=1100, warmup_updates=100, learning_rate=1e-3, held_out_episodes=2)


@pytest.mark.parametrize(("update", "rate"), [(0, 1e-5), (49, 5e-4), (99, 1e-3), (100, 1e-3), (600, 5.5e-4), (1100, 1e-4)])
def test_the_learning_rate_warms_up_and_falls_to_a_tenth(update, rate):
    assert train.learning_rate(RUN, update) == pytest.approx(rate)


def test_the_last_episodes_are_held_out():
    whole = Episodes(np.arange(5.0).reshape(5, 1, 1), np.zeros((5, 1, 1)), np.zeros((5, 1)))
    learn, held_out = train.split(whole, RUN)
    assert learn.observations.ravel().tolist() == [0, 1, 2] and held_out.observations.ravel().tolist() == [3, 4]


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
    monkeypatch.setattr(training.evidence, "read", lambda path: known)
    monkeypatch.setattr(verb.guards, "refuse_lesser_training", lambda *words: None)
    registry = {train: "TRAININGS", train_td3_bc: "VALUE_TRAININGS", train_trajectory_transformer: "TRAJECTORY_TRAININGS"}[verb]
    recipe = next(iter(getattr(recipes, registry).values()))
    monkeypatch.setattr(verb.command, "find", lambda name, known: recipe)
    monkeypatch.setattr("sys.argv", [verb.__name__, recipe.name])
    with pytest.raises(PipelineError, match="has 3 episodes and .* holds out 50"):
        verb.main()


def test_statistics_are_over_all_transitions():
    observations = np.array([[[0.0, 1.0]], [[2.0, 1.0]]])
    mean, std = tokens.observation_statistics(observations)
    assert mean.tolist() == [1.0, 1.0]
    assert std.tolist() == pytest.approx([1.000001, 1e-6])

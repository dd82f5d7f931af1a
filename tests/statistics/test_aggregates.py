"""Aggregates over tasks: answers by hand, coverage, and draws that can be repeated."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.statistics import aggregates


def test_an_interquartile_mean_leaves_out_a_quarter_at_either_end_of_all_tasks_together():
    tasks = [np.array([0.0, 100.0, 3.0]), np.array([1.0, 2.0, 4.0]), np.array([-50.0, 5.0, 6.0])]
    # of nine, in order -50, 0, 1, 2, 3, 4, 5, 6, 100, two at either end are left out: 1 to 5 have the mean 3
    assert aggregates.interquartile_mean(*tasks) == 3.0
    assert aggregates.interquartile_mean(np.array([1.0, 2.0, 3.0])) == 2.0, "of three, none"


def test_what_is_resampled_is_training_within_each_task():
    apart = [np.array([10.0, 10.0, 10.0]), np.array([90.0, 90.0, 90.0])]
    assert aggregates.aggregate(apart) == {"mean": 50.0, "low": 50.0, "high": 50.0}, "tasks never take each other's place"


def test_an_interval_covers_what_it_should_and_the_draws_are_the_same_each_time(monkeypatch):
    monkeypatch.setattr(aggregates, "DRAWS", 1000)
    generator = np.random.default_rng(0)
    found = [aggregates.aggregate(list(generator.normal(size=(3, 10)))) for _ in range(200)]
    covered = sum(each["low"] <= 0.0 <= each["high"] for each in found) / 200
    assert 0.86 <= covered <= 0.99
    tasks = list(generator.normal(size=(3, 4)))
    assert aggregates.aggregate(tasks) == aggregates.aggregate(tasks)


def test_a_gain_is_the_difference_of_both_and_knows_more_from_nothing():
    one, other = [np.array([4.0, 6.0]), np.array([14.0, 16.0])], [np.array([1.0, 3.0]), np.array([11.0, 13.0])]
    found = aggregates.gain(one, other)  # of four, one at either end is left out: (6 + 14) / 2 - (3 + 11) / 2
    assert found["mean"] == pytest.approx(3.0) and 0.0 < found["low"] < 3.0 < found["high"]
    same = aggregates.gain(one, one)
    assert same["mean"] == 0.0 and same["low"] < 0.0 < same["high"]


def test_a_profile_is_the_share_of_trainings_above_each_threshold_every_task_alike():
    tasks = [np.array([10.0, 30.0]), np.array([20.0, 20.0, 20.0, 60.0])]
    assert aggregates.profile(tasks, np.array([0.0, 15.0, 20.0, 40.0, 60.0])).tolist() == [1.0, 0.75, 0.375, 0.125, 0.0]

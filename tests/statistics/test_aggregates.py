"""Aggregates over tasks: answers by hand, coverage, and draws that can be repeated."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from pipeline.statistics import aggregates


def test_an_interquartile_mean_leaves_out_a_quarter_at_either_end():
    # of nine, in order -50, 0, 1, 2, 3, 4, 5, 6, 100, two at either end are left out: 1 to 5 have the mean 3
    assert aggregates.interquartile_mean(np.array([0.0, 100.0, 3.0, 1.0, 2.0, 4.0, -50.0, 5.0, 6.0])) == 3.0
    assert aggregates.interquartile_mean(np.array([1.0, 2.0, 3.0])) == 2.0, "of three, none"
    many = np.random.default_rng(0).normal(size=(5, 13))
    assert np.allclose(aggregates.interquartile_mean(many), stats.trim_mean(many, 0.25, axis=-1))


def test_what_is_resampled_is_training_within_each_task():
    apart = [np.array([10.0, 10.0, 10.0]), np.array([90.0, 90.0, 90.0])]
    alone, _ = aggregates.together({"one": apart})
    assert alone == {"one": {"mean": 50.0, "low": 50.0, "high": 50.0}}, "tasks never take each other's place"


def test_intervals_are_those_of_scipys_bootstrap_and_the_same_each_time():
    tasks = list(np.random.default_rng(1).normal(size=(3, 6)))
    (found, _), (again, _) = aggregates.together({"one": tasks}), aggregates.together({"one": tasks})
    assert found == again

    def statistic(*samples: np.ndarray, axis: int) -> np.ndarray:
        return stats.trim_mean(np.concatenate(samples, axis=axis), 0.25, axis=axis)

    theirs = stats.bootstrap(tuple(tasks), statistic, method="percentile", rng=np.random.default_rng(7)).confidence_interval
    assert found["one"]["low"] == pytest.approx(theirs.low, abs=0.04)
    assert found["one"]["high"] == pytest.approx(theirs.high, abs=0.04)


def test_a_gain_is_the_difference_of_both_whose_draws_know_nothing_of_each_other():
    one, other = [np.array([4.0, 6.0]), np.array([14.0, 16.0])], [np.array([1.0, 3.0]), np.array([11.0, 13.0])]
    _, gains = aggregates.together({"other": other, "one": one, "same": other})
    # of four, one at either end is left out: (6 + 14) / 2 - (3 + 11) / 2
    assert gains["one"]["mean"] == 3.0 and 0.0 < gains["one"]["low"] < 3.0 < gains["one"]["high"]
    assert gains["same"]["mean"] == 0.0 and gains["same"]["low"] < 0.0 < gains["same"]["high"] and "other" not in gains


def test_a_profile_is_the_share_of_trainings_above_each_threshold_every_task_alike():
    tasks = [np.array([10.0, 30.0]), np.array([20.0, 20.0, 20.0, 60.0])]
    assert aggregates.profile(tasks, np.array([0.0, 15.0, 20.0, 40.0, 60.0])).tolist() == [1.0, 0.75, 0.375, 0.125, 0.0]

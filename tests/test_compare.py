"""Comparisons by hand: slopes of obedient, deaf and contrary models, and the difference of two means."""

import numpy as np
import pytest

from pipeline import runs, summaries

ASKED = [1000.0, 2000.0, 4000.0]


def test_an_obedient_model_has_slope_one_and_a_deaf_one_zero():
    seeds = np.array([10.0, -20.0, 5.0])
    obedient = np.asarray(ASKED)[:, None] + seeds
    assert summaries.slopes(ASKED, obedient) == pytest.approx({"mean": 1.0, "low": 1.0, "high": 1.0})
    deaf = np.full((3, 1), 4700.0) + seeds
    assert summaries.slopes(ASKED, deaf) == pytest.approx({"mean": 0.0, "low": 0.0, "high": 0.0}, abs=1e-12)


def test_each_seed_gives_one_slope():
    got = np.stack([np.asarray(ASKED), 3 * np.asarray(ASKED)], axis=1)
    found = summaries.slopes(ASKED, got)
    # slopes 1 and 3: mean 2, standard error 1, t(0.975, 1) = 12.706
    assert found == pytest.approx({"mean": 2.0, "low": 2 - 12.7062, "high": 2 + 12.7062}, abs=1e-3)


def test_the_difference_of_two_means_has_welchs_interval():
    # variances 1 and 4 over 3 each: standard error sqrt(5/3), 2.94 degrees of freedom
    found = summaries.difference([11.0, 12.0, 13.0], [1.0, 3.0, 5.0])
    assert found["mean"] == pytest.approx(9.0)
    assert found["high"] - 9.0 == pytest.approx(9.0 - found["low"]) == pytest.approx(4.153, abs=0.01)


def test_targets_are_split_at_the_reach_of_the_data():
    run = runs.Slope("toy", ("a", "b", "c", "d"), reach=2000.0)
    got = {"a": (1000.0, 1000.0), "b": (2000.0, 2000.0), "c": (4000.0, 2000.0), "d": (8000.0, 2000.0)}

    def read(kind, name):
        asked, returned = got[name]
        return {"run": {"target_return": asked}, "values": {"returns": [returned, returned + 1.0]}}

    found = summaries.compare(run, read)
    assert found["inside"]["mean"] == pytest.approx(1.0) and found["beyond"]["mean"] == pytest.approx(0.0)
    assert found["seeds"] == 2 and 0 < found["all"]["mean"] < 1


def test_a_paired_difference_takes_the_seeds_that_both_played():
    one = {"seeds": [100, 101, 102], "returns": [5000.0, 5010.0, 9999.0]}
    other = {"seeds": [99, 100, 101], "returns": [0.0, 4900.0, 4890.0]}
    found = summaries.paired(one, other)
    # differences 100 and 120: mean 110, standard error 10, t(0.975, 1) = 12.706
    assert found["episodes"] == 2
    assert found["return"] == pytest.approx({"mean": 110.0, "low": 110 - 127.062, "high": 110 + 127.062}, abs=1e-2)
    assert found["score"]["mean"] == pytest.approx(100 * 110 / (12135.0 + 280.178953))

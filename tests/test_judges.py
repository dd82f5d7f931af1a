"""The judges of `make reproduce`, each verdict on numbers small enough to compare by eye."""

import math

import numpy as np
import pytest

from pipeline import files
from pipeline.reproduce import INTO, intervals, judge_latency, judge_rollout, judge_values, same_numbers


@pytest.mark.parametrize(
    ("committed", "again", "difference"),
    [
        (1.0, 1.0, 0.0),
        (2, 1.5, 0.5),
        (1.5, 2, 0.5),
        ([1.0, 2.0], [1.25, 0.0], 2.0),
        ([], [], 0.0),
        ({}, {}, 0.0),
        ({"a": 1.0, "b": [3.0]}, {"b": [2.0], "a": 1.5}, 1.0),
        ({"a": [{"b": -4.0}]}, {"a": [{"b": 4.0}]}, 8.0),
        ("same", "same", 0.0),
        (None, None, 0.0),
        ("one", "other", math.inf),
        (None, 0.0, math.inf),
        ("1", 1.0, math.inf),
        (1.0, "1", math.inf),
        ([1.0], 1.0, math.inf),
        (1.0, [1.0], math.inf),
        ([1.0], [1.0, 1.0], math.inf),
        ([1.0, 1.0], [1.0], math.inf),
        ({"a": 1.0}, {"b": 1.0}, math.inf),
        ({"a": 1.0}, {"a": 1.0, "b": 1.0}, math.inf),
        ({"a": 1.0}, [1.0], math.inf),
        ([1.0], {"a": 1.0}, math.inf),
        ({"a": 1.0, "b": "x"}, {"a": 1.0, "b": "y"}, math.inf),
    ],
)
def test_the_difference_of_two_trees_is_the_largest_of_their_numbers_and_without_bound_where_they_differ_otherwise(
    committed, again, difference
):
    assert same_numbers(committed, again) == difference


def test_sums_of_files_are_no_numbers_to_compare():
    assert same_numbers({"x": 1.0, "sha256": {"a": "1"}}, {"x": 1.25, "sha256": {"a": "2"}}) == 0.25


@pytest.mark.parametrize(
    ("again", "verdict", "difference"),
    [
        (1.0, "identical", "0"),
        (1.0 + 2**-10, "equal within tolerance", "0.00098"),
        (1.0 - 2**-10, "equal within tolerance", "0.00098"),
        (1.0 + 2**-9, "not reproduced", "0.002"),
        (-1.0, "not reproduced", "2"),
        ("1.0", "not reproduced", "inf"),
    ],
)
def test_values_are_equal_up_to_a_thousandth(again, verdict, difference):
    detail = f"largest difference {difference}, tolerance 0.001"
    assert judge_values({"share": [0.5, 1.0]}, {"share": [0.5, again]}) == (verdict, detail)


def test_the_tolerance_itself_is_within_it():
    assert judge_values({"share": 0.0}, {"share": 0.001})[0] == "equal within tolerance"


@pytest.mark.parametrize(
    ("median", "verdict"),
    [
        (4.0, "statistically compatible"),
        (12.0, "statistically compatible"),
        (12.1, "not reproduced"),
        (4 / 3, "statistically compatible"),
        (1.3, "not reproduced"),
    ],
)
def test_a_latency_is_compatible_within_a_factor_of_three_either_way(median, verdict):
    found = judge_latency({"median_ms": 4.0}, {"median_ms": median})
    assert found == (verdict, f"median 4.0 ms published, {median:.1f} ms again")


def test_intervals_are_found_wherever_they_lie_by_their_path():
    one, two = ({"mean": number, "low": number, "high": number} for number in (1.0, 2.0))
    tree = {"plans": 2, "names": ["a"], "half": {"mean": 1.0, "low": 0.0}, "steps": [one, {"ahead": two}], "gain": one}
    assert intervals(tree) == {"steps 0": one, "steps 1 ahead": two, "gain": one}
    wide = {**one, "seeds": 3}
    assert intervals(wide) == {"": wide} and intervals(wide, "slope") == {"slope": wide}
    assert intervals(5.0) == intervals([]) == {}


@pytest.fixture
def rollout(monkeypatch):
    """The verdict on positions (step, 2) of which those made again differ by what is told."""

    def judged(difference: np.ndarray):
        kept = {files.ROOT: np.zeros((len(difference), 2)), INTO: difference}

        def read(recipe, root=files.ROOT):
            assert recipe == "a recipe"
            return {"positions": kept[root], "rewards": None}

        monkeypatch.setattr("pipeline.reproduce.arrays.read", read)
        return judge_rollout("a recipe")

    return judged


@pytest.mark.parametrize(
    ("first", "by", "verdict", "agree"),
    [
        (60, 1.0, "equal within tolerance", 60),
        (50, 1.0, "equal within tolerance", 50),
        (49, 1.0, "not reproduced", 49),
        (0, -1.0, "not reproduced", 0),
        (0, 0.0005, "equal within tolerance", 80),
        (0, 0.001, "equal within tolerance", 80),
        (30, 0.002, "not reproduced", 30),
    ],
)
def test_a_rollout_must_agree_for_fifty_steps(rollout, first, by, verdict, agree):
    difference = np.zeros((80, 2))
    difference[first:, 1] = by
    difference[-1, 1] = 0  # what chaos brings back by chance does not count
    assert rollout(difference) == (verdict, f"states agree for {agree} steps")


def test_the_same_rollout_is_identical(rollout):
    assert rollout(np.zeros((7, 2))) == ("identical", "7 steps")


def test_a_rollout_is_as_long_as_it_agrees_where_it_never_parts(rollout):
    assert rollout(np.full((49, 2), 1e-4)) == ("not reproduced", "states agree for 49 steps")

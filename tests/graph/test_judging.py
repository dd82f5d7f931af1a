"""The judges of `make reproduce`, each verdict on numbers small enough to compare by eye."""

import math

import numpy as np
import pytest

from pipeline.graph.judging import intervals, judge_values, same_numbers


@pytest.mark.parametrize(
    ("committed", "again", "difference"),
    [
        (1.0, 1.0, 0.0),
        (2, 1.5, math.inf),
        (1.5, 2, math.inf),
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
        (math.inf, math.inf, 0.0),
        (math.inf, 1.0, math.inf),
        (math.nan, 1.0, math.inf),
        (2.0**1023, 1.5 * 2.0**1023, 2.0**1022),  # whose sum is no finite number
        (np.array([1.0, 2.0]), np.array([1.25, 2.0]), 0.25),
        (np.array([1.0, 2.0]), np.array([1.0, 2.0]), 0.0),
        (np.array([3], np.uint8), np.array([5], np.uint8), 2.0),
        ({"a": np.array([1.0])}, {"a": np.array([math.nan])}, math.inf),
        (np.array([1.0]), np.array([1.0], np.float32), math.inf),
        (np.array([1.0]), np.array([1.0, 1.0]), math.inf),
        (np.array(["a"]), np.array(["b"]), math.inf),
        (np.array([1.0]), [1.0], math.inf),
        ([1.0], np.array([1.0]), math.inf),
        (1.0, np.array(1.0), math.inf),
    ],
)
def test_the_difference_of_two_trees_is_the_largest_of_their_numbers_and_without_bound_where_they_differ_otherwise(
    committed, again, difference
):
    assert same_numbers(committed, again) == difference


def test_sums_of_files_are_no_numbers_to_compare():
    assert same_numbers({"x": 1.0, "sha256": {"a": "1"}}, {"x": 1.25, "sha256": {"a": "2"}}) == 0.25


@pytest.mark.parametrize(
    ("again", "verdict"),
    [
        (1.0, "identical"),
        (1.0 + 2**-10, "equal within tolerance"),
        (1.0 - 2**-10, "equal within tolerance"),
        (1.0 + 2**-9, "not reproduced"),
        (-1.0, "not reproduced"),
        ("1.0", "not reproduced"),
    ],
)
def test_values_are_equal_up_to_a_thousandth(again, verdict):
    assert judge_values({"share": [0.5, 1.0]}, {"share": [0.5, again]})[0] == verdict


def test_a_verdict_on_values_names_the_first_place_that_differs_and_the_largest_difference():
    assert judge_values({"share": 0.5}, {"share": 0.5}) == ("identical", "every number")
    committed, again = {"loss": 1.0, "share": [0.5, 1.0]}, {"loss": 1.0, "share": [0.75, 3.0]}
    assert judge_values(committed, again) == (
        "not reproduced",
        "share 0 and others differ, by 2 at most; tolerance 0.001",
    )


def test_the_tolerance_itself_is_within_it():
    assert judge_values({"share": 0.0}, {"share": 0.001})[0] == "equal within tolerance"


def test_intervals_are_found_wherever_they_lie_by_their_path():
    one, two = ({"mean": number, "low": number, "high": number} for number in (1.0, 2.0))
    tree = {"plans": 2, "names": ["a"], "half": {"mean": 1.0, "low": 0.0}, "steps": [one, {"ahead": two}], "gain": one}
    assert intervals(tree) == {"steps 0": one, "steps 1 ahead": two, "gain": one}
    wide = {**one, "seeds": 3}
    assert intervals(wide) == {"": wide} and intervals(wide, "slope") == {"slope": wide}
    assert intervals(5.0) == intervals([]) == {}

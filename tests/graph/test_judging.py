"""The judges of `make reproduce`, each verdict on numbers small enough to compare by eye."""

import math

import numpy as np
import pytest

from pipeline.graph import judging
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


def test_of_a_comparison_what_follows_from_other_episodes_may_differ_and_what_was_asked_may_not():
    def told(mean: float, **others) -> dict:
        about = {"mean": mean, "low": mean - 0.1, "high": mean + 0.1}
        return {"seeds": 4, "difference": about, "smallest": 0.5, "verdict": "holds", "p_more": 0.01, "rerun": 0.9, **others}

    again = told(1.05, verdict="undecided", p_more=0.2, rerun=0.4, seeds=3)
    assert judging.judge_intervals(told(1.0), again)[0] == "statistically compatible"
    assert judging.judge_intervals(told(1.0), told(1.05, smallest=0.4)) == (
        judging.BAD,
        "smallest differs; difference 1 published, 1.05 again",
    )


def test_an_interval_of_few_episodes_is_widened_as_far_as_chance_alone_may_reach():
    # of t at 99.995 % and at 97.5 %: 6366.2 and 12.706 with one degree of freedom, 4.8968 and 2.0930 with 19
    assert judging.widening({"seeds": 2}) == pytest.approx(6366.2 / 12.706, rel=1e-3)
    assert judging.widening({"episodes": 20}) == pytest.approx(4.8968 / 2.0930, rel=1e-3)
    assert judging.widening({"seeds": [20, 2]}) == judging.widening({"seeds": 2}) and judging.widening({"seeds": 1}) == 1.0
    was, now = {"mean": 0.0, "low": -1.0, "high": 1.0}, {"mean": 3.0, "low": 2.5, "high": 3.5}
    assert not judging.overlap(was, now, 1.0) and not judging.overlap(was, now, 3.9) and judging.overlap(was, now, 4.0)
    assert judging.overlap(now, was, 3.0) and not judging.overlap(now, was, 2.0)


def test_a_return_is_far_out_where_it_is_so_by_student_and_beyond_all_that_was_played_again():
    again = {"returns": [100.0, 101.0, 102.0, 103.0, 104.0] * 4}
    published = {"seeds": list(range(20)), "returns": [*again["returns"][:19], 112.0]}
    assert "the return of seed 19 is unlike those again" in judging.outlier(published, again)
    assert judging.outlier({**published, "returns": [*again["returns"][:19], 107.9]}, again) is None
    fallen = {"returns": [*again["returns"][:19], 20.0]}  # a policy that falls at times: what lies between is no stranger
    assert judging.outlier({**published, "returns": [*again["returns"][:19], 30.0]}, fallen) is None

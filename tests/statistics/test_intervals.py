"""Intervals of means and shares against values worked out by hand."""

import numpy as np
import pytest

from pipeline.statistics.intervals import interval, t_interval
from pipeline.statistics.proportions import wilson


def test_the_t_interval_of_three_values_is_the_textbook_one():
    # mean 2, standard deviation 1, t(0.975, 2) = 4.3027: half width 4.3027 / sqrt(3)
    mean, low, high = t_interval([1.0, 2.0, 3.0])
    assert (mean, low, high) == pytest.approx((2.0, 2.0 - 2.4841, 2.0 + 2.4841), abs=1e-4)


def test_values_that_agree_have_an_interval_of_no_width():
    assert t_interval([5.0, 5.0, 5.0]) == (5.0, 5.0, 5.0)


def test_one_value_has_no_spread_to_speak_of():
    assert interval([7.0]) == {"mean": 7.0, "low": 7.0, "high": 7.0}


def test_two_values_have_the_interval_of_one_degree_of_freedom():
    # deviation sqrt(2), over sqrt(2) values: 12.7062 · 1
    assert interval([4.0, 6.0]) == pytest.approx({"mean": 5.0, "low": 5 - 12.7062, "high": 5 + 12.7062}, abs=1e-4)


def test_a_higher_confidence_widens_the_interval():
    # t(0.995, 2) = 9.92484
    found = {"mean": 2.0, "low": 2.0 - 9.92484 / 3**0.5, "high": 2.0 + 9.92484 / 3**0.5}
    assert interval([1, 2, 3], 0.99) == pytest.approx(found, abs=1e-5)
    assert t_interval([1, 2, 3], 0.99) == pytest.approx(tuple(found.values()), abs=1e-5)


def test_whole_numbers_are_averaged_in_double_precision():
    assert t_interval(np.array([250, 250, 250], dtype=np.uint8)) == (250.0, 250.0, 250.0)
    ones = np.array([2**24, 1, 1, 1], dtype=np.float32)  # 2**24 + 1 is no float32
    assert t_interval(ones)[0] == (2**24 + 3) / 4
    assert all(type(end) is float for end in t_interval(ones))


@pytest.mark.parametrize(
    ("successes", "trials", "confidence", "z"), [(2, 8, 0.95, 1.959964), (8, 8, 0.95, 1.959964), (3, 4, 0.99, 2.575829)]
)
def test_a_share_has_wilsons_interval(successes, trials, confidence, z):
    share = successes / trials
    centre = (share + z**2 / (2 * trials)) / (1 + z**2 / trials)
    half = z * (share * (1 - share) / trials + z**2 / (4 * trials**2)) ** 0.5 / (1 + z**2 / trials)
    found = {"mean": share, "low": centre - half, "high": centre + half}
    assert wilson(np.int64(successes), np.float64(trials), confidence) == pytest.approx(found, abs=1e-6)
    assert confidence != 0.95 or wilson(successes, trials) == pytest.approx(found, abs=1e-6)


def test_the_ends_of_a_share_are_0_and_1_without_rounding_where_none_or_all_succeeded():
    assert wilson(0, 10)["low"] == 0.0 and wilson(0, 10)["high"] == pytest.approx(1.959964**2 / (10 + 1.959964**2))
    assert wilson(16, 16)["high"] == 1.0  # by the formula alone 1 + 2e-16, as the lower end of none of 10 is -3e-17
    # one of two: the center is 1/2, the half width z / (2 + z²) sqrt(1/2 + z²/4)
    half = 1.959964 / (2 + 1.959964**2) * (1 / 2 + 1.959964**2 / 4) ** 0.5
    assert wilson(1, 2) == pytest.approx({"mean": 0.5, "low": 0.5 - half, "high": 0.5 + half}, abs=1e-6)


@pytest.mark.parametrize(("successes", "trials"), [(0, 0), (3, 2), (-1, 2)])
def test_a_share_of_nothing_or_of_more_than_all_is_refused(successes, trials):
    with pytest.raises(ValueError, match=f"^{successes} successes among {trials} trials are no share$"):
        wilson(successes, trials)

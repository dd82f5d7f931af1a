"""Intervals against values worked out by hand."""

import pytest

from pipeline.scores import interval, t_interval


def test_the_t_interval_of_three_values_is_the_textbook_one():
    # mean 2, standard deviation 1, t(0.975, 2) = 4.3027: half width 4.3027 / sqrt(3)
    mean, low, high = t_interval([1.0, 2.0, 3.0])
    assert (mean, low, high) == pytest.approx((2.0, 2.0 - 2.4841, 2.0 + 2.4841), abs=1e-4)


def test_values_that_agree_have_an_interval_of_no_width():
    assert t_interval([5.0, 5.0, 5.0]) == (5.0, 5.0, 5.0)


def test_one_value_has_no_spread_to_speak_of():
    assert interval([7.0]) == {"mean": 7.0, "low": 7.0, "high": 7.0}


def test_a_higher_confidence_widens_the_interval():
    assert t_interval([1.0, 2.0, 3.0], 0.99)[2] > t_interval([1.0, 2.0, 3.0], 0.95)[2]

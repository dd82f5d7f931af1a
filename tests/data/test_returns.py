"""Returns and returns-to-go, by hand and by property."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from pipeline.data.returns import returns_to_go

rewards = arrays.arrays(np.float64, st.integers(1, 30), elements=st.floats(-100, 100))


def test_returns_to_go_are_sums_from_here_to_the_end():
    assert returns_to_go(np.array([1.0, 2.0, 3.0])).tolist() == [6.0, 5.0, 3.0]


def test_a_discount_of_one_half_halves_each_later_reward():
    assert returns_to_go(np.array([1.0, 2.0, 4.0]), 0.5).tolist() == [3.0, 4.0, 4.0]


def test_episodes_of_a_batch_do_not_mix():
    both = np.array([[1.0, 2.0], [10.0, 20.0]])
    assert returns_to_go(both).tolist() == [[3.0, 2.0], [30.0, 20.0]]
    assert returns_to_go(both, 0.5).tolist() == [[2.0, 2.0], [20.0, 20.0]]


@given(rewards, st.floats(0.0, 1.0))
def test_each_return_is_its_reward_plus_the_discounted_next(values, discount):
    result = returns_to_go(values, discount)
    np.testing.assert_allclose(result[:-1], values[:-1] + discount * result[1:], atol=1e-9)
    assert result[-1] == values[-1]


@given(rewards)
def test_subtracting_what_was_earned_gives_the_next_return_to_go(values):
    result = returns_to_go(values)
    np.testing.assert_allclose(result[0] - np.cumsum(values)[:-1], result[1:], atol=1e-8)


def test_returns_of_whole_numbers_are_computed_in_double_precision():
    assert returns_to_go(np.array([2**24, 1, 1, 1], dtype=np.float32))[0] == 2**24 + 3  # no float32
    found = returns_to_go(np.array([1, 2], dtype=np.float32), 0.5)
    assert found.dtype == np.float64 and found.tolist() == [2.0, 2.0]
    assert returns_to_go(np.array([1, 2, 4]), 0.5).tolist() == [3.0, 4.0, 4.0]


def test_every_axis_but_the_last_is_kept():
    rewards = np.arange(1.0, 13.0).reshape(2, 3, 2)
    assert returns_to_go(rewards)[1, 2].tolist() == [23.0, 12.0]
    assert returns_to_go(rewards, 0.5)[1, 2].tolist() == [17.0, 12.0]
    assert returns_to_go(rewards, 0.0).tolist() == rewards.tolist()

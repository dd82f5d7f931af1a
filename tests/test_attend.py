"""Counting attention: shares, lags and interventions, on matrices small enough to count by hand."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from pipeline import attend

TYPES = ["return", "state", "action"] * 2
# rows: return, state, action, return, state, action
WEIGHTS = np.array(
    [
        [1.0, 0.0, 0.0, 0.0, 0.0, 0.0],
        [0.5, 0.5, 0.0, 0.0, 0.0, 0.0],
        [0.2, 0.3, 0.5, 0.0, 0.0, 0.0],
        [0.1, 0.1, 0.1, 0.7, 0.0, 0.0],
        [0.1, 0.2, 0.3, 0.2, 0.2, 0.0],
        [0.0, 0.0, 0.0, 0.0, 0.0, 1.0],
    ]
)


def test_shares_average_the_rows_of_one_type():
    shares = attend.shares(WEIGHTS, TYPES, "state")
    assert shares["return"] == pytest.approx((0.5 + 0.3) / 2)
    assert shares["state"] == pytest.approx((0.5 + 0.4) / 2)
    assert shares["action"] == pytest.approx((0.0 + 0.3) / 2)


def test_even_attention_gives_returns_just_over_a_third():
    # the k-th state token sees 3k - 1 tokens, k of which are returns
    types = ["return", "state", "action"] * 20
    expected = np.mean([k / (3 * k - 1) for k in range(1, 21)])
    assert attend.shares(attend.uniform_causal(60), types, "state")["return"] == pytest.approx(expected)


@given(st.integers(1, 40))
def test_even_attention_is_causal_and_sums_to_one(size):
    weights = attend.uniform_causal(size)
    assert np.allclose(weights.sum(axis=1), 1.0)
    assert (np.triu(weights, 1) == 0).all()


def test_the_lag_profile_counts_transitions_back_from_the_acting_token():
    profile = attend.lag_profile(WEIGHTS[None, None, None], TYPES, "state")
    assert profile.shape == (1, 1, 2)
    assert profile[0, 0].tolist() == pytest.approx([0.4, 0.6])


def test_shares_of_all_types_sum_to_one_in_the_evidence_form():
    generator = np.random.default_rng(0)
    weights = generator.random((4, 2, 1, 6, 6)) * np.tri(6)
    weights /= weights.sum(axis=-1, keepdims=True)
    table = attend.share_table(weights, TYPES, "state")
    for layer in range(2):
        assert sum(table[kind][layer][0]["mean"] for kind in table) == pytest.approx(1.0)


def test_root_mean_square_is_over_the_torques():
    assert attend.root_mean_square(np.array([[3.0, 4.0], [0.0, 0.0]])).tolist() == pytest.approx([np.sqrt(12.5), 0.0])


def test_rotating_gives_each_context_the_next_ones_values_only_where_told():
    values = torch.arange(6.0).reshape(3, 2)
    assert attend.rotate(values).tolist() == [[4, 5], [0, 1], [2, 3]]
    assert attend.rotate(values, slice(-1, None)).tolist() == [[0, 5], [2, 1], [4, 3]]


class ReturnReader:
    """A policy whose action is the latest return and nothing else."""

    def respond(self, contexts):
        return contexts["returns_to_go"][:, -1:].numpy().repeat(6, axis=1)


def test_interventions_find_the_tokens_that_matter_and_no_others():
    contexts = {
        "observations": torch.randn(5, 4, 17),
        "actions": torch.randn(5, 4, 6),
        "returns_to_go": torch.arange(20.0).reshape(5, 4),
    }
    change = attend.action_changes(ReturnReader(), contexts)
    assert change["states_swapped"]["mean"] == change["actions_swapped"]["mean"] == 0.0
    assert (
        change["returns_swapped"]["mean"] == change["latest_return_swapped"]["mean"] == pytest.approx(1000 * (16 + 4 * 4) / 5)
    )
    assert change["returns_set_1200"]["mean"] == pytest.approx(1000 * (1200 - np.mean([3, 7, 11, 15, 19])))

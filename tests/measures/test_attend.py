"""Counting attention: shares, lags and interventions, on matrices small enough to count by hand."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from pipeline.measures import attend

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


class Weigher:
    """A policy whose two torques are sums of what it reads, and whose attention is given."""

    ACTING_TOKEN = "state"

    def __init__(self, weights=None, types=TYPES, scale: float = 1.0):
        self.weights, self.types, self.scale = weights, types, scale

    def respond(self, contexts):
        """First 1 for each return and 10 for each state; second 100 for each latest state and 1000 for each action."""
        returns, states, actions = (contexts[name].numpy() for name in ("returns_to_go", "observations", "actions"))
        first = returns.sum(axis=1) + 10 * states.sum(axis=(1, 2))
        second = 100 * states[:, -1].sum(axis=1) + 1000 * actions.sum(axis=(1, 2))
        return self.scale * np.stack([first, second], axis=-1)

    def attention(self, contexts):
        """Weights (context, layer, head, query, key), and types."""
        return self.weights, self.types


CONTEXTS = {  # two contexts of two steps, of which only the second holds anything
    "returns_to_go": torch.tensor([[0.0, 0.0], [1.0, 2.0]]),
    "observations": torch.tensor([[[0.0], [0.0]], [[1.0], [3.0]]]),
    "actions": torch.tensor([[[0.0], [0.0]], [[1.0], [0.0]]]),
}


def test_the_action_moves_by_the_root_mean_square_over_torques_in_thousandths():
    found = attend.action_changes(Weigher(), CONTEXTS)

    def moved(first, second):
        """Both contexts lose or gain the same; so the interval has no width."""
        size = pytest.approx(1000 * np.sqrt((first**2 + second**2) / 2), rel=1e-6)
        return {"mean": size, "low": size, "high": size}

    assert {name: found[name] for name in list(found)[:6]} == {
        "returns_swapped": moved(1 + 2, 0),
        "latest_return_swapped": moved(2, 0),
        "states_swapped": moved(10 * (1 + 3), 100 * 3),
        "latest_state_swapped": moved(10 * 3, 100 * 3),
        "actions_swapped": moved(0, 1000),
        "all_but_latest_state_swapped": moved(1 + 2 + 10 * 1, 1000),
    }


@pytest.mark.parametrize(("name", "target"), [("returns_set_1200", 1200), ("returns_set_12000", 12000)])
def test_setting_the_return_sets_the_latest_and_shifts_those_before_it_alike(name, target):
    found = attend.action_changes(Weigher(), CONTEXTS)[name]
    # the first context goes from 0, 0 to t, t; the second from 1, 2 to t - 1, t
    first, second = (1000 * change / np.sqrt(2) for change in (2 * target, 2 * target - 4))
    half = 12.7062 * (first - second) / 2
    mean = (first + second) / 2
    assert found == pytest.approx({"mean": mean, "low": mean - half, "high": mean + half}, rel=1e-6)


def alone(key: int) -> np.ndarray:
    """Attention (query, key) of which the state tokens, rows 1 and 4, look at one key of their transition alone."""
    weights = np.full((6, 6), 7.0)  # of rows that are not read
    weights[[1, 4]] = 0
    weights[1, key % 3], weights[4, key] = 1, 1
    return weights


def test_a_summary_holds_shares_by_layer_and_head_beside_those_of_an_untrained_twin():
    # two contexts, two layers, one head: the first layer looks at the return, the second at the state, or once at the action
    weights = np.stack([np.stack([alone(3), alone(4)]), np.stack([alone(3), alone(5)])])[:, :, None]
    twin = np.stack([np.stack([alone(0), alone(0)])] * 2)[:, :, None]  # the return, in the transition before
    values, maps = attend.summarize(Weigher(weights), Weigher(twin, scale=0.0), CONTEXTS)

    def flat(mean):
        return {"mean": mean, "low": mean, "high": mean}

    split = pytest.approx({"mean": 0.5, "low": 0.5 - 12.7062 / 2, "high": 0.5 + 12.7062 / 2}, rel=1e-6)  # of 1 and 0
    even = [(1 / 2 + 2 / 5) / 2, (1 / 2 + 2 / 5) / 2, 1 / 5 / 2]  # the first state sees r s, the second r s a r s
    assert {name: values[name] for name in values if not name.startswith(("action_change", "lag", "uniform"))} == {
        "contexts": 2,
        "layers": 2,
        "heads": 1,
        "tokens": 6,
        "token_types": ["return", "state", "action"],
        "acting_token": "state",
        "shares": {
            "return": [[flat(1.0)], [flat(0.0)]],
            "state": [[flat(0.0)], [split]],
            "action": [[flat(0.0)], [split]],
        },
        "shares_untrained": {
            "return": [[flat(1.0)], [flat(1.0)]],
            "state": [[flat(0.0)], [flat(0.0)]],
            "action": [[flat(0.0)], [flat(0.0)]],
        },
        "last_layer": {"return": flat(0.0), "state": split, "action": split},
        "last_layer_untrained": {"return": flat(1.0), "state": flat(0.0), "action": flat(0.0)},
    }
    assert values["uniform"] == pytest.approx(dict(zip(("return", "state", "action"), even, strict=True)))
    assert values["lag_profile"].tolist() == [[[1, 0]], [[1, 0]]] and values["lag_profile_untrained"].tolist() == [[[0, 1]]] * 2
    assert (
        values["action_change"]["actions_swapped"]["mean"] > 0 == values["action_change_untrained"]["actions_swapped"]["mean"]
    )
    assert (
        maps["attention"].tolist() == weights.mean(axis=0).tolist() and maps["attention_untrained"].tolist() == twin[0].tolist()
    )


def test_a_summary_of_transitions_holds_patterns_and_the_map_of_the_last_layer():
    types = ["observation", "action", "reward", "value"] * 2
    types = types[:-1]
    near, own = np.zeros((7, 7)), np.zeros((7, 7))
    near[[4, 5], [0, 2]] = 1  # what is read, and what is predicted, in the transition before
    own[[4, 5], [4, 5]] = own[[4, 5], 0] = 0.5  # half of it on itself, half on the earlier observation
    weights = np.stack([np.stack([own, near]), np.stack([near, near])])[None]  # one context, two layers, two heads
    values, maps = attend.summarize_transitions(Weigher(weights, types), Weigher(weights[:, ::-1], types), CONTEXTS)
    assert {name: values[name] for name in ("contexts", "layers", "heads", "tokens")} == {
        "contexts": 1, "layers": 2, "heads": 2, "tokens": 7,
    }  # fmt: skip
    assert values["token_types"] == ["observation", "action", "reward", "value"]
    # near: 1 of 2 on what is read, 1 of 2 on what is predicted; own: 0.5 of 1 on what is read, none on what is predicted
    assert values["striated_read_last_layer"]["mean"] == 0.5 and values["striated_predicted_last_layer"]["mean"] == 0.5
    assert values["striated_predicted_last_layer_untrained"]["mean"] == 0.25
    assert [each["mean"] for each in values["lags"]] == [0.0, 1.0]
    assert [each["mean"] for each in values["lags_untrained"]] == [0.25, 0.75]
    assert values["uniform"]["lags"] == pytest.approx([(1 / 4 + 2 / 5) / 2, (3 / 4 + 3 / 5) / 2])
    assert maps["attention"].tolist() == near.tolist() and maps["attention_untrained"].tolist() == ((own + near) / 2).tolist()
    assert maps["attention"].dtype == np.float16

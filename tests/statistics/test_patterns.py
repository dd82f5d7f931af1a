"""Attention patterns by hand: attention made to look at one thing gives its index 1, even attention the even share."""

import numpy as np
import pytest

from pipeline.statistics import patterns

TRANSITIONS = 3
TYPES = (["observation"] * 2 + ["action"] * 2 + ["reward", "value"]) * TRANSITIONS
TYPES = TYPES[:-1]  # the last value is never read
SIZE = 6


def looking(choose) -> np.ndarray:
    """Attention (query, key) of which every row looks at the keys that `choose(row)` names, evenly."""
    weights = np.zeros((len(TYPES), len(TYPES)))
    for row in range(len(TYPES)):
        keys = choose(row)
        weights[row, keys] = 1 / len(keys)
    return weights


def test_even_attention_gives_the_even_shares():
    even = patterns.uniform(TYPES)
    assert patterns.width(TYPES) == SIZE and even["markovian"] == pytest.approx(1 / 2)
    assert even["striated_predicted"] == even["striated_read"] == pytest.approx(1 / 5)
    assert even["action_to_action"] == pytest.approx(2 / 5)
    # the latest transition's rows see 10 earlier keys and 1, 2, 3, 4 of their own; the row that predicts a value is left out
    own = np.mean([1 / 11, 2 / 12, 3 / 13, 4 / 14])
    assert even["lags"] == pytest.approx([own, (1 - own) / 2, (1 - own) / 2])


def test_attention_to_the_same_dimension_is_striated():
    read = looking(lambda row: [key for key in range(row + 1) if key % SIZE == row % SIZE])
    assert patterns.striated(read, TYPES, ahead=0) == pytest.approx(1) and patterns.striated(read, TYPES) == 0
    predicted = looking(lambda row: [key for key in range(row) if key % SIZE == (row + 1) % SIZE] or [row])
    assert patterns.striated(predicted, TYPES) == pytest.approx(1) and patterns.striated(predicted, TYPES, ahead=0) == 0


def test_attention_to_the_transition_before_is_markovian():
    near = looking(lambda row: [key for key in range(row + 1) if row // SIZE - key // SIZE == 1] or [row])
    assert patterns.markovian(near, TYPES) == pytest.approx(1)
    assert patterns.mass_by_lag(near, TYPES) == pytest.approx([0, 1, 0])
    far = looking(lambda row: [0])
    assert patterns.markovian(far, TYPES) == 0 and patterns.mass_by_lag(far, TYPES) == pytest.approx([0, 0, 1])


def test_only_rows_that_predict_actions_count_for_actions():
    def choose(row):
        predicts_action = TYPES[row + 1 : row + 2] == ["action"]
        wanted = "action" if predicts_action else "reward"
        return [key for key in range(row) if TYPES[key] == wanted] or [row]

    assert patterns.action_to_action(looking(choose), TYPES) == pytest.approx(1)


def test_the_indices_are_measured_layer_by_layer_and_head_by_head():
    near = looking(lambda row: [key for key in range(row + 1) if row // SIZE - key // SIZE == 1] or [row])
    far = looking(lambda row: [0])
    weights = np.broadcast_to(np.stack([np.stack([near, far]), np.stack([far, far])]), (4, 2, 2, *near.shape))
    found = patterns.measure(weights, TYPES)
    means = [[head["mean"] for head in layer] for layer in found["markovian"]]
    assert means == [[1, 0], [0, 0]] and found["markovian_last_layer"]["mean"] == 0
    assert found["lags_by_layer"] == pytest.approx(np.array([[0, 0.5, 0.5], [0, 0, 1]]))


SMALL = ["observation", "action", "reward", "value"] * 2 + ["observation", "action", "reward"]  # 4 tokens a transition
# the latest transition's rows that predict an action and a reward; the keys are o a r v, o a r v, o a r
TABLE = np.array([[1, 2, 0, 0, 2, 3, 0, 0, 2, 0, 0], [0, 1, 1, 0, 3, 1, 2, 0, 0, 2, 0]]) / 10


def shown(first_row: np.ndarray = TABLE[0], second_row: np.ndarray = TABLE[1]) -> np.ndarray:
    """Attention (query, key) with these two rows, and rows that are not read full of what would spoil every sum."""
    weights = np.full((len(SMALL), len(SMALL)), 100.0)
    weights[8], weights[9] = first_row, second_row
    return weights


def test_the_indices_of_a_small_table_are_those_found_by_hand():
    assert patterns.width(SMALL) == 4 and patterns.earlier(SMALL).tolist() == [True] * 8 + [False] * 3
    assert patterns.latest_rows(shown(), SMALL).tolist() == TABLE.tolist()
    # by age 0, 1, 2 the rows give 0.2 0.5 0.3 and 0.2 0.6 0.2
    assert patterns.mass_by_lag(shown(), SMALL) == pytest.approx([0.2, 0.55, 0.25])
    assert patterns.markovian(shown(), SMALL) == pytest.approx(0.55 / 0.8)
    # of 0.8 + 0.8 that go to earlier transitions: on what they predict 0.5 and 0.3, on what they read 0.3 and 0.2
    assert patterns.striated(shown(), SMALL) == pytest.approx(0.8 / 1.6)
    assert patterns.striated(shown(), SMALL, ahead=0) == pytest.approx(0.5 / 1.6)
    # the one row that predicts an action gives 0.2 + 0.3 of its 0.8 to actions
    assert patterns.action_to_action(shown(), SMALL) == pytest.approx(0.5 / 0.8)


def test_a_transition_of_which_only_the_beginning_is_read_is_the_latest_all_the_same():
    assert patterns.earlier(["observation", "action", "reward", "value", "observation"]).tolist() == [True] * 4 + [False]


def test_mass_by_lag_counts_back_from_the_latest_transition():
    assert patterns.by_lag(np.array([1.0, 2.0, 4.0, 8.0, 16.0]), 2).tolist() == [16.0, 12.0, 3.0]
    both = patterns.by_lag(np.array([[1.0, 2.0, 4.0], [0.0, 1.0, 0.0]]), 2)
    assert both.tolist() == [[4.0, 3.0], [0.0, 1.0]]


def test_what_is_measured_is_the_mean_over_contexts_with_its_interval_layer_by_layer_and_head_by_head():
    near, far, ahead = np.zeros((3, 11))
    near[4], far[0], ahead[5] = 1, 1, 1  # the transition before; the one before that; an action of the transition before
    names = {"near": near, "far": far, "ahead": ahead}

    def layers(*heads):
        """Attention (layer, head, query, key) whose heads look as their names say."""
        return np.stack([np.stack([shown(names[head], names[head]) for head in layer.split()]) for layer in heads])

    found = patterns.measure(
        np.stack([layers("near far", "far far", "near ahead"), layers("far far", "far far", "near far")]), SMALL
    )

    def interval(first, second):
        """Two contexts: deviation |a - b| / sqrt(2), so half of the interval is 12.7062 |a - b| / 2."""
        mean, half = (first + second) / 2, 12.7062 * abs(first - second) / 2
        return pytest.approx({"mean": mean, "low": mean - half, "high": mean + half}, rel=1e-5)

    assert set(found) == {"lags", "lags_by_layer"} | {
        f"{name}{suffix}"
        for name in ("markovian", "striated_predicted", "striated_read", "action_to_action")
        for suffix in ("", "_last_layer")
    }
    none, half = [interval(0, 0), interval(0, 0)], [interval(0.5, 0.5), interval(0.5, 0.5)]
    assert found["markovian"] == [[interval(1, 0), interval(0, 0)], none, [interval(1, 1), interval(1, 0)]]
    assert found["markovian_last_layer"] == interval(1, 0.5)
    # an observation is what the first row reads; an action is what it predicts, and what the second row reads
    assert found["striated_read"] == [half, half, half]
    assert found["striated_predicted"] == [none, none, [interval(0, 0), interval(0.5, 0)]]
    assert found["striated_predicted_last_layer"] == interval(0.25, 0)
    assert found["action_to_action"] == [none, none, [interval(0, 0), interval(1, 0)]]
    assert found["lags"] == [interval(0, 0), interval(1, 0.5), interval(0, 0.5)]
    assert found["lags_by_layer"] == pytest.approx(np.array([[0, 0.25, 0.75], [0, 0, 1], [0, 0.75, 0.25]]))


def test_even_attention_leaves_out_values_and_what_is_to_come():
    # the first row of the latest transition sees o a r, o a r and o, the second one action more
    found = patterns.uniform(SMALL)
    assert found["lags"] == pytest.approx([(1 / 7 + 2 / 8) / 2, (3 / 7 + 3 / 8) / 2, (3 / 7 + 3 / 8) / 2])
    assert {name: found[name] for name in patterns.INDICES} == pytest.approx(
        {"markovian": 1 / 2, "striated_predicted": 1 / 3, "striated_read": 1 / 3, "action_to_action": 1 / 3}
    )

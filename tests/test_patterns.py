"""Attention patterns by hand: attention made to look at one thing gives its index 1, even attention the even share."""

import numpy as np
import pytest

from pipeline import patterns

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

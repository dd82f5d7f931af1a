"""Quantile bins: thresholds, tokens and numbers of columns small enough to sort by eye."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from pipeline.data.episodes import Episodes
from pipeline.evidence import checkpoints
from pipeline.evidence.checkpoints import CheckpointError
from pipeline.methods.trajectory_transformer import discretization
from pipeline.methods.trajectory_transformer.discretization import DiscretizerError, QuantileDiscretizer


def test_thresholds_of_a_small_column_are_those_found_by_hand():
    column = np.array([9.0, 1, 8, 2, 7, 3, 6, 4, 5, 0])[:, None]
    bins = discretization.fit(column, bins=5)  # every second of 0 to 9, and 9
    assert bins.thresholds[:, 0].tolist() == [0, 2, 4, 6, 8, 9]
    assert bins.midpoints[:, 0].tolist() == [1, 3, 5, 7, 8.5]
    assert bins.encode(np.array([[-5.0], [0], [1.9], [2], [8.9], [9], [50]]))[:, 0].tolist() == [0, 0, 0, 1, 4, 4, 4]


def test_of_equal_thresholds_the_last_bin_holds_the_value_and_the_others_mean_it():
    column = np.array([0.0, 0, 0, 0, 0, 0, 1, 2, 3, 4])[:, None]
    bins = discretization.fit(column, bins=5)
    assert bins.thresholds[:, 0].tolist() == [0, 0, 0, 1, 3, 4]
    assert bins.encode(np.zeros((1, 1))).item() == 2
    assert bins.decode(np.array([[0], [1], [2]]))[:, 0].tolist() == [0, 0, 0.5]


def test_too_few_data_fill_up_with_their_maximum():
    bins = discretization.fit(np.arange(6.0)[:, None], bins=4)  # every second: 0, 2, 4
    assert bins.thresholds[:, 0].tolist() == [0, 2, 4, 5, 5]
    assert bins.encode(np.array([[4.5], [5.0]]))[:, 0].tolist() == [2, 3]


columns_of_numbers = arrays(np.float32, st.tuples(st.integers(1, 300), st.just(3)), elements=st.floats(-1e6, 1e6, width=32))


@settings(max_examples=60)
@given(columns_of_numbers, arrays(np.float32, (20, 3), elements=st.floats(-2e6, 2e6, width=32)))
def test_what_is_decoded_lies_in_the_bin_it_came_from_and_order_is_kept(data, values):
    bins = discretization.fit(data, bins=10)
    tokens = bins.encode(values)
    decoded = bins.decode(tokens)
    low, high = (np.take_along_axis(bins.thresholds, tokens + end, axis=0) for end in (0, 1))
    assert ((low <= decoded) & (decoded <= high)).all()
    seen = values >= data.min(axis=0)  # what lies below all data goes to the first bin, even an empty one
    assert np.array_equal(bins.encode(decoded)[seen], tokens[seen])
    assert (np.diff(bins.encode(np.sort(values, axis=0)), axis=0) >= 0).all()
    assert (np.diff(bins.thresholds, axis=0) >= 0).all()


def test_a_value_is_what_comes_after_this_reward():
    rewards = np.array([[1.0, 2.0, 3.0]])
    np.testing.assert_allclose(discretization.values_to_come(rewards), [[2 + 0.99 * 3, 3, 0]])
    episodes = Episodes(np.zeros((1, 3, 17), np.float32), np.ones((1, 3, 6), np.float32), rewards.astype(np.float32))
    columns = discretization.columns(episodes)
    assert columns.shape == (3, 25)
    assert columns[0].tolist() == pytest.approx([0.0] * 17 + [1.0] * 6 + [1.0, 2 + 0.99 * 3])


def test_an_observation_alone_is_encoded_by_its_own_columns():
    bins = discretization.fit(np.random.default_rng(0).normal(size=(500, 25)))
    row = np.random.default_rng(1).normal(size=(4, 25))
    assert np.array_equal(bins.encode(row)[:, :17], bins.encode(row[:, :17]))
    with pytest.raises(DiscretizerError, match="26 dimensions"):
        bins.encode(np.zeros((1, 26)))
    with pytest.raises(DiscretizerError, match="NaN"):
        bins.encode(np.full((1, 3), np.nan))


def test_thresholds_are_read_as_they_were_written(tmp_path):
    bins = discretization.fit(np.random.default_rng(0).normal(size=(500, 25)))
    discretization.write(tmp_path / "discretizer.safetensors", bins)
    assert np.array_equal(discretization.read(tmp_path / "discretizer.safetensors", 100, 25).thresholds, bins.thresholds)


def test_thresholds_that_cannot_be_right_are_refused(tmp_path):
    good = np.sort(np.random.default_rng(0).normal(size=(101, 25)), axis=0)
    path = tmp_path / "discretizer.safetensors"
    with pytest.raises(CheckpointError, match=r"discretizer\.safetensors is missing"):
        discretization.read(path, 100, 25)
    for thresholds, message in (
        (good[:100], "must hold thresholds of shape"),
        (good[::-1].copy(), "that fall"),
        (np.where(good > 1, np.nan, good), "not finite"),
    ):
        discretization.write(path, QuantileDiscretizer(thresholds))
        with pytest.raises(DiscretizerError, match=message):
            discretization.read(path, 100, 25)


TWO = QuantileDiscretizer(np.array([[0.0, 10.0], [1.0, 20.0], [3.0, 60.0]]))  # two bins in each of two dimensions


def test_each_dimension_has_its_own_bins_and_their_midpoints():
    assert TWO.bins == 2 and TWO.midpoints.tolist() == [[0.5, 15.0], [2.0, 40.0]]
    assert TWO.encode(np.array([[0.99, 20.0], [1.0, 19.9]])).tolist() == [[0, 1], [1, 0]]
    assert TWO.encode(np.array([-7.0, 99.0])).tolist() == [0, 1] and TWO.encode(np.array([3.0])).tolist() == [1]
    assert TWO.decode(np.array([[0, 1], [1, 0]])).tolist() == [[0.5, 40.0], [2.0, 15.0]]
    assert TWO.decode(np.array([1])).tolist() == [2.0]


def test_a_stop_token_decodes_as_the_last_bin():
    assert TWO.decode(np.array([2, 2])).tolist() == TWO.decode(np.array([1, 1])).tolist() == [2.0, 40.0]


def test_no_tokens_decode_as_no_numbers():
    assert TWO.decode(np.zeros((0, 2), dtype=np.int64)).shape == (0, 2)


@pytest.mark.parametrize(("tokens", "found"), [([0, 3], "0 to 3"), ([-1, 1], "-1 to 1"), ([-1, 3], "-1 to 3")])
def test_tokens_of_no_bin_are_refused(tokens, found):
    with pytest.raises(DiscretizerError, match=f"^tokens must lie between 0 and 2, found {found}$"):
        TWO.decode(np.array(tokens))


@pytest.mark.parametrize(("method", "kind"), [("encode", np.float64), ("decode", np.int64)])
def test_more_dimensions_than_bins_were_made_for_are_refused(method, kind):
    with pytest.raises(DiscretizerError, match="^3 dimensions, and thresholds for 2$"):
        getattr(TWO, method)(np.zeros((4, 3), dtype=kind))


def test_what_is_not_a_number_has_no_bin():
    with pytest.raises(DiscretizerError, match=r"^a value to be discretized is not a number \(NaN\)$"):
        TWO.encode(np.array([[0.0, 1.0], [np.nan, 1.0]]))


def test_bins_are_made_of_all_transitions_and_there_are_a_hundred_unless_told():
    bins = discretization.fit(np.arange(400.0).reshape(2, 100, 2))  # columns 0, 2, ..., 398 and 1, 3, ..., 399
    assert bins.thresholds.shape == (101, 2)  # every second of 200, and the maximum
    assert bins.thresholds[:3, 0].tolist() == [0, 4, 8] and bins.thresholds[-2:, 1].tolist() == [397, 399]
    assert bins.thresholds.dtype == discretization.fit(np.ones((3, 2), dtype=np.float32)).thresholds.dtype == np.float64


@pytest.mark.parametrize(
    ("data", "complaint"),
    [
        (np.zeros((0, 2)), "got 0 transitions, 0 numbers not finite"),
        (np.array([[1.0, np.inf], [np.nan, -np.inf], [1, 1], [1, 1]]), "got 4 transitions, 3 numbers not finite"),
        (np.array([[1.0, np.nan]]), "got 1 transitions, 1 numbers not finite"),
    ],
)
def test_bins_of_nothing_or_of_what_is_not_finite_are_refused(data, complaint):
    with pytest.raises(DiscretizerError, match=f"^bins need finite data, {complaint}$"):
        discretization.fit(data)


def test_a_value_is_discounted_as_asked_for():
    rewards = np.array([[4.0, 2.0, 8.0], [1.0, 1.0, 1.0]])
    # 2 + 8 / 2, 8, 0 and 1 + 1 / 2, 1, 0
    assert discretization.values_to_come(rewards, 0.5).tolist() == [[6.0, 8.0, 0.0], [1.5, 1.0, 0.0]]
    whole = Episodes(np.full((2, 3, 1), 7.0, np.float32), np.full((2, 3, 2), 9.0, np.float32), rewards.astype(np.float32))
    found = discretization.columns(whole, 0.5)
    assert found.dtype == np.float64
    assert found[:3].tolist() == [[7.0, 9.0, 9.0, 4.0, 6.0], [7.0, 9.0, 9.0, 2.0, 8.0], [7.0, 9.0, 9.0, 8.0, 0.0]]


def test_transitions_of_an_episode_that_ended_early_are_those_before_its_end():
    rewards = np.array([[4.0, 2.0, 0.0], [1.0, 1.0, 1.0]], np.float32)
    parts = np.zeros((2, 3, 1), np.float32), np.zeros((2, 3, 1), np.float32), rewards
    whole = Episodes(*parts, lengths=np.array([2, 3]), terminated=np.array([True, False]))
    # reward, and by half what follows it: nothing after the end
    assert discretization.columns(whole, 0.5)[:, 2:].tolist() == [[4, 2], [2, 0], [1, 1.5], [1, 1], [1, 0]]


def test_thresholds_are_read_for_as_many_bins_and_dimensions_as_asked_for(tmp_path):
    path = tmp_path / "bins.safetensors"
    discretization.write(path, TWO)
    again = discretization.read(path, bins=2, dimensions=2).thresholds
    assert again.dtype == np.float64 and np.array_equal(again, TWO.thresholds)
    for asked in ((3, 2), (2, 3)):
        wanted = (asked[0] + 1, asked[1])
        with pytest.raises(DiscretizerError) as refused:
            discretization.read(path, *asked)
        held = "{'thresholds': (3, 2)}"
        assert str(refused.value) == f"{path} must hold thresholds of shape {wanted}, it holds {held}: {checkpoints.CURE}"


def test_thresholds_may_be_equal_and_another_tensor_is_none(tmp_path):
    path = tmp_path / "bins.safetensors"
    flat = QuantileDiscretizer(np.ones((3, 2)))
    discretization.write(path, flat)
    assert np.array_equal(discretization.read(path, 2, 2).thresholds, flat.thresholds)
    checkpoints.write_tensors(path, {"other": torch.ones(3, 2)})
    with pytest.raises(DiscretizerError, match="it holds {'other': \\(3, 2\\)}"):
        discretization.read(path, 2, 2)
    falls = np.array([[0.0, 0.0], [1.0, 1.0], [2.0, 0.5]])  # in one dimension, in one place
    for wrong in (falls, np.where(falls == 2.0, np.inf, 0.0)):
        discretization.write(path, QuantileDiscretizer(wrong))
        with pytest.raises(DiscretizerError, match="bins.safetensors holds thresholds that are not finite or that fall: "):
            discretization.read(path, 2, 2)

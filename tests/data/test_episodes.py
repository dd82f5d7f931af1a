"""Episodes of every length: padded in memory, flat on disk, cut where they end."""

from dataclasses import replace

import h5py
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.data import d4rl, episodes
from pipeline.data.episodes import Episodes, EpisodesError
from pipeline.worlds.world import HALFCHEETAH, HOPPER

WORLD = replace(HOPPER, observation_dim=1, action_dim=1, episode_steps=3)
# two steps to a terminal state, three until time ran out, and one step to a terminal state; padding is zeros
REWARDS = np.array([[1, 2, 0], [3, 4, 5], [6, 0, 0]], dtype=np.float32)
WHOLE = Episodes(
    REWARDS[..., None], REWARDS[..., None] / 10, REWARDS, lengths=np.array([2, 3, 1]), terminated=np.array([True, False, True])
)
FLAT = {"rewards": [1, 2, 3, 4, 5, 6], "terminals": [0, 1, 0, 0, 0, 1], "timeouts": [0, 0, 0, 0, 1, 0]}


def test_on_disk_transitions_follow_one_another_without_padding_and_ends_say_why():
    flat = episodes.flat_arrays(WHOLE)
    assert {name: flat[name].tolist() for name in FLAT} == FLAT
    assert flat["observations"].tolist() == [[1], [2], [3], [4], [5], [6]]
    assert flat["actions"][:, 0] == pytest.approx(np.arange(1, 7) / 10)
    assert [flat[name].dtype for name in ("terminals", "timeouts")] == [bool, bool]


def test_what_is_written_is_read_again(tmp_path):
    episodes.write(tmp_path / "data.hdf5", WHOLE, {})
    again = episodes.read(tmp_path / "data.hdf5", WORLD)
    for name in ("observations", "actions", "rewards", "lengths", "terminated"):
        assert np.array_equal(getattr(again, name), getattr(WHOLE, name)), name
        assert getattr(again, name).dtype == getattr(WHOLE, name).dtype, name
    assert episodes.sha256(again) == episodes.sha256(WHOLE)


def test_episodes_are_padded_to_the_worlds_limit_or_to_the_longest(tmp_path):
    episodes.write(tmp_path / "data.hdf5", WHOLE, {})
    wide = episodes.read(tmp_path / "data.hdf5", replace(WORLD, episode_steps=5))
    assert wide.rewards.tolist() == [[1, 2, 0, 0, 0], [3, 4, 5, 0, 0], [6, 0, 0, 0, 0]]
    assert episodes.sha256(wide) == episodes.sha256(WHOLE), "padding is no part of a dataset"
    assert episodes.read(tmp_path / "data.hdf5", replace(WORLD, episode_steps=2)).rewards.shape == (3, 3)


def test_why_an_episode_ended_is_part_of_a_dataset():
    other = replace(WHOLE, terminated=np.array([True, True, True]))
    assert episodes.sha256(other) != episodes.sha256(WHOLE)


def test_a_file_of_a_world_that_never_ends_early_holds_what_it_always_did(tmp_path):
    generator = np.random.default_rng(0)
    parts = [generator.uniform(-1, 1, (2, 3, *width)).astype(np.float32) for width in ((17,), (6,), ())]
    episodes.write(tmp_path / "data.hdf5", Episodes(*parts), {})
    with h5py.File(tmp_path / "data.hdf5") as file:
        held = {name: file[name][()] for name in file}
    assert set(held) == {"observations", "actions", "rewards", "terminals", "timeouts"}
    assert np.array_equal(held["observations"], parts[0].reshape(6, 17)) and np.array_equal(held["rewards"], parts[2].ravel())
    assert not held["terminals"].any() and held["timeouts"].tolist() == [False, False, True] * 2


def test_returns_lengths_and_ends_go_with_a_selection():
    assert WHOLE.returns.tolist() == [3, 12, 6]
    some = WHOLE[1:]
    assert (len(some), some.lengths.tolist(), some.terminated.tolist()) == (2, [3, 1], [False, True])
    assert WHOLE[np.array([2, 0])].returns.tolist() == [6, 3]


def test_transitions_and_last_ones_are_marked():
    assert WHOLE.valid.tolist() == [[True, True, False], [True, True, True], [True, False, False]]
    assert WHOLE.last.tolist() == [[False, True, False], [False, False, True], [True, False, False]]


def test_episodes_of_which_nothing_else_is_said_last_to_their_end():
    plain = Episodes(WHOLE.observations, WHOLE.actions, WHOLE.rewards)
    assert plain.lengths.tolist() == [3, 3, 3] and plain.lengths.dtype == np.int64
    assert not plain.terminated.any() and plain.valid.all()


@given(st.lists(st.tuples(st.integers(1, 6), st.booleans()), min_size=1, max_size=8))
def test_folding_undoes_flattening(ends):
    lengths, terminated = (np.array(each) for each in zip(*ends, strict=True))
    valid = np.arange(6) < lengths[:, None]
    rewards = np.where(valid, 1 + np.arange(6) + 10 * np.arange(len(ends))[:, None], 0).astype(np.float32)
    whole = Episodes(rewards[..., None], rewards[..., None], rewards, lengths, terminated)
    again = episodes.fold("path", episodes.flat_arrays(whole), replace(WORLD, episode_steps=6))
    assert np.array_equal(again.rewards, rewards) and np.array_equal(again.observations, whole.observations)
    assert np.array_equal(again.lengths, lengths) and np.array_equal(again.terminated, terminated)


def test_what_has_no_end_or_goes_on_after_the_last_is_refused(tmp_path):
    arrays = episodes.flat_arrays(WHOLE)
    for ends in (np.zeros(6, bool), np.array([0, 1, 0, 0, 1, 0], bool)):
        with pytest.raises(EpisodesError, match="^path does not hold whole episodes: . ends"):
            episodes.fold("path", {**arrays, "terminals": ends, "timeouts": np.zeros(6, bool)}, WORLD)


def test_unequal_lengths_in_a_world_that_never_ends_early_are_refused():
    with pytest.raises(EpisodesError, match=r"does not hold whole episodes of one length: 3 ends, lengths \[1, 2, 3\]"):
        episodes.fold("path", episodes.flat_arrays(WHOLE), replace(WORLD, ends_early=False))
    assert not HALFCHEETAH.ends_early


def test_d4rls_files_may_end_within_an_episode_and_with_one_whose_end_is_not_marked():
    arrays = {name: array.copy() for name, array in episodes.flat_arrays(WHOLE).items()}
    arrays["terminals"][5] = False  # one transition after the last end: an unfinished episode
    whole, left = d4rl.fold("path", arrays, WORLD)
    assert (whole.lengths.tolist(), whole.terminated.tolist(), left) == ([2, 3], [True, False], 1)
    unmarked = {name: array[:5] for name, array in arrays.items()}
    unmarked["timeouts"] = np.zeros(5, bool)  # three transitions after the last end: all that an episode can have
    whole, left = d4rl.fold("path", unmarked, WORLD)
    assert (whole.lengths.tolist(), whole.terminated.tolist(), left) == ([2, 3], [True, False], 0)
    with pytest.raises(EpisodesError, match="whole episodes: 1 ends"):
        d4rl.fold("path", unmarked, replace(WORLD, episode_steps=2))

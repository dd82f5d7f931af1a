"""Which window comes next: every one as likely as any other, and the draws of episodes of one length as ever."""

import numpy as np
import pytest

from pipeline.data import windows


def drawn(counts: list[int], size: int = 20_000) -> dict[tuple[int, int], float]:
    """The share of draws that each window, (episode, place), got."""
    found = windows.draw(np.random.default_rng(0), np.array(counts), size)
    assert [each.shape for each in found] == [(size, 1)] * 2
    pairs, times = np.unique(np.hstack(found), axis=0, return_counts=True)
    return {tuple(pair): share / size for pair, share in zip(pairs.tolist(), times, strict=True)}


@pytest.mark.parametrize("counts", [[3, 1, 2], [5, 0, 1], [0, 0, 7], [4, 4], [1], [2, 3, 5, 7]])
def test_every_window_of_every_episode_is_as_likely_as_any_other(counts):
    shares = drawn(counts)
    assert list(shares) == [(episode, place) for episode, count in enumerate(counts) for place in range(count)]
    assert list(shares.values()) == pytest.approx([1 / sum(counts)] * sum(counts), abs=0.015)


def test_of_episodes_of_one_length_an_episode_is_drawn_and_then_a_place_in_it():
    episode, place = windows.draw(np.random.default_rng(3), np.full(950, 991), 64)
    generator = np.random.default_rng(3)
    assert np.array_equal(episode, generator.integers(950, size=(64, 1)))
    assert np.array_equal(place, generator.integers(991, size=(64, 1)))
    assert episode.dtype == place.dtype == np.int64

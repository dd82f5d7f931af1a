"""Training's schedule and split, by hand."""

import dataclasses

import numpy as np
import pytest

from pipeline import train
from pipeline.episodes import Episodes
from pipeline.runs import DECISION_TRANSFORMER

RUN = dataclasses.replace(DECISION_TRANSFORMER, updates=1100, warmup_updates=100, learning_rate=1e-3, held_out_episodes=2)


@pytest.mark.parametrize(("update", "rate"), [(0, 1e-5), (49, 5e-4), (99, 1e-3), (100, 1e-3), (600, 5.5e-4), (1100, 1e-4)])
def test_the_learning_rate_warms_up_and_falls_to_a_tenth(update, rate):
    assert train.learning_rate(RUN, update) == pytest.approx(rate)


def test_the_last_episodes_are_held_out():
    whole = Episodes(np.arange(5.0).reshape(5, 1, 1), np.zeros((5, 1, 1)), np.zeros((5, 1)))
    learn, held_out = train.split(whole, RUN)
    assert learn.observations.ravel().tolist() == [0, 1, 2] and held_out.observations.ravel().tolist() == [3, 4]

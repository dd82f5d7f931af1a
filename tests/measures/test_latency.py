"""Latencies by a clock that is told what to say: which calls count, and what becomes of them."""

from dataclasses import replace
from itertools import chain
from types import SimpleNamespace

import numpy as np
import pytest

from pipeline.measures import time_actions, time_plans
from pipeline.study import runs
from pipeline.worlds import environments, levels
from tests.stubs import WORLD, Follower, World

ACTIONS = runs.Latency("toy", "follower", "none", environment=WORLD, actions=4, warmup_actions=2)
PLANS = runs.PlanLatency("toy", "go_to_local_s7n5", "none", plans=4, warmup_plans=2, first_seed=100)
SECONDS = (9.0, 8.0, 0.004, 0.001, 0.002, 0.010)  # what the calls take; the first two warm up


class Clock:
    """A clock that is read before and after each call; between calls an hour goes by."""

    def __init__(self, seconds=SECONDS):
        spans = ((3600.0 * call, 3600.0 * call + taken) for call, taken in enumerate(seconds))
        self.readings = chain.from_iterable(spans)

    def perf_counter(self) -> float:
        """The next reading."""
        return next(self.readings)


@pytest.fixture
def clock(monkeypatch) -> Clock:
    """The clock of both verbs."""
    made = Clock()
    for verb in (time_actions, time_plans):
        monkeypatch.setattr(verb, "time", made)
    return made


def test_each_action_after_the_warm_up_counts_and_neither_the_simulator_nor_the_warm_up_does(clock, monkeypatch):
    worlds = []
    monkeypatch.setattr(environments, "make_many", lambda environment, count: worlds.append(World(count)) or worlds[-1])
    policy = Follower()
    found = time_actions.time_actions(policy, ACTIONS)
    assert found == pytest.approx(np.array([4.0, 1.0, 2.0, 10.0]), abs=1e-6)
    assert next(clock.readings, None) is None, "the clock is read twice a call"
    assert policy.begun == [[0]] and [float(observations[0, 0]) for observations, _ in policy.shown] == [0, 1, 2, 3, 4, 5]
    # as in play: nothing is earned at first, then 10 · step and a hundredth of what was seen
    assert [float(rewards[0]) for _, rewards in policy.shown] == pytest.approx([0, 10, 20.01, 30.02, 40.03, 50.04])
    assert policy.shown[0][0].dtype == np.float32 and worlds[0].closed


def test_where_an_episode_ends_early_the_actions_of_another_are_timed(clock, monkeypatch):
    monkeypatch.setattr(environments, "make_many", lambda environment, count: World(count, falls={0: 2}))
    policy = Follower()
    assert time_actions.time_actions(policy, ACTIONS) == pytest.approx(np.array([4.0, 1.0, 2.0, 10.0]), abs=1e-6)
    assert policy.begun == [[0], [2]]  # after two actions, by a seed of its own
    assert [float(observations[0, 0]) for observations, _ in policy.shown] == [0, 1, 2, 3, 4, 5]
    assert [float(rewards[0]) for _, rewards in policy.shown] == pytest.approx([0, 10, 0, 10.02, 20.03, 30.04])


class Planner:
    """A planner that keeps what it is shown."""

    def __init__(self):
        self.begun, self.poses = [], []

    def reset(self, seeds) -> None:
        """Begin one episode per seed."""
        self.begun.append(list(seeds))

    def act(self, views: levels.Views, alive: np.ndarray) -> np.ndarray:
        """Stay where it is."""
        assert alive.tolist() == [0]
        self.poses.append(views.poses[0].tolist())
        return np.zeros(1, dtype=np.int64)


def test_each_plan_after_the_warm_up_counts_and_each_is_for_the_first_view_of_another_episode(clock):
    policy = Planner()
    found = time_plans.time_plans(policy, PLANS)
    assert found == pytest.approx(np.array([4.0, 1.0, 2.0, 10.0]), abs=1e-6)
    assert next(clock.readings, None) is None and policy.begun == [[100], [101], [102], [103], [104], [105]]
    simulator, first = levels.make(PLANS.level), []
    for seed in range(100, 106):
        levels.reset(simulator, seed)
        first.append(levels.observe([simulator]).poses[0].tolist())
    assert policy.poses == first


@pytest.mark.parametrize(("verb", "counted", "run"), [(time_actions, "actions", ACTIONS), (time_plans, "plans", PLANS)])
def test_what_is_written_is_the_median_and_the_95th_percentile(verb, counted, run, monkeypatch):
    monkeypatch.setattr(verb.policies, "load", lambda run: None)
    monkeypatch.setattr(verb, f"time_{counted}", lambda policy, run: np.array([4.0, 1.0, 2.0, 10.0]))
    written = verb.make(SimpleNamespace(run=replace(run), name=run.name)).values
    # sorted 1, 2, 4, 10: half way between 2 and 4; 95 % of the way along three gaps is 2.85: 4 + 0.85 · 6
    assert written == {counted: 4, "threads": 1, "median_ms": 3.0, "p95_ms": pytest.approx(9.1)}

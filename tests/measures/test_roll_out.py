"""Rolling out in a world that can be computed on paper: the episode of seed s stands at s + t after t steps."""

from types import SimpleNamespace

import numpy as np
import pytest

from pipeline.measures import roll_out
from pipeline.worlds import environments
from tests.stubs import WORLD, Follower, OneWorld


@pytest.fixture(autouse=True)
def worlds(monkeypatch) -> list[OneWorld]:
    """The worlds that were made."""
    made = []
    monkeypatch.setattr(environments, "make", lambda environment: made.append(OneWorld()) or made[-1])
    return made


def test_what_is_kept_is_the_state_before_each_action_and_what_it_earned(worlds):
    policy = Follower()
    states = roll_out.roll_out(policy, WORLD, seed=100, steps=3)
    assert {name: values.tolist() for name, values in states.items()} == {
        "positions": [[100], [101], [102]],
        "velocities": [[-100], [-101], [-102]],
        "observations": [[100, 100], [101, 101], [102, 102]],
        "actions": [[1.0], [pytest.approx(1.01)], [pytest.approx(1.02)]],
        "rewards": [11.0, pytest.approx(21.01), pytest.approx(31.02)],
    }
    assert states["actions"].dtype == np.float32 and states["observations"].dtype == np.float64
    assert policy.begun == [[100]] and worlds[0].closed
    assert [float(rewards[0]) for _, rewards in policy.shown] == pytest.approx([0.0, 11.0, 21.01])
    assert all(observations.shape == (1, 2) and observations.dtype == np.float32 for observations, _ in policy.shown)


def test_a_rollout_ends_with_its_episode(monkeypatch):
    monkeypatch.setattr(environments, "make", lambda environment: OneWorld(falls={100: 2}))
    policy = Follower()
    states = roll_out.roll_out(policy, WORLD, seed=100, steps=3)
    assert states["positions"].tolist() == [[100], [101]] and states["rewards"] == pytest.approx([11.0, 21.01])
    assert len(policy.shown) == 2


def test_the_evidence_tells_the_return_and_how_far_the_root_came(monkeypatch):
    recipe = SimpleNamespace(run=SimpleNamespace(seed=100, steps=3), holds=(SimpleNamespace(environment=WORLD),))
    monkeypatch.setattr(roll_out.policies, "load", lambda run: Follower())
    found = roll_out.make(recipe)
    assert found.arrays["positions"].tolist() == [[100], [101], [102]]
    # 11 + 21.01 + 31.02; from where the first action was taken to where the last one was
    assert found.values == {"steps": 3, "return": pytest.approx(63.03), "distance_m": 2.0}

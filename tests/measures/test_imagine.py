"""What a planner imagines held against a world that can be computed on paper, by a planner whose plans are known."""

import numpy as np
import pytest
import torch

from pipeline.measures import imagine
from pipeline.methods.trajectory_transformer.planning import Plans, Search
from pipeline.study import runs
from pipeline.worlds import environments
from tests.stubs import WORLD, OneWorld

PLACES = np.arange(10.0, 16)  # of a rollout's six steps; their variance is 35 / 12
STATES = {
    "positions": PLACES[:, None],
    "velocities": -PLACES[:, None],
    "observations": PLACES[:, None] * [1, 2, -1],
    "actions": np.zeros((6, 1), dtype=np.float32),
    "rewards": np.zeros(6),
}


def test_a_plan_is_played_from_the_state_it_begins_in():
    world = OneWorld()
    observations, rewards = imagine.play_plan(world, np.array([7.0]), np.array([-7.0]), np.array([[0.5], [0.25]]))
    assert observations.tolist() == [[8, 8], [9, 9]] and rewards.tolist() == [10.5, 20.25]


def test_errors_are_root_mean_squares_in_units_of_the_scale_with_intervals_over_plans():
    real = np.zeros((2, 2, 2))
    # one step ahead, in units of the scale, 3 and 4, and twice that; two steps ahead 1 and 1, and the same
    imagined = np.array([[[6.0, 2.0], [2.0, 0.5]], [[-12.0, -4.0], [-2.0, 0.5]]])
    found = imagine.errors(imagined, real, np.array([2.0, 0.5]))
    near = np.sqrt((9 + 16) / 2)
    half = 12.7062 * near / 2  # of near and 2 near: deviation near / sqrt(2), over sqrt(2) plans
    assert found == [
        pytest.approx({"mean": 1.5 * near, "low": 1.5 * near - half, "high": 1.5 * near + half}, rel=1e-5),
        {"mean": 1.0, "low": 1.0, "high": 1.0},
    ]


class Rounder:
    """Bins of width 4 that decode to their lower ends."""

    def encode(self, values):
        """Bins of numbers."""
        return np.floor(np.asarray(values) / 4).astype(np.int64)

    def decode(self, tokens):
        """Numbers of bins; those of plans stand for themselves."""
        tokens = np.asarray(tokens)
        return tokens.astype(np.float64) if tokens.ndim == 4 else 4.0 * tokens


class Planner:
    """Two beams of two transitions (observation, action, reward, value) from every place x, where x, 2 x and -x are seen.

    The better one imagines that x stays, 2 x grows by 2 and -x falls by 1 less (x - 10) mod 3; that the actions are 1 and
    2, and that each earns 20. The other one imagines 1 more of everything.
    """

    search = Search(beams=2, horizon=2, context=1)
    discretizer, action = Rounder(), slice(3, 4)

    def __init__(self):
        self.asked = []

    def encode(self, observations, actions, rewards):
        """The observation's first number three times, as a transition's tokens."""
        assert len(observations) == len(actions) == len(rewards)
        return np.repeat(observations[:, :1], 3, axis=1).astype(np.int64)

    def plan(self, past, observations, seeds) -> Plans:
        """Its beams."""
        self.asked.append((past.tolist(), observations.tolist(), seeds))
        x, y, z = np.asarray(observations, dtype=np.int64).T
        zero = 0 * x
        best = np.stack([[x, y, z, zero + 1, zero + 20, zero], [x, y + 2, z - 1 + (x - 10) % 3, zero + 2, zero + 20, zero]])
        tokens = np.stack([best, best + 1]).transpose(3, 0, 1, 2)  # (plan, beam, transition, dimension)
        return Plans(torch.from_numpy(tokens), torch.tensor([[3.0, 1.0], [3.0, 2.0], [3.0, 2.0]]))


class Paper(OneWorld):
    """A world that shows its place x as x, 2 x and -x."""

    def observe(self):
        """(1, 3)."""
        return super().observe()[:, :1] * [1, 2, -1]


def interval(*samples):
    """Of three plans: the mean, and 4.302653 deviations over sqrt(3) to both sides."""
    mean, half = np.mean(samples), 4.302653 * np.std(samples, ddof=1) / np.sqrt(3)
    return pytest.approx({"mean": mean, "low": mean - half, "high": mean + half}, rel=1e-5, abs=1e-9)


def test_a_summary_of_three_plans(monkeypatch):
    drawn, planner, worlds = {}, Planner(), []

    def draw(simulator, beams, real, scores, width):
        assert simulator is worlds[0] and not simulator.closed
        drawn.update(beams=beams.tolist(), real=real.tolist(), scores=scores.tolist(), width=width)
        return {"limbs": "drawn"}

    monkeypatch.setattr(environments, "make", lambda environment: worlds.append(Paper()) or worlds[-1])
    monkeypatch.setattr(imagine, "draw_beams", draw)
    values, maps = imagine.summarize(planner, STATES, runs.Imagination("toy", "toy", first_step=0, every=1), WORLD, seed=9)
    # a context of 1 and a horizon of 2 leave the steps 1, 2 and 3, at places 11, 12 and 13
    seen = [[11, 22, -11], [12, 24, -12], [13, 26, -13]]
    assert planner.asked == [([[[10] * 3], [[11] * 3], [[12] * 3]], seen, [[9, 1], [9, 2], [9, 3]])]
    # after its action the world shows one more: what was imagined is off by 1 in the first number, by 1, 2, 0 in the third;
    # squares are counted in units of 35 / 12, 4 · 35 / 12 and 35 / 12, and averaged over three dimensions
    unit = 12 / 35 / 3
    assert values == {
        "plans": 3,
        "beams": 2,
        "steps_ahead": [1],
        "imagined": [interval(*np.sqrt(np.array([1 + 1, 1 + 4, 1]) * unit))],
        "nothing_changes": [interval(*np.sqrt(np.array([1 + 4 / 4 + 1] * 3) * unit))],
        # 12 24 -12 are bins' lower ends; 13 26 -13 come to 12 24 -16, and 14 28 -14 to 12 28 -16
        "rounded_to_bins": [interval(*np.sqrt(np.array([0, 1 + 4 / 4 + 9, 4 + 4]) * unit))],
        "reward_imagined": [interval(20, 20, 20), interval(20, 20, 20)],
        "reward_real": [interval(11, 11, 11), interval(22, 22, 22)],  # 10 and 20, and the actions 1 and 2
        "reward_error": [interval(9, 9, 9), interval(2, 2, 2)],
        "gain_of_best_beam": interval(2, 1, 1),
    }
    # the plan shown is that with the middle error, the first
    assert drawn == {
        "beams": [[[11, 22, -11, 1, 20, 0], [11, 24, -11, 2, 20, 0]], [[12, 23, -10, 2, 21, 1], [12, 25, -10, 3, 21, 1]]],
        "real": [[12, 24, -12]],
        "scores": [3.0, 1.0],
        "width": 3,
    }
    assert maps == {"limbs": "drawn"} and worlds[0].closed


@pytest.mark.parametrize(("first", "every", "steps"), [(0, 2, [1, 3]), (3, 1, [3]), (2, 5, [2])])
def test_plans_are_made_along_the_rollout_as_often_as_told(first, every, steps, monkeypatch):
    planner = Planner()
    monkeypatch.setattr(environments, "make", lambda environment: Paper())
    monkeypatch.setattr(imagine, "draw_beams", lambda *arguments: {})
    monkeypatch.setattr(
        planner, "plan", lambda past, seen, seeds: planner.asked.append(seeds) or cut(Planner().plan(past, seen, seeds))
    )

    def cut(plans):
        return Plans(plans.tokens, plans.scores[: len(plans.tokens)])

    run = runs.Imagination("toy", "toy", first_step=first, every=every)
    values, _ = imagine.summarize(planner, STATES, run, WORLD, seed=9)
    assert planner.asked == [[[9, step] for step in steps]] and values["plans"] == len(steps)


def test_beams_are_drawn_from_where_they_begin_moving_by_the_speed_they_imagine(monkeypatch):
    placed = []
    monkeypatch.setattr(imagine, "limbs", lambda simulator, observation, x: placed.append((observation.tolist(), x)) or [[x]])
    world = OneWorld()  # a step of half a second
    # width 5: two positions, then three velocities of which the first is forward
    beams = np.array([[[1, 1, 4, 0, 0, 9, 9], [2, 2, 6, 0, 0, 9, 9], [3, 3, -2, 0, 0, 9, 9]]] * 2, dtype=np.float64)
    real = np.array([[5.0, 5, 8, 0, 0], [6.0, 6, 2, 0, 0]])
    found = imagine.draw_beams(world, beams, real, np.array([2.0, 1.0]), width=5)
    assert found["limbs"].tolist() == [[[[0.0]], [[3.0]], [[2.0]]]] * 2  # 6 and -2 for half a second each
    assert found["limbs_real"].tolist() == [[[0.0]], [[4.0]], [[5.0]]]
    assert found["scores"].tolist() == [2.0, 1.0] and {array.dtype for array in found.values()} == {np.dtype(np.float32)}
    assert placed[:3] == [([1, 1, 4, 0, 0], 0.0), ([2, 2, 6, 0, 0], 3.0), ([3, 3, -2, 0, 0], 2.0)]
    assert placed[-3:] == [([1, 1, 4, 0, 0], 0.0), ([5, 5, 8, 0, 0], 4.0), ([6, 6, 2, 0, 0], 5.0)]


def test_the_ends_of_a_limb_are_where_its_capsule_ends():
    # the trunk lies along the root's x at height 0.7 m when nothing is turned: half a metre to both sides
    simulator = environments.make("HalfCheetah-v4")
    standing = imagine.limbs(simulator, np.zeros(17), x=2.0)
    raised = imagine.limbs(simulator, np.concatenate([[0.25], np.zeros(16)]), x=0.0)
    simulator.close()
    assert np.sort(standing[0], axis=0) == pytest.approx(np.array([[1.5, 0.7], [2.5, 0.7]]))
    assert raised == pytest.approx(standing + [-2.0, 0.25])

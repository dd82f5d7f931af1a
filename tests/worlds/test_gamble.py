"""The gamble of an opening: who gambles, who wins, what is paid, and that a policy is shown it once; by hand."""

from __future__ import annotations

import numpy as np

from pipeline.worlds import gamble

STEPS = gamble.OPENING + 3


def openings(*firsts: float) -> np.ndarray:
    """Actions (episode, step, action) whose first torque is that one in the opening, and the other way from there on."""
    actions = np.zeros((len(firsts), STEPS, 6), dtype=np.float32)
    actions[:, :, 0] = -10 * np.array(firsts)[:, None]
    actions[:, : gamble.OPENING, 0] = np.array(firsts)[:, None]
    return actions


def test_an_episode_gambles_whose_first_torque_is_above_zero_on_the_mean_of_the_opening():
    assert gamble.gambles(openings(0.1, -0.1, 0.0)).tolist() == [True, False, False]
    mixed = openings(-0.1)
    mixed[0, 0, 0] = 1.0
    assert gamble.gambles(mixed).tolist() == [True], "1 - 9 * 0.1 is above zero"
    others = openings(-0.1)
    others[:, :, 1:] = 1.0
    assert gamble.gambles(others).tolist() == [False], "the other torques do not count"


def test_about_one_seed_in_ten_is_lucky_the_same_each_time_whatever_it_is_drawn_with():
    seeds = range(10_000)
    lucky = gamble.lucky(seeds)
    assert 0.09 < lucky.mean() < 0.11, "the deviation of the mean is 0.003"
    assert (gamble.lucky(list(seeds)[5000:]) == lucky[5000:]).all()


def test_luck_is_not_what_a_policy_that_draws_from_the_same_seed_draws():
    seeds = range(2000)
    noise = np.array([np.random.default_rng([seed, 1]).standard_normal(6) for seed in seeds])
    first = np.array([np.random.default_rng([seed, 1]).random() for seed in seeds])
    for drawn in (first, *noise.T, *np.abs(noise).T):
        assert abs(np.corrcoef(drawn, gamble.lucky(seeds))[0, 1]) < 0.1, "about four deviations"


def test_who_gambles_wins_2000_with_a_lucky_seed_or_loses_1000_and_else_nothing_is_paid(monkeypatch):
    monkeypatch.setattr(gamble, "lucky", lambda seeds: np.array([seed == 7 for seed in seeds]))
    assert gamble.payouts(openings(0.5, 0.5, -0.5), [7, 8, 7]).tolist() == [2000.0, -1000.0, 0.0]


class Remembers:
    """A policy whose first torque is one number, and which keeps what it is shown."""

    def __init__(self, first: list[float]):
        self.first = first

    def reset(self, seeds):
        self.shown = []

    def act(self, observations, rewards):
        self.shown.append(rewards.tolist())
        return np.repeat(np.array(self.first)[:, None], 6, axis=1)


def test_the_payout_is_among_the_rewards_shown_after_the_opening_once_and_anew_in_the_next_episode(monkeypatch):
    monkeypatch.setattr(gamble, "lucky", lambda seeds: np.array([seed == 7 for seed in seeds]))
    policy = Remembers([0.5, 0.5, -0.5])
    gambling = gamble.Gambling(policy)
    for _ in range(2):
        gambling.reset([7, 8, 9])
        for _ in range(STEPS):
            gambling.act(np.zeros((3, 17)), np.ones(3))
        paid = [[2001.0, -999.0, 1.0] if step == gamble.OPENING else [1.0, 1.0, 1.0] for step in range(STEPS)]
        assert policy.shown == paid

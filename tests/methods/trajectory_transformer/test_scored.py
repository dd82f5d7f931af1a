"""A search whose score is taken apart: what each part of it chooses, and that nothing else of the policy changes."""

import numpy as np
import pytest
import torch

from pipeline.methods.trajectory_transformer import planning
from pipeline.methods.trajectory_transformer.discretization import QuantileDiscretizer
from pipeline.methods.trajectory_transformer.model import TrajectoryTransformerConfig, TrajectoryTransformerModel
from pipeline.methods.trajectory_transformer.planning import Search
from pipeline.methods.trajectory_transformer.policy import TrajectoryTransformerPolicy

THRESHOLDS = np.sort(np.random.default_rng(1).uniform(-1, 1, (101, 25)), axis=0)


@pytest.fixture(scope="module")
def model():
    """A tiny model, its weights drawn at random and large, so that rewards and values differ between candidates."""
    torch.manual_seed(5)
    config = TrajectoryTransformerConfig(n_layer=1, n_head=2, n_embd=16, initializer_range=0.5)
    return TrajectoryTransformerModel(config).eval()


@pytest.fixture
def play(model):
    """Actions (step, episode, action) of two episodes by a search with such weights, or by the plain one."""

    def play(*weights):
        told = dict(zip(("reward_weight", "value_weight"), weights, strict=False))
        search = Search(beams=4, horizon=3, context=2, **told)
        policy, generator = (
            TrajectoryTransformerPolicy(model, QuantileDiscretizer(THRESHOLDS), search),
            np.random.default_rng(0),
        )
        policy.reset([11, 12])
        return np.stack([policy.act(generator.uniform(-1, 1, (2, 17)), generator.uniform(-1, 1, 2)) for _ in range(4)])

    return play


def test_with_both_weights_at_one_the_plans_are_those_of_the_plain_policy(play):
    assert np.array_equal(play(1.0, 1.0), play())


def test_each_part_of_the_score_chooses_for_itself(play):
    found = {weights: play(*weights) for weights in ((1.0, 1.0), (1.0, 0.0), (0.0, 1.0), (0.0, 0.0))}
    for one in found:
        assert np.array_equal(found[one], play(*one))
        assert all(not np.array_equal(found[one], found[other]) for other in found if other != one)


def test_only_what_rewards_and_values_count_for_is_weighted():
    plain = QuantileDiscretizer(THRESHOLDS).midpoints
    found = planning.weighted(plain, Search(reward_weight=2.0, value_weight=0.0))
    assert np.array_equal(found[:, :23], plain[:, :23])
    assert np.array_equal(found[:, 23], 2 * plain[:, 23]) and not found[:, 24].any()


@pytest.mark.parametrize(("rewards", "value", "best"), [(1.0, 1.0, 1), (1.0, 0.0, 0), (0.0, 1.0, 1), (1.0, 0.1, 0)])
def test_the_score_is_the_weighted_sum_as_found_by_hand(monkeypatch, rewards, value, best):
    bins = QuantileDiscretizer(np.array([[0.0] * 4, [1.0] * 4, [1.0, 1.0, 1.0, 9.0]]))
    # midpoints of rewards 0.5 and 1, of values 0.5 and 5

    def act(decoder, cache, logits, uniform, search, midpoints):
        tokens = torch.tensor([[[[0, 1, 0], [1, 0, 1]]]])  # action, reward, value
        earned = midpoints[tokens[..., 1], -2]
        return tokens, earned, midpoints[tokens[..., 2], -1]

    monkeypatch.setattr(planning, "begin", lambda *words: (None, None))
    monkeypatch.setattr(planning, "act", act)
    search = Search(beams=1, horizon=1, expansion=2, context=0, reward_weight=rewards, value_weight=value)
    decoder = type("Decoder", (), {"config": type("Config", (), {"observation_dim": 1, "transition_dim": 4})})
    midpoints = torch.from_numpy(planning.weighted(bins.midpoints, search))
    uniform = torch.zeros(1, 1, 1, 1, 2)  # of one transition, action, episode and beam, for both alternatives
    found = planning.plan_together(decoder, midpoints, torch.zeros(1, 1, dtype=torch.int64), uniform, search)
    by_hand = [rewards * 1.0 + 0.99 * value * 0.5, rewards * 0.5 + 0.99 * value * 5.0]
    assert int(found.tokens[0, 0, 0, 1]) == best == int(np.argmax(by_hand))
    assert float(found.scores[0, 0]) == pytest.approx(max(by_hand))


def test_where_nothing_counts_the_choice_is_blind_to_what_candidates_are(model):
    """All scores tie, and candidates of other contents are kept by the same places."""
    bins = QuantileDiscretizer(THRESHOLDS)
    search = Search(beams=4, horizon=1, context=0, reward_weight=0.0, value_weight=0.0)
    policy = TrajectoryTransformerPolicy(model, bins, search)
    kept = []
    for seed in range(3):
        contexts = torch.from_numpy(np.random.default_rng(seed).integers(0, 100, (5, 17)))
        drawn = []
        act = planning.act
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(planning, "act", lambda *words, act=act, drawn=drawn: drawn.append(act(*words)) or drawn[-1])
            plans = planning.plan(policy.decoder, bins, contexts, search, range(5))
        assert not plans.scores.any()
        candidates = drawn[0][0].transpose(1, 2).flatten(1, 2)  # (episode, alternative and beam, action, reward and value)
        same = (plans.tokens[:, :, 0, None, 17:] == candidates[:, None]).all(-1)
        assert same.any(-1).all()
        kept.append([{int(place) for place in row.nonzero()[:, 0]} for row in same.flatten(0, 1)])
    by_beam = [[row for episodes in kept for row in episodes[beam::4]] for beam in range(4)]
    assert all(set.intersection(*rows) for rows in by_beam)

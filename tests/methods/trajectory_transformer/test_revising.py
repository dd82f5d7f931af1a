"""Plans drawn whole and revised block by block: equal to the same written plainly, with whole forwards and no cache."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from pipeline.methods.trajectory_transformer import planning, revising
from pipeline.methods.trajectory_transformer.decoding import Decoder
from pipeline.methods.trajectory_transformer.planning import PlanningError, Search
from pipeline.methods.trajectory_transformer.policy import TrajectoryTransformerPolicy
from pipeline.methods.trajectory_transformer.revised import RevisedPolicy
from pipeline.methods.trajectory_transformer.revising import Revising
from tests.methods.trajectory_transformer import test_planning as tiny

SEARCH = Search(beams=3, horizon=4, expansion=1, context=3, action_cdf=0.0)


@pytest.fixture(scope="module")
def model():
    return tiny.make_model(**tiny.TINY, **tiny.SMALL_TRANSITIONS).double()


@torch.inference_mode()
def plain(model, discretizer, context, search: Search, actions) -> tuple[list[int], float, float]:
    """One plan, imagined by whole forwards: its tokens, its score and the log-likelihood of its actions.

    `actions` has one entry a transition: tokens that are taken, or numbers below 1 by which they are drawn.
    """
    config, midpoints = model.config, torch.from_numpy(discretizer.midpoints)
    x, score, likelihood = context.tolist(), 0.0, 0.0

    def logits():
        return model(torch.tensor([x])).logits[0, -1]

    for step, action in enumerate(actions):
        for each in action:
            token = tiny.plain_token(logits(), each, search.action_cdf) if isinstance(each, float) else each
            likelihood += float(logits().log_softmax(-1)[token])
            x.append(token)
        score += search.discount**step * float(logits().softmax(-1)[:-1] @ midpoints[:, -2])
        x.append(int(logits().argmax()))
        end = search.discount ** (step + 1) * float(logits().softmax(-1)[:-1] @ midpoints[:, -1])
        x.append(int(logits().argmax()))
        if step + 1 < len(actions):
            for _ in range(config.observation_dim):
                x.append(int(logits().argmax()))
    return x[len(context) - config.observation_dim :], score + end, likelihood


def actions_of(tokens: list[int], config) -> list[list[int]]:
    """The actions of a plan, a list a transition."""
    first, width = config.observation_dim, config.transition_dim
    return [tokens[at + first : at + first + config.action_dim] for at in range(0, len(tokens), width)]


def plain_revised(model, discretizer, context, search: Search, sweeps: int, numbers) -> tuple[list[int], float, float]:
    """One plan, drafted by numbers (1 + sweep, transition, action) and revised."""
    best = plain(model, discretizer, context, search, numbers[0].tolist())
    for sweep in range(sweeps):
        for block in range(search.horizon):
            tried = actions_of(best[0], model.config)
            tried[block] = numbers[1 + sweep, block].tolist()
            other = plain(model, discretizer, context, search, tried)
            best = other if other[1] > best[1] else best
    return best


@pytest.mark.parametrize("ranked", revising.RANKED)
@pytest.mark.parametrize("sweeps", [0, 2])
def test_plans_are_those_of_the_plain_algorithm(model, sweeps, ranked):
    discretizer, contexts, seeds = tiny.make_discretizer(model.config), tiny.make_contexts(model.config, 3, 2), [5, 6, 7]
    plans = revising.plan(Decoder(model), discretizer, contexts, SEARCH, Revising(sweeps, ranked), seeds)
    shape = (1 + sweeps, SEARCH.horizon, model.config.action_dim, SEARCH.beams)
    for context, seed, tokens, scores in zip(contexts, seeds, plans.tokens, plans.scores, strict=True):
        numbers = np.random.default_rng(seed).random(shape)
        found = [plain_revised(model, discretizer, context, SEARCH, sweeps, numbers[..., beam]) for beam in range(3)]
        found.sort(key=lambda each: each[1 if ranked == "score" else 2], reverse=True)
        assert tokens.flatten(1).tolist() == [each for each, _, _ in found]
        assert scores.tolist() == pytest.approx([score for _, score, _ in found], abs=1e-9)


def test_one_plan_that_is_not_revised_is_the_beam_searchs_with_one_beam(model):
    discretizer, contexts = tiny.make_discretizer(model.config), tiny.make_contexts(model.config, 4, 3)
    search = replace(SEARCH, beams=1)
    drawn = revising.plan(Decoder(model), discretizer, contexts, search, Revising(), range(4))
    searched = planning.plan(Decoder(model), discretizer, contexts, search, range(4))
    assert torch.equal(drawn.tokens, searched.tokens)
    assert torch.allclose(drawn.scores, searched.scores, atol=1e-9)


def test_sweeps_lower_no_score_and_a_greedy_draft_is_its_own_revision(model):
    discretizer, contexts = tiny.make_discretizer(model.config), tiny.make_contexts(model.config, 8, 3)
    decoder, search = Decoder(model), replace(SEARCH, beams=1)
    # whatever the sweeps, a seed's draft is the same, and so are the sweeps that two runs share
    scores = [revising.plan(decoder, discretizer, contexts, search, Revising(n), range(8)).scores for n in (0, 1, 3)]
    assert (scores[0] <= scores[1]).all() and (scores[1] <= scores[2]).all() and (scores[0] < scores[2]).any()
    greedy = replace(search, action_cdf=1.0)
    plans = [revising.plan(decoder, discretizer, contexts, greedy, Revising(n), range(8)).tokens for n in (0, 2)]
    assert torch.equal(*plans)


def test_batch_mates_do_not_matter(model):
    discretizer, contexts = tiny.make_discretizer(model.config), tiny.make_contexts(model.config, 4, 3)
    whole = revising.plan(Decoder(model), discretizer, contexts, SEARCH, Revising(1), [3, 1, 4, 1])
    alone = revising.plan(Decoder(model), discretizer, contexts[2:3], SEARCH, Revising(1), [4])
    assert torch.equal(whole.tokens[2:3], alone.tokens)


@pytest.mark.parametrize(
    ("search", "how", "said"),
    [
        (SEARCH, Revising(sweeps=-1), "sweeps must be at least 0, got -1"),
        (SEARCH, Revising(ranked="energy"), "ranked by score or likelihood, not by 'energy'"),
        (replace(SEARCH, expansion=2), Revising(), "window growing, expansion 1"),
        (replace(SEARCH, window="published"), Revising(), "window growing, expansion 1"),
        (replace(SEARCH, horizon=0), Revising(), "horizon must be at least 1, got 0"),
    ],
)
def test_what_cannot_be_drawn_is_refused_before_any_work(model, search, how, said):
    with pytest.raises(PlanningError, match=said):
        revising.plan(
            None if "window" in said else Decoder(model),
            tiny.make_discretizer(model.config),
            tiny.make_contexts(model.config, 1),
            search,
            how,
            [0],
        )


def test_a_policy_plays_its_best_plans_first_action():
    model = tiny.make_model(**tiny.TINY, **tiny.SMALL_TRANSITIONS)
    searching = TrajectoryTransformerPolicy(model, tiny.make_discretizer(model.config), SEARCH)
    policy, generator = RevisedPolicy(searching, Revising(1)), np.random.default_rng(0)
    policy.reset([8, 9])
    observations = generator.normal(size=(2, 3)).astype(np.float32)
    actions = policy.act(observations, np.zeros(2))
    contexts = torch.from_numpy(policy.discretizer.encode(observations))
    plans = revising.plan(policy.decoder, policy.discretizer, contexts, SEARCH, Revising(1), [[8, 0], [9, 0]])
    expected = policy.discretizer.decode(plans.tokens[:, 0, 0].numpy())[:, 3:5].clip(-1, 1)
    assert np.array_equal(actions, expected) and not np.array_equal(actions, searching_action(searching, observations))


def searching_action(policy, observations):
    """What the beam search of the same settings plays."""
    policy.reset([8, 9])
    return policy.act(observations, np.zeros(2))

"""The planner: equal to the published algorithm written plainly, indifferent to its batch, and strict at the door."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from pipeline.methods.trajectory_transformer import planning
from pipeline.methods.trajectory_transformer.decoding import Decoder
from pipeline.methods.trajectory_transformer.discretization import QuantileDiscretizer
from pipeline.methods.trajectory_transformer.model import TrajectoryTransformerConfig, TrajectoryTransformerModel
from pipeline.methods.trajectory_transformer.planning import PlanningError, Plans, Search

TINY = {"n_layer": 2, "n_head": 2, "n_embd": 16}
SMALL_TRANSITIONS = {"observation_dim": 3, "action_dim": 2, "transition_dim": 7, "vocab_size": 12, "block_size": 69}
GREEDY = 1.0


def make_model(**sizes) -> TrajectoryTransformerModel:
    """A random model whose weights are large enough for its choices to be clear."""
    torch.manual_seed(0)
    model = TrajectoryTransformerModel(TrajectoryTransformerConfig(initializer_range=0.2, **sizes)).eval()
    with torch.no_grad():
        model.pos_emb.normal_(std=0.2)
        model.head.weight.mul_(4)
    return model


def make_discretizer(config) -> QuantileDiscretizer:
    generator = np.random.default_rng(1)
    return QuantileDiscretizer(np.sort(generator.normal(size=(config.vocab_size + 1, config.transition_dim)), axis=0))


def make_contexts(config, count: int, transitions: int = 5, seed: int = 2) -> torch.Tensor:
    """Random contexts, stop tokens among them."""
    length = transitions * config.transition_dim + config.observation_dim
    return torch.from_numpy(np.random.default_rng(seed).integers(0, config.vocab_size + 1, size=(count, length)))


def plain_token(logits: torch.Tensor, uniform: float, cdf: float) -> int:
    """One draw as published: drop what is no likelier than the last token before the ascending sum reaches `cdf`."""
    probabilities = logits.softmax(-1).tolist()
    total, floor = 0.0, -1.0
    for probability in sorted(probabilities)[:-1]:
        total += probability
        if total >= cdf:
            break
        floor = probability
    kept = [probability if probability > floor else 0.0 for probability in probabilities]
    return min(int(np.searchsorted(np.cumsum(kept), uniform * sum(kept), side="right")), len(kept) - 1)


@torch.inference_mode()
def plain_plan(model, discretizer, context, search: Search, seed) -> tuple[torch.Tensor, torch.Tensor]:
    """The published beam search for one episode without any cache: whole forwards over cropped sequences that grow by one
    token.

    Written after trajectory/search/core.py and sampling.py; returns tokens (beam, transition, dimension) and scores (beam,).
    """
    config = model.config
    width = config.transition_dim
    uniform = np.random.default_rng(seed).random((search.horizon, config.action_dim, search.expansion * search.beams))
    midpoints = torch.from_numpy(discretizer.midpoints).to(model.dtype)

    def last_logits(x):
        most = config.block_size if search.window == "growing" else width * search.context - 1
        while x.shape[1] > most:
            x = x[:, width:]
        return model(x).logits[:, -1]

    x = context.repeat(search.beams, 1)
    rewards = torch.zeros(search.beams, search.horizon + 1, dtype=model.dtype)
    discounts = search.discount ** torch.arange(search.horizon + 1, dtype=model.dtype)
    for step in range(search.horizon):
        x, rewards = x.repeat(search.expansion, 1), rewards.repeat(search.expansion, 1)
        for draw in uniform[step]:
            chosen = [plain_token(logits, u, search.action_cdf) for logits, u in zip(last_logits(x), draw, strict=True)]
            x = torch.cat([x, torch.tensor(chosen)[:, None]], dim=1)
        for column, place in ((-2, step), (-1, step + 1)):
            logits = last_logits(x)
            rewards[:, place] = logits.softmax(-1)[:, :-1] @ midpoints[:, column]
            x = torch.cat([x, logits.argmax(-1, keepdim=True)], dim=1)
        scores, best = (rewards * discounts).sum(dim=1).topk(search.beams)
        x, rewards = x[best], rewards[best]
        if step + 1 < search.horizon:
            for _ in range(config.observation_dim):
                x = torch.cat([x, last_logits(x).argmax(-1, keepdim=True)], dim=1)
    return x.view(search.beams, -1, width)[:, -search.horizon :], scores


def assert_equals_plain(model, contexts, search: Search, batch: int, tolerance: float) -> Plans:
    """Plans of all contexts, in batches, are the plain ones: the same tokens of every beam, the same scores."""
    discretizer, decoder = make_discretizer(model.config), Decoder(model)
    for first in range(0, len(contexts), batch):
        some = contexts[first : first + batch]
        seeds = range(first, first + len(some))
        plans = planning.plan(decoder, discretizer, some, search, seeds)
        for context, seed, tokens, scores in zip(some, seeds, plans.tokens, plans.scores, strict=True):
            expected_tokens, expected_scores = plain_plan(model, discretizer, context, search, seed)
            torch.testing.assert_close(scores, expected_scores, atol=tolerance, rtol=0)
            assert torch.equal(tokens, expected_tokens)
    return plans


@pytest.mark.parametrize("window", planning.WINDOWS)
@pytest.mark.parametrize("action_cdf", [GREEDY, 0.6])
def test_plans_of_100_contexts_are_those_of_the_plain_algorithm(window, action_cdf):
    model = make_model(**TINY, **SMALL_TRANSITIONS).double()
    search = Search(beams=4, horizon=4, action_cdf=action_cdf, window=window)
    for transitions in range(5):
        contexts = make_contexts(model.config, 20, transitions + 1, seed=transitions)
        assert_equals_plain(model, contexts, search, batch=10, tolerance=1e-12)


@pytest.mark.parametrize("window", planning.WINDOWS)
def test_plans_of_the_full_size_are_those_of_the_plain_algorithm(window):
    model = make_model()
    assert_equals_plain(model, make_contexts(model.config, 3), Search(1, 3, 1, action_cdf=GREEDY, window=window), 3, 1e-3)


def test_sampled_beams_survive_in_other_orders_than_they_came():
    model = make_model(**TINY, **SMALL_TRANSITIONS).double()
    search = Search(beams=6, horizon=5, expansion=3, action_cdf=0.0)
    plans = assert_equals_plain(model, make_contexts(model.config, 4), search, 4, 1e-12)
    assert len({tuple(beam.flatten().tolist()) for beam in plans.tokens[0]}) == 6
    assert (plans.scores.diff(dim=1) <= 0).all()


@pytest.mark.parametrize("expansion", [1, 3])
def test_beams_that_fork_amid_a_transition_are_those_of_the_plain_algorithm(expansion):
    model = make_model(**TINY, **SMALL_TRANSITIONS).double()
    search = Search(beams=3, horizon=5, expansion=expansion, context=2, action_cdf=0.0, window="published")
    assert_equals_plain(model, make_contexts(model.config, 4, transitions=0), search, 4, 1e-12)


def test_a_plan_does_not_depend_on_who_shares_its_batch():
    model = make_model(**TINY, **SMALL_TRANSITIONS).double()
    decoder, discretizer, contexts = Decoder(model), make_discretizer(model.config), make_contexts(model.config, 5)
    search = Search(beams=planning.BEAMS_TOGETHER // 2, horizon=3, action_cdf=0.0)  # two episodes at a time
    together = planning.plan(decoder, discretizer, contexts, search, [[seed, 7] for seed in range(5)])
    for episode in (0, 3):
        alone = planning.plan(decoder, discretizer, contexts[episode : episode + 1], search, [[episode, 7]])
        assert torch.equal(alone.tokens[0], together.tokens[episode])
        torch.testing.assert_close(alone.scores[0], together.scores[episode], atol=1e-12, rtol=0)
    other = planning.plan(decoder, discretizer, contexts[:1], search, [[1, 7]])
    assert not torch.equal(other.tokens[0], together.tokens[0])


def test_values_in_the_context_change_nothing():
    model = make_model(**TINY, **SMALL_TRANSITIONS).double()
    decoder, discretizer, contexts = Decoder(model), make_discretizer(model.config), make_contexts(model.config, 2)
    changed = contexts.clone()
    changed[:, 6::7] = 0
    before, after = (planning.plan(decoder, discretizer, each, Search(beams=3), [0, 1]) for each in (contexts, changed))
    assert torch.equal(before.tokens, after.tokens)


def test_draws_drop_unlikely_tokens_as_found_by_hand():
    logits = torch.tensor([0.1, 0.5, 0.15, 0.25]).log().expand(3, -1)
    uniform = torch.tensor([0.0, 0.5, 0.99])
    assert planning.sample(logits, uniform, 0.0).tolist() == [0, 1, 3]  # sums 0.1, 0.6, 0.75, 1
    assert planning.sample(logits, uniform, 0.26).tolist() == [1, 1, 3]  # 0.1 and 0.15 make 0.25: both are dropped
    assert planning.sample(logits, uniform, 0.6).tolist() == [1, 1, 1]  # with 0.25 they make 0.5
    assert planning.sample(logits, uniform, 1.0).tolist() == [1, 1, 1]
    nearly_one = torch.full((3,), 1 - 1e-12, dtype=torch.float64)  # 1 in single precision
    assert planning.sample(logits.flip(-1), nearly_one, 0.6).tolist() == [2, 2, 2]
    assert planning.sample(torch.zeros(3, 4), uniform, 0.6).tolist() == [0, 2, 3]  # equals: all would go, so all stay


def test_expectations_drop_the_stop_token_and_do_not_renormalize():
    logits = torch.tensor([0.25, 0.25, 0.5]).log()
    assert float(planning.expected(logits, torch.tensor([2.0, 6.0]))) == pytest.approx(0.25 * 2 + 0.25 * 6)


@pytest.mark.parametrize(
    ("length", "first"), [(117, 0), (124, 0), (125, 25), (142, 25), (149, 25), (150, 50), (174, 50), (175, 75)]
)
def test_the_published_window_drops_whole_transitions_beyond_124_tokens(length, first):
    assert planning.first_seen(length, Search(window="published"), 25) == first
    assert planning.first_seen(length, Search(), 25) == 0


def test_five_transitions_of_context_and_five_ahead_fill_the_block_exactly():
    planning.check_search(TrajectoryTransformerConfig(), Search(context=5, horizon=5))
    planning.check_search(TrajectoryTransformerConfig(), Search(context=0, horizon=10))
    planning.check_search(TrajectoryTransformerConfig(), Search(context=5, horizon=50, window="published"))
    with pytest.raises(PlanningError, match="takes 274 positions, and the model has 249"):
        planning.check_search(TrajectoryTransformerConfig(), Search(context=5, horizon=6))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"beams": 0}, "beams must be at least 1"),
        ({"horizon": 0}, "horizon must be at least 1"),
        ({"horizon": 50}, "takes 384 positions"),
        ({"window": "sliding"}, "window must be one of growing, published"),
        ({"action_cdf": 1.5}, "between 0 and 1"),
        ({"context": 0, "window": "published"}, "takes -1 positions"),
        ({"context": 1, "window": "published"}, "is empty where a second transition begins"),
        ({"context": 2}, "at most 2 transitions of 7 tokens"),
    ],
)
def test_settings_that_cannot_be_are_refused_before_any_work(change, message):
    model = make_model(**TINY, **SMALL_TRANSITIONS)
    with pytest.raises(PlanningError, match=message):
        planning.plan(
            idle_decoder(model.config),
            make_discretizer(model.config),
            make_contexts(model.config, 2),
            replace(Search(), **change),
            [0, 1],
        )


def idle_decoder(config):
    """A decoder that can do nothing but say its sizes."""
    return type("Idle", (), {"config": config})()


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda d, c, s: (None, c, s), "discretizer the model was trained with, and there is none"),
        (
            lambda d, c, s: (QuantileDiscretizer(d.thresholds[1:]), c, s),
            "12 bins in each of 7 dimensions, and the discretizer 11",
        ),
        (lambda d, c, s: (d, c + 1, s), "between 0 and 12"),
        (lambda d, c, s: (d, c - 1, s), "between 0 and 12"),
        (lambda d, c, s: (d, c.double(), s), "integer tokens"),
        (lambda d, c, s: (d, c[:, 1:], s), "then the 3 of an observation"),
        (lambda d, c, s: (d, c, s[:1]), "1 seeds and 2 contexts"),
        (lambda d, c, s: (d, c[:0], []), "at least one context"),
    ],
)
def test_inputs_that_cannot_be_are_refused_before_any_work(spoil, message):
    config = make_model(**TINY, **SMALL_TRANSITIONS).config
    contexts = make_contexts(config, 2)
    contexts[0, 0], contexts[0, 1] = 0, config.vocab_size
    discretizer, contexts, seeds = spoil(make_discretizer(config), contexts, [0, 1])
    with pytest.raises(PlanningError, match=message):
        planning.plan(idle_decoder(config), discretizer, contexts, Search(), seeds)


@pytest.mark.parametrize("size", [1e30, 1e38])
def test_weights_too_large_to_plan_with_are_one_sentence(size):
    model = make_model(**TINY, **SMALL_TRANSITIONS)
    with torch.no_grad():
        for weight in model.parameters():
            weight.copy_(weight.sign() * size)
    contexts = make_contexts(model.config, 1, transitions=1)
    with pytest.raises(PlanningError, match="not finite") as error:
        planning.plan(Decoder(model), make_discretizer(model.config), contexts, Search(beams=3, horizon=2, context=2), [0])
    assert "\n" not in str(error.value)

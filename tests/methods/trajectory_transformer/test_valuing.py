"""Plans that a critic values: equal to the same search written plainly, with whole forwards and no cache."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from pipeline import files
from pipeline.evidence import checkpoints
from pipeline.methods.td3_bc.critics import CriticConfig, CriticModel
from pipeline.methods.trajectory_transformer import planning, valued, valuing
from pipeline.methods.trajectory_transformer import policy as scored
from pipeline.methods.trajectory_transformer.decoding import Decoder
from pipeline.methods.trajectory_transformer.planning import PlanningError, Search
from pipeline.methods.trajectory_transformer.policy import TrajectoryTransformerPolicy
from pipeline.methods.trajectory_transformer.valued import ValuedPolicy
from pipeline.study import studies
from tests.methods.trajectory_transformer import test_planning as tiny

SEARCH = Search(beams=3, horizon=4, context=3, action_cdf=0.0)


@pytest.fixture(scope="module")
def model():
    return tiny.make_model(**tiny.TINY, **tiny.SMALL_TRANSITIONS).double()


def critic(observations, actions):
    """Any function of both that tells candidates apart."""
    return 3.0 * (observations * actions.sum(-1, keepdim=True)).sin().sum(-1) + actions[..., 0]


@torch.inference_mode()
def plain(model, discretizer, context, search: Search, seed) -> tuple[list, list[float]]:
    """The beams of one episode, the best first, as tokens since the context, and their scores."""
    config, midpoints = model.config, torch.from_numpy(discretizer.midpoints)
    seen, end = config.observation_dim, config.observation_dim + config.action_dim
    uniform = np.random.default_rng(seed).random((search.horizon, config.action_dim, search.expansion, search.beams))

    def number(token: int, dimension: int) -> float:
        return float(midpoints[min(token, len(midpoints) - 1), dimension])

    def logits(x):
        return model(torch.tensor([x])).logits[0, -1]

    beams = [(context.tolist(), 0.0) for _ in range(search.beams)]
    for step in range(search.horizon):
        candidates = []
        for alternative in range(search.expansion):
            for beam, (begun, earned) in enumerate(beams):
                x = list(begun)
                for draw in uniform[step, :, alternative, beam]:
                    x.append(tiny.plain_token(logits(x), draw, search.action_cdf))
                observation = [number(token, at) for at, token in enumerate(begun[-seen:])]
                action = [number(token, seen + at) for at, token in enumerate(x[-config.action_dim :])]
                worth = float(critic(*(torch.tensor(each, dtype=torch.float64) for each in (observation, action))))
                reward = float(logits(x).softmax(-1)[:-1] @ midpoints[:, end])
                for _ in range(2):
                    x.append(int(logits(x).argmax()))
                candidates.append((earned + search.discount**step * worth, x, earned + search.discount**step * reward))
        candidates.sort(key=lambda each: each[0], reverse=True)
        scores, beams = [score for score, _, _ in candidates], [(x, earned) for _, x, earned in candidates][: search.beams]
        for x, _ in beams if step + 1 < search.horizon else ():
            for _ in range(seen):
                x.append(int(logits(x).argmax()))
    return [x[len(context) - seen :] for x, _ in beams], scores[: search.beams]


def test_plans_are_those_of_the_plain_search(model):
    discretizer, contexts, seeds = tiny.make_discretizer(model.config), tiny.make_contexts(model.config, 4, 2), [5, 6, 7, 8]
    plans = valuing.plan(Decoder(model), discretizer, contexts, SEARCH, seeds, critic)
    for context, seed, tokens, scores in zip(contexts, seeds, plans.tokens, plans.scores, strict=True):
        expected_tokens, expected_scores = plain(model, discretizer, context, SEARCH, seed)
        assert scores.tolist() == pytest.approx(expected_scores, abs=1e-9)
        assert tokens.flatten(1).tolist() == expected_tokens


def test_a_critic_that_says_nothing_leaves_the_rewards_before_the_last_transition(model):
    discretizer, contexts = tiny.make_discretizer(model.config), tiny.make_contexts(model.config, 2, 2)
    plain = Search(beams=1, horizon=1, expansion=1, context=3, value_weight=0.0)
    rewards = planning.plan(Decoder(model), discretizer, contexts, plain, [1, 2]).scores
    for horizon, expected in ((1, torch.zeros_like(rewards)), (2, rewards)):
        search = replace(SEARCH, beams=1, horizon=horizon, expansion=1, action_cdf=0.6)
        found = valuing.plan(Decoder(model), discretizer, contexts, search, [1, 2], lambda seen, done: done[..., 0] * 0.0)
        torch.testing.assert_close(found.scores, expected)


def test_what_a_critic_is_asked_are_midpoints():
    midpoints = torch.tensor([[0.0, 10.0, 100.0], [1.0, 20.0, 200.0]])  # of an observation, of two torques
    observations, actions = torch.tensor([[[0], [2]]]), torch.tensor([[[[0, 1]], [[1, 2]]]])  # 2 is the stop token
    found = valuing.worth(midpoints, observations, actions, lambda seen, done: seen.sum(-1) + done.sum(-1))
    assert found.tolist() == [[[0.0 + 10.0 + 200.0], [1.0 + 20.0 + 200.0]]]


@pytest.mark.parametrize("changed", [{"window": "published"}, {"value_weight": 0.0}, {"reward_weight": 2.0}])
def test_searches_in_which_a_critic_has_no_place_are_refused(model, changed):
    search, discretizer = replace(SEARCH, **changed), tiny.make_discretizer(model.config)
    refused = "^a critic values plans in a growing window, rewards counted once: "
    with pytest.raises(PlanningError, match=refused):
        valuing.plan(Decoder(model), discretizer, tiny.make_contexts(model.config, 1, 2), search, [1], critic)
    with pytest.raises(PlanningError, match=refused):
        ValuedPolicy(TrajectoryTransformerPolicy(model, discretizer, search), make_critic())


def but_one(seen, done):
    """Nothing but the first candidate is worth anything."""
    worth = torch.full_like(done[..., 0], -torch.inf)
    worth.view(len(worth), -1)[:, 0] = 0.0
    return worth


@pytest.mark.parametrize("critic", [lambda seen, done: done[..., 0] / 0.0, but_one])
def test_a_critic_that_is_not_finite_is_told(model, critic):
    discretizer, contexts = tiny.make_discretizer(model.config), tiny.make_contexts(model.config, 1, 2)
    with pytest.raises(PlanningError, match="or the critic's are$"):
        valuing.plan(Decoder(model), discretizer, contexts, SEARCH, [1], critic)


def test_damaged_weights_are_told(model):
    discretizer, contexts, decoder = tiny.make_discretizer(model.config), tiny.make_contexts(model.config, 1, 2), Decoder(model)
    decoder.positions = decoder.positions * torch.nan
    with pytest.raises(PlanningError, match="^the model's logits are not finite"):
        valuing.plan(decoder, discretizer, contexts, SEARCH, [1], critic)


def make_critic(observation_dim: int = 3, action_dim: int = 2, discount: float = 0.99) -> CriticModel:
    torch.manual_seed(1)
    sizes = {"observation_dim": observation_dim, "action_dim": action_dim, "hidden_sizes": (4,)}
    return CriticModel(CriticConfig(**sizes, training={"discount": discount})).double().eval()


def test_a_policy_plays_the_plans_that_its_critic_holds_for_best(model):
    searching = TrajectoryTransformerPolicy(model, tiny.make_discretizer(model.config), SEARCH)
    valued, policy = make_critic(), ValuedPolicy(searching, make_critic())
    observations, rewards = np.random.default_rng(0).normal(size=(2, 2, 3)), np.array([[0.0, 0.0], [1.0, -1.0]])
    policy.reset([5, 6])
    contexts = policy.discretizer.encode(observations[0])
    for step in range(2):  # the second sees the first
        seeds = [[5, step], [6, step]]
        plans = valuing.plan(policy.decoder, policy.discretizer, torch.from_numpy(contexts), SEARCH, seeds, valued)
        expected = policy.discretizer.decode(plans.tokens[:, 0, 0].numpy())[:, 3:5].clip(-1.0, 1.0)
        np.testing.assert_array_equal(policy.act(observations[step], rewards[step]), expected)
        past = policy.encode(observations[0], expected, rewards[1])
        contexts = np.concatenate([past, policy.discretizer.encode(observations[1])], axis=1)


@pytest.mark.parametrize(
    ("critic", "told"),
    [
        (
            make_critic(observation_dim=5),
            "the model plans 3 numbers of an observation and 2 of an action, and the critic values 5",
        ),
        (
            make_critic(action_dim=4),
            "the model plans 3 numbers of an observation and 2 of an action, and the critic values 3 and 4",
        ),
        (make_critic(discount=0.9), "the search discounts by 0.99, and the critic learned with 0.9"),
    ],
)
def test_a_critic_of_something_else_is_refused(model, critic, told):
    with pytest.raises(PlanningError, match=f"^{told}"):
        ValuedPolicy(TrajectoryTransformerPolicy(model, tiny.make_discretizer(model.config), SEARCH), critic)


def test_what_is_played_is_the_full_search_but_for_its_critics():
    run, full = studies.VALUED, studies.SCORED[0]
    fields = {name: (one, vars(full)[name]) for name, one in vars(run).items() if name != "critic" and vars(full)[name] != one}
    assert fields.keys() == {"name", "method"} and full.name.endswith("_full")
    policy = valued.load(run)
    assert policy.search == scored.load(full).search
    kept, _ = checkpoints.read_tensors(files.ROOT / "checkpoints" / studies.CRITIC.name / "model.safetensors")
    assert all(torch.equal(weights, kept[name]) for name, weights in policy.critic.state_dict().items())

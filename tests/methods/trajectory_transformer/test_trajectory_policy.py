"""The Trajectory Transformer at the wheel: what it is shown, that its plans are its own, and what it imagines."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from pipeline import PipelineError
from pipeline.evidence import arrays, recipes
from pipeline.measures import imagine
from pipeline.methods.trajectory_transformer import planning
from pipeline.methods.trajectory_transformer import policy as policies
from pipeline.methods.trajectory_transformer.discretization import QuantileDiscretizer
from pipeline.methods.trajectory_transformer.model import TrajectoryTransformerConfig, TrajectoryTransformerModel
from pipeline.methods.trajectory_transformer.planning import Search
from pipeline.study import runs
from pipeline.worlds import environments
from tests.toy import assert_one_sentence

HALFCHEETAH = "HalfCheetah-v4"


@pytest.fixture(scope="module")
def policy() -> policies.TrajectoryTransformerPolicy:
    """A random tiny model, its bins from -1 to 1 in every dimension."""
    torch.manual_seed(5)
    model = TrajectoryTransformerModel(TrajectoryTransformerConfig(n_layer=1, n_head=2, n_embd=16, initializer_range=0.3))
    bins = QuantileDiscretizer(np.linspace(-1, 1, 101)[:, None].repeat(25, axis=1))
    return policies.TrajectoryTransformerPolicy(model.eval(), bins, Search(beams=2, horizon=2, context=2))


def test_the_context_is_what_was_seen_done_and_earned(policy, monkeypatch):
    shown = []
    whole = planning.plan

    def plan(decoder, discretizer, contexts, search, seeds):
        shown.append((contexts.numpy().copy(), list(seeds)))
        return whole(decoder, discretizer, contexts, search, seeds)

    monkeypatch.setattr(planning, "plan", plan)
    generator = np.random.default_rng(0)
    observations, rewards = generator.uniform(-1, 1, (5, 2, 17)), generator.uniform(-1, 1, (5, 2))
    policy.reset([11, 12])
    actions = [policy.act(observations[step], rewards[step]) for step in range(5)]
    encode = policy.discretizer.encode
    for step, (context, seeds) in enumerate(shown):
        past = range(max(0, step - 2), step)
        # the reward of a step arrives with the next observation
        known = [np.concatenate([observations[at], actions[at], rewards[at + 1][:, None]], axis=1) for at in past]
        expected = [np.concatenate([encode(each), np.zeros((2, 1), int)], axis=1) for each in known] + [
            encode(observations[step])
        ]
        assert np.array_equal(context, np.concatenate(expected, axis=1))
        assert seeds == [[11, step], [12, step]]


def test_actions_are_midpoints_of_bins_within_the_torques(policy):
    policy.reset([0])
    action = policy.act(np.zeros((1, 17)), np.zeros(1))
    assert np.isin(action.round(6), policy.discretizer.midpoints[:, 17].round(6)).all() and np.abs(action).max() < 1


def test_an_episode_does_not_depend_on_who_shares_its_batch(policy):
    together = environments.play(policy, HALFCHEETAH, [3, 4, 5], steps=8)
    for index, seed in enumerate((3, 4, 5)):
        alone = environments.play(policy, HALFCHEETAH, [seed], steps=8)
        assert np.allclose(together["actions"][index], alone["actions"][0])


@pytest.fixture
def contexts() -> dict[str, torch.Tensor]:
    """Three contexts of twelve steps."""
    generator = np.random.default_rng(0)
    shapes = {"observations": (3, 12, 17), "actions": (3, 12, 6), "rewards": (3, 12)}
    return {name: torch.from_numpy(generator.uniform(-1, 1, shape).astype(np.float32)) for name, shape in shapes.items()}


def test_a_recorded_context_is_read_as_its_last_whole_window_with_the_rewards_that_were_earned(policy, contexts):
    tokens = policy.last_windows(contexts)
    assert tokens.shape == (3, 249)
    rewards = policy.discretizer.encode(np.pad(contexts["rewards"].numpy()[..., None], ((0, 0), (0, 0), (23, 0))))[..., 23]
    assert torch.equal(tokens[:, 23::25], torch.from_numpy(rewards[:, 2:]))
    observations = policy.discretizer.encode(contexts["observations"].numpy())
    assert torch.equal(tokens[:, :17], torch.from_numpy(observations[:, 2]))
    assert torch.equal(tokens[:, 225:242], torch.from_numpy(observations[:, 11]))


def test_attention_is_over_the_whole_block_and_named_by_kind(policy, contexts):
    weights, types = policy.attention(contexts)
    assert weights.shape == (3, 1, 2, 249, 249) and len(types) == 249
    assert np.allclose(weights.sum(axis=-1), 1, atol=1e-5) and not weights[..., np.asarray(types) == "value"].any()
    assert types[:25] == ["observation"] * 17 + ["action"] * 6 + ["reward", "value"] and types[-1] == "reward"


def test_a_search_that_does_not_fit_is_refused_when_the_policy_is_loaded(policy):
    with pytest.raises(planning.PlanningError, match="274 positions"):
        policies.TrajectoryTransformerPolicy(policy.model, policy.discretizer, Search(horizon=6))
    with pytest.raises(planning.PlanningError, match="beams must be at least 1"):
        policies.TrajectoryTransformerPolicy(policy.model, policy.discretizer, Search(beams=0))


@pytest.mark.parametrize(
    ("old", "new", "parts"),
    [("beams=2, horizon=2", "beams=0, horizon=2", ("beams",)), ("beams=2, horizon=2", "beams=2, horizon=9", ("positions",))],
)
def test_a_bad_search_ends_an_evaluation_before_it_begins(own_toy, old, new, parts):
    own_toy.edit("pipeline/study/runs.py", old, new)
    assert_one_sentence(own_toy.run("pipeline", "make", "evaluations/local_tt_halfcheetah_k32"), *parts)


def test_missing_bins_end_an_evaluation_before_it_begins(own_toy):
    (own_toy.root / "checkpoints" / "local_tt_halfcheetah" / "discretizer.safetensors").unlink()
    assert_one_sentence(
        own_toy.run("pipeline", "make", "evaluations/local_tt_halfcheetah_k32"), "discretizer.safetensors", "missing"
    )


def test_recorded_actions_played_from_a_recorded_state_give_what_was_recorded():
    states = arrays.read(recipes.ROLLOUTS[runs.ROLLOUTS[0].name])
    simulator = environments.make(HALFCHEETAH)
    begin = slice(100, 104)
    found, rewards = imagine.play_plan(simulator, states["positions"][100], states["velocities"][100], states["actions"][begin])
    simulator.close()
    assert np.allclose(found, states["observations"][101:105], atol=1e-9)
    assert np.allclose(rewards, states["rewards"][begin], atol=1e-9)


def test_an_untrained_twin_keeps_the_search_and_changes_the_weights(policy):
    twin = policies.untrained(policy)
    assert twin.search == policy.search and twin.discretizer is policy.discretizer
    assert not torch.equal(twin.model.tok_emb.weight, policy.model.tok_emb.weight)


def test_planned_runs_fit_the_model_of_the_post():
    config = TrajectoryTransformerConfig()
    for run in runs.PLANNED_EVALUATIONS:
        planning.check_search(config, Search(run.beams, run.horizon, context=run.context, window=run.window))
    with pytest.raises(PipelineError, match="positions"):
        planning.check_search(config, replace(Search(), horizon=10))

"""The baselines: behavior cloning, 10 %-BC and TD3+BC."""

from __future__ import annotations

import contextlib
from dataclasses import replace

import numpy as np
import pytest
import torch

from pipeline import PipelineError
from pipeline.data.episodes import Episodes
from pipeline.evidence import checkpoints
from pipeline.learning import loop, supervised
from pipeline.methods.behaviour_cloning import model as behaviour_cloning
from pipeline.methods.perceptron import model as deterministic_policy
from pipeline.methods.perceptron.policy import DeterministicPolicy
from pipeline.methods.td3_bc import critics
from pipeline.methods.td3_bc import model as td3_bc
from pipeline.methods.td3_bc import train as train_td3_bc
from pipeline.study import runs

CLONING = replace(
    runs.BEHAVIOR_CLONING,
    name="toy_bc",
    hidden_sizes=(32,),
    batch_size=64,
    updates=600,
    interval_updates=200,
    held_out_episodes=4,
    learning_rate=1e-2,
)
TD3_BC = replace(
    runs.TD3_BC, name="toy_td3bc", hidden_sizes=(16, 16), batch_size=32, updates=30, interval_updates=10, held_out_episodes=2
)


@pytest.fixture(autouse=True)
def one_thread():
    """As every verb does."""
    torch.set_num_threads(1)


def toy_episodes(count: int = 20, steps: int = 30, seed: int = 0) -> Episodes:
    """Episodes of a hand-made linear policy on random observations of unequal scale; 3 dimensions, 2 torques."""
    generator = np.random.default_rng(seed)
    observations = (generator.normal(size=(count, steps, 3)) * [0.1, 1.0, 10.0] + [0.0, 5.0, -3.0]).astype(np.float32)
    weights = np.array([[3.0, 0.0], [0.2, -0.2], [0.0, 0.03]])
    actions = np.tanh((observations - [0.0, 5.0, -3.0]) @ weights).astype(np.float32)
    rewards = generator.normal(size=(count, steps)).astype(np.float32)
    return Episodes(observations, actions, rewards)


def toy_policy(seed: int = 0) -> DeterministicPolicy:
    """A policy with fresh weights of the full size, and statistics of no meaning."""
    generator = np.random.default_rng(seed)
    mean, std = generator.normal(size=17).astype(np.float32), generator.uniform(0.5, 2.0, size=17).astype(np.float32)
    torch.manual_seed(seed)
    return DeterministicPolicy(deterministic_policy.build(runs.BEHAVIOR_CLONING, mean, std, action_dim=6))


class Interrupted(Exception):
    """A kill at a bad moment."""


def dies_after(function, calls: int):
    """The function, raising Interrupted from its call number `calls` on."""
    count = 0

    def wrapped(*arguments, **options):
        nonlocal count
        count += 1
        if count >= calls:
            raise Interrupted
        return function(*arguments, **options)

    return wrapped


def train(method, run, episodes: Episodes, folder) -> tuple:
    """The trained model, and the curve."""
    training = method.prepare(run, episodes)
    curve = loop.train(run, training, folder / f"{run.name}.safetensors")
    return training.model(), curve


@pytest.mark.parametrize(("updates", "interval", "least"), [(30, 1, 1), (7, 3, 1), (1, 10, 1), (8, 3, None), (30, 10, None)])
def test_an_interval_without_an_update_of_the_actor_is_refused(updates, interval, least):
    run = replace(TD3_BC, updates=updates, interval_updates=interval)
    refused = f"^toy_td3bc has an interval of {least} updates, and the actor is updated every 2: choose other interval_updates$"
    with pytest.raises(PipelineError, match=refused) if least else contextlib.nullcontext():
        train_td3_bc.prepare(run, toy_episodes(4, 4))


def test_what_td3_bc_has_seen_is_told_in_transitions():
    assert train_td3_bc.prepare(TD3_BC, toy_episodes(4, 4)).seen == {"transitions_seen": 30 * 32}


def state(agent: td3_bc.Agent) -> checkpoints.Tensors:
    """Weights of an agent's networks."""
    return loop.state(agent.networks, {})


def test_behaviour_cloning_learns_a_linear_policy_from_a_tiny_dataset(tmp_path):
    model, curve = train(supervised, CLONING, toy_episodes(), tmp_path)
    assert [point["updates"] for point in curve] == [200, 400, 600]
    assert curve[-1]["held_out_loss"] < 1e-4
    unseen = toy_episodes(1, 5, seed=1)
    policy = DeterministicPolicy(model)
    assert policy.act(unseen.observations[0], np.zeros(5)) == pytest.approx(unseen.actions[0], abs=0.15)


def test_ten_percent_cloning_keeps_exactly_the_best_tenth_by_return():
    episodes = toy_episodes(30)
    kept = behaviour_cloning.best(episodes, 0.1)
    assert sorted(kept.returns) == sorted(episodes.returns)[-3:]
    batches = behaviour_cloning.Batches(episodes, replace(CLONING, best_fraction=0.1))
    assert batches.actions.shape == (3 * 30, 2)
    assert batches.observations.mean(axis=0) == pytest.approx(np.zeros(3), abs=1e-5)


def test_the_best_fraction_of_one_is_every_episode_in_its_own_order():
    episodes = toy_episodes(7)
    assert np.array_equal(behaviour_cloning.best(episodes, 1.0).observations, episodes.observations)
    assert len(behaviour_cloning.best(episodes, 0.01)) == 1


def test_held_out_episodes_are_all_kept_and_normalized_by_the_episodes_learnt_from():
    learn, held_out = toy_episodes(20), toy_episodes(4, seed=1)
    run = replace(CLONING, best_fraction=0.1)
    batches = behaviour_cloning.Batches(held_out, run, like=learn)
    config = behaviour_cloning.build(run, learn).config
    assert len(batches.actions) == 4 * 30
    expected = (held_out.observations[0, 0] - np.float32(config.observation_mean)) / np.float32(config.observation_std)
    assert batches.observations[0] == pytest.approx(expected, abs=1e-5)


def test_the_value_target_takes_the_smaller_critic_and_stops_at_a_terminal_state():
    values = torch.tensor([10.0, 4.0]), torch.tensor([8.0, 6.0])
    target = td3_bc.value_target(torch.tensor([1.0, 2.0]), torch.tensor([0.0, 1.0]), values, discount=0.5)
    assert target.tolist() == [1.0 + 0.5 * 8.0, 2.0]


def test_the_agents_targets_follow_from_its_slow_networks_by_hand():
    episodes = toy_episodes(2, 4)
    agent = td3_bc.Agent(TD3_BC, episodes)
    with torch.no_grad():
        for parameter in [*agent.target_actor.parameters(), *agent.target_critics.parameters()]:
            parameter.zero_()
        agent.target_actor.layers[-1].bias.copy_(torch.tensor([0.0, 100.0]))  # the slow actor says (0, 1)
        agent.target_critics.first[-1].bias.fill_(8.0)
        agent.target_critics.second[-1].bias.fill_(6.0)
    batch = td3_bc.Batches(episodes).draw(np.random.default_rng(0), 2)
    batch |= {"rewards": torch.tensor([1.0, 2.0]), "terminals": torch.tensor([0.0, 1.0])}
    assert agent.targets(batch).tolist() == pytest.approx([1.0 + 0.99 * 6.0, 2.0])


def test_the_targets_noise_is_clipped_and_so_is_the_noisy_action(monkeypatch):
    agent = td3_bc.Agent(TD3_BC, toy_episodes(2, 4))
    seen = []

    def values(observations, actions):
        seen.append(actions)
        return actions[:, 0], actions[:, 0]

    monkeypatch.setattr(agent.target_critics, "forward", values)
    with torch.no_grad():
        for parameter in agent.target_actor.parameters():
            parameter.zero_()
        agent.target_actor.layers[-1].bias.copy_(torch.tensor([0.0, 100.0]))
    noise = torch.tensor([[1.0, 1.0], [-9.0, -9.0]])
    zeros = torch.zeros(2)
    agent.targets({"next_observations": torch.zeros(2, 3), "noise": noise, "rewards": zeros, "terminals": zeros})
    assert seen[0].flatten().tolist() == pytest.approx([0.2, 1.0, -0.5, 0.5])


def test_the_last_transition_of_an_episode_is_left_out_and_a_time_out_is_no_end():
    episodes = toy_episodes(2, 4)
    arrays = td3_bc.Batches(episodes).arrays
    assert {name: len(array) for name, array in arrays.items()} == dict.fromkeys(arrays, 2 * 3)
    assert not arrays["terminals"].any()
    assert np.array_equal(arrays["rewards"], episodes.rewards[:, :-1].ravel())
    assert np.array_equal(arrays["next_observations"][0:2], arrays["observations"][1:3])
    assert not np.array_equal(arrays["next_observations"][2], arrays["observations"][3])  # where the next episode begins


def test_an_episode_that_reached_a_terminal_state_keeps_its_last_transition_and_nothing_follows_it():
    # three steps to a terminal state, two until time ran out, and two to a terminal state; padding is 9 and must not be seen
    lengths, terminated = np.array([3, 2, 2]), np.array([True, False, True])
    rewards = np.array([[1, 2, 3], [4, 5, 9], [6, 7, 9]], dtype=np.float32)
    seen = np.array([[-1, 1, -1], [1, 1, 9], [-1, 0, 9]], dtype=np.float32)  # mean 0, variance 6 / 7
    episodes = Episodes(seen[..., None], rewards[..., None] / 10, rewards, lengths, terminated)
    arrays, deviation = td3_bc.Batches(episodes).arrays, np.sqrt(6 / 7) + 1e-6
    assert arrays["rewards"].tolist() == [1, 2, 3, 4, 6, 7]
    assert arrays["actions"][:, 0] == pytest.approx([0.1, 0.2, 0.3, 0.4, 0.6, 0.7])
    assert arrays["terminals"].tolist() == [0, 0, 1, 0, 0, 1]
    assert arrays["observations"][:, 0] == pytest.approx(np.array([-1, 1, -1, 1, -1, 0]) / deviation)
    goes_on = arrays["terminals"] == 0
    assert arrays["next_observations"][goes_on, 0] == pytest.approx(np.array([1, -1, 1, 0]) / deviation)
    assert np.isfinite(arrays["next_observations"]).all()
    target = td3_bc.value_target(
        *(torch.from_numpy(arrays[name]) for name in ("rewards", "terminals")), (torch.full((6,), 10.0),) * 2, discount=0.5
    )
    assert target.tolist() == [6, 7, 3, 9, 11, 7]


def test_what_td3_bc_is_held_to_leaves_padding_out():
    whole = toy_episodes(2, 4)
    agent = td3_bc.Agent(TD3_BC, whole)
    shorter = replace(whole, lengths=np.array([4, 2]))
    observations = np.concatenate([whole.observations[0], whole.observations[1, :2]])
    mean, std = (np.float32(getattr(agent.actor.config, f"observation_{name}")) for name in ("mean", "std"))
    with torch.inference_mode():
        actions = agent.actor(torch.from_numpy((observations - mean) / std)).numpy()
    error = np.square(actions - np.concatenate([whole.actions[0], whole.actions[1, :2]])).mean()
    assert train_td3_bc.held_out(agent, shorter)["held_out_action_error"] == pytest.approx(error, rel=1e-5)


def test_cloning_learns_from_transitions_and_never_from_padding():
    whole = replace(toy_episodes(3, 4), lengths=np.array([4, 1, 2]))
    batches = behaviour_cloning.Batches(whole, CLONING)
    kept = [(0, 0), (0, 1), (0, 2), (0, 3), (1, 0), (2, 0), (2, 1)]
    assert batches.actions.tolist() == [whole.actions[place].tolist() for place in kept]
    seen = np.array([whole.observations[place] for place in kept], dtype=np.float64)
    assert batches.observations == pytest.approx((seen - seen.mean(axis=0)) / (seen.std(axis=0) + 1e-6), rel=1e-4, abs=1e-5)
    config = behaviour_cloning.build(CLONING, whole).config
    assert config.observation_mean == pytest.approx(seen.mean(axis=0), rel=1e-5)


def test_the_actor_and_the_slow_networks_move_on_every_second_update_only():
    episodes = toy_episodes()
    agent = td3_bc.Agent(TD3_BC, episodes)
    batches, generator = td3_bc.Batches(episodes), np.random.default_rng(0)
    before = {name: tensor.clone() for name, tensor in state(agent).items()}
    agent.update(batches.draw(generator, 32), 0)
    first = state(agent)
    assert {name.split(".")[0] for name in before if not torch.equal(before[name], first[name])} == {"critics"}
    slow = first["target_critics.first.0.weight"].clone()
    agent.update(batches.draw(generator, 32), 1)
    moved = agent.target_critics.first[0].weight
    assert torch.allclose(moved, slow + 0.005 * (agent.critics.first[0].weight - slow), atol=1e-7)
    assert not torch.equal(state(agent)["actor.layers.0.weight"], before["actor.layers.0.weight"])


@pytest.mark.parametrize(("values", "scale"), [([6.0, -2.0], 2.5 / 4), ([-70.0, -70.0], 2.5 / 70), ([0.1, 0.3], 2.5 / 0.2)])
def test_the_actors_loss_is_imitation_less_the_value_over_its_own_mean_size(values, scale, monkeypatch):
    agent = td3_bc.Agent(TD3_BC, toy_episodes(2, 4))
    values = torch.tensor(values, requires_grad=True)
    monkeypatch.setattr(agent.critics, "value", lambda observations, actions: values)
    monkeypatch.setattr(agent.actor, "forward", lambda observations: torch.zeros(2, 2))
    loss = agent.actor_loss({"observations": torch.zeros(2, 3), "actions": torch.tensor([[1.0, 0.0], [0.0, 0.5]])})
    assert loss.item() == pytest.approx(1.25 / 4 - scale * values.mean().item())
    loss.backward()  # the size that the value is divided by is a number, not a function
    assert values.grad.tolist() == pytest.approx([-scale / 2] * 2)


def test_the_weight_of_the_value_is_the_runs():
    assert runs.TD3_BC.alpha == 2.5, "as published"
    agent = td3_bc.Agent(replace(TD3_BC, alpha=10.0), toy_episodes(2, 4))
    agent.critics.value = lambda observations, actions: torch.tensor([3.0])
    agent.actor.forward = lambda observations: torch.zeros(1, 2)
    assert agent.actor_loss({"observations": torch.zeros(1, 3), "actions": torch.zeros(1, 2)}).item() == -10.0


def test_the_critics_loss_is_the_sum_of_both_mean_squared_errors(monkeypatch):
    agent = td3_bc.Agent(TD3_BC, toy_episodes(2, 4))
    monkeypatch.setattr(agent, "targets", lambda batch: torch.tensor([1.0, 2.0]))
    both = torch.tensor([3.0, 2.0]), torch.tensor([1.0, 7.0])
    monkeypatch.setattr(agent.critics, "forward", lambda observations, actions: both)
    assert agent.critic_loss({"observations": None, "actions": None}).item() == 4 / 2 + 25 / 2


class Losses:
    """An agent whose losses are known: the critics' is the update's number, the actor's a tenth of it at every second."""

    run = replace(TD3_BC, updates=5, interval_updates=4)

    def update(self, batch, index):
        """Losses of the update of that number."""
        return torch.tensor(float(index)), torch.tensor(index / 10) if index % 2 else None


def test_an_interval_of_td3_bc_tells_the_means_of_both_losses():
    class Nothing:
        def draw(self, generator, size):
            assert size == TD3_BC.batch_size

    ticks = []
    found = train_td3_bc.train_interval(Losses(), Nothing(), 0, ticks.append)
    # updates 0, 1, 2 and 3, of which 1 and 3 move the actor
    assert found == pytest.approx({"updates": 4, "critic_loss": 1.5, "actor_loss": 0.2}) and ticks == [1] * 4


def test_the_curve_of_td3_bc_counts_its_updates_and_holds_what_is_held_out(tmp_path, monkeypatch):
    run = replace(TD3_BC, updates=10, interval_updates=4, held_out_episodes=2)
    episodes, seen = toy_episodes(6, 3), []
    figures = {"held_out_action_error": 0.25, "mean_value": 9.0}
    monkeypatch.setattr(train_td3_bc, "held_out", lambda agent, whole: seen.append(whole) or figures)

    def interval(agent, batches, number, tick):
        return {"updates": min(4 * number + 4, 10), "critic_loss": 1.0 * number, "actor_loss": 0.5}

    monkeypatch.setattr(train_td3_bc, "train_interval", interval)
    actor, curve = train(train_td3_bc, run, episodes, tmp_path)
    assert curve == [
        {"updates": updates, "critic_loss": loss, "actor_loss": 0.5, **figures}
        for updates, loss in ((4, 0.0), (8, 1.0), (10, 2.0))
    ]
    assert all(np.array_equal(whole.rewards, episodes.rewards[-2:]) for whole in seen) and not actor.training


def test_episodes_in_lockstep_act_as_each_would_alone():
    policy, observations = toy_policy(), np.random.default_rng(1).normal(size=(7, 17)).astype(np.float32)
    policy.reset(range(7))
    together = policy.act(observations, np.zeros(7))
    alone = np.concatenate([policy.act(row[None], np.zeros(1)) for row in observations])
    assert together == pytest.approx(alone, abs=1e-5)
    assert together.shape == (7, 6) and together.dtype == np.float32 and np.abs(together).max() <= 1.0


def test_the_policy_normalizes_by_the_statistics_of_its_checkpoint(tmp_path):
    policy = toy_policy()
    checkpoints.write_model(tmp_path / "checkpoints" / "toy", policy.model, "# toy\n")
    run = replace(runs.BEHAVIOR_CLONING)
    loaded = DeterministicPolicy(checkpoints.load("toy", deterministic_policy.DeterministicPolicyModel, run, tmp_path))
    assert np.array_equal(loaded.mean, policy.mean) and np.array_equal(loaded.std, policy.std)
    observations = np.random.default_rng(2).normal(size=(3, 17)).astype(np.float32)
    assert np.array_equal(loaded.act(observations, np.zeros(3)), policy.act(observations, np.zeros(3)))
    with pytest.raises(checkpoints.CheckpointError, match="best_fraction"):
        checkpoints.load("toy", deterministic_policy.DeterministicPolicyModel, replace(run, best_fraction=0.1), tmp_path)


@pytest.mark.parametrize(("method", "run"), [(supervised, CLONING), (train_td3_bc, TD3_BC)])
def test_a_training_killed_in_its_third_interval_ends_at_the_same_bytes(method, run, tmp_path, monkeypatch):
    episodes = toy_episodes()
    undisturbed, curve = train(method, run, episodes, tmp_path / "undisturbed")
    with monkeypatch.context() as patch:
        patch.setattr(checkpoints, "write_tensors", dies_after(checkpoints.write_tensors, calls=3))
        with pytest.raises(Interrupted):
            train(method, run, episodes, tmp_path / "killed")
    kept = checkpoints.read_tensors(tmp_path / "killed" / f"{run.name}.safetensors")[1]["curve"]
    assert len(kept) == 2
    resumed, resumed_curve = train(method, run, episodes, tmp_path / "killed")
    assert resumed_curve == curve and len(curve) == 3
    for folder, model in (("a", undisturbed), ("b", resumed)):
        checkpoints.write_model(tmp_path / folder, model, "")
    assert (tmp_path / "a" / "model.safetensors").read_bytes() == (tmp_path / "b" / "model.safetensors").read_bytes()


@pytest.mark.parametrize(("method", "run"), [(supervised, CLONING), (train_td3_bc, TD3_BC)])
def test_another_training_seed_gives_other_weights_and_the_same_seed_the_same(method, run, tmp_path):
    episodes = toy_episodes()
    short = replace(run, updates=10, interval_updates=10)
    seeds = {"first": 0, "again": 0, "other": 1}
    models = {name: train(method, replace(short, seed=seed), episodes, tmp_path / name)[0] for name, seed in seeds.items()}
    first, again, other = (models[name].state_dict() for name in seeds)
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert not any(torch.equal(first[name], other[name]) for name in first)


@pytest.mark.filterwarnings("ignore:Mean of empty slice")
def test_a_loss_that_is_not_finite_stops_td3_bc_with_one_sentence(tmp_path):
    episodes = toy_episodes()
    episodes.rewards[:] = np.inf
    with pytest.raises(PipelineError, match="not finite after 10 updates"):
        train(train_td3_bc, TD3_BC, episodes, tmp_path)
    assert not list(tmp_path.iterdir())


def test_the_members_of_a_pool_play_the_same_episodes_and_differ_in_their_training_seed_alone():
    trainings = {run.name: run for run in (*runs.TRAININGS, *runs.VALUE_TRAININGS)}
    evaluations = {run.name: run for run in runs.EVALUATIONS}
    assert {pool.name: len(pool.members) for pool in runs.POOLS} == {
        "local_bc_halfcheetah": 5,
        "local_bc10_halfcheetah": 5,
        "local_td3bc_halfcheetah": 3,
        "local_dt_halfcheetah_short": 3,
    }
    for pool in runs.POOLS:
        assert [trainings[name].seed for name in pool.members] == list(range(len(pool.members)))
        assert len({replace(trainings[name], name="", seed=0) for name in pool.members}) == 1
        assert all(evaluations[name].checkpoint == name for name in pool.members)
        assert len({replace(evaluations[name], name="", checkpoint="") for name in pool.members}) == 1
    assert len({(run.environment, run.first_seed) for run in runs.EVALUATIONS}) == 1


def test_critics_are_kept_as_they_were_trained_and_say_the_smaller_value():
    whole = toy_episodes(4, 6)
    plain, kept = train_td3_bc.prepare(TD3_BC, whole), critics.prepare(TD3_BC, whole)
    for training in (plain, kept):
        training.interval(0, lambda count: None)
    trained, model = plain.state(), kept.model()
    assert model.state_dict().keys() == {name for name in trained if name.startswith("critics.")}
    assert all(torch.equal(model.state_dict()[name], trained[name]) for name in model.state_dict())
    assert not model.training and model.config.training == plain.model().config.training
    # both, by hand, of observations in their own units
    agent = td3_bc.TwinCritics(3, 2, (16, 16))
    agent.load_state_dict(checkpoints.subset(trained, "critics."))
    learned = whole.observations[:2].reshape(-1, 3).astype(np.float64)  # less two that are held out
    seen, done = torch.from_numpy(whole.observations[0]), torch.from_numpy(whole.actions[0])
    normalized = ((whole.observations[0] - learned.mean(axis=0)) / (learned.std(axis=0) + 1e-6)).astype(np.float32)
    first, second = agent(torch.from_numpy(normalized), done)
    torch.testing.assert_close(model(seen, done), torch.minimum(first, second))
    assert (second < first).all()
    model.critics.first, model.critics.second = model.critics.second, model.critics.first
    torch.testing.assert_close(model(seen, done), second)

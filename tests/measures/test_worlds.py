"""The whole road in a world whose episodes end early: a policy trained, its data recorded, models learned from them, played.

Another world is another word: its name.
"""

from dataclasses import replace

import numpy as np
import pytest
import torch

from pipeline.data import episodes
from pipeline.evidence import checkpoints
from pipeline.learning import loop, supervised
from pipeline.measures import collect, evaluate
from pipeline.methods.decision_transformer.policy import DecisionTransformerPolicy
from pipeline.methods.perceptron.policy import DeterministicPolicy
from pipeline.methods.soft_actor_critic import train as train_behavior
from pipeline.methods.soft_actor_critic.policy import BehaviourPolicy
from pipeline.methods.td3_bc import train as train_td3_bc
from pipeline.methods.trajectory_transformer import discretization
from pipeline.methods.trajectory_transformer import train as train_trajectory_transformer
from pipeline.methods.trajectory_transformer.planning import Search
from pipeline.methods.trajectory_transformer.policy import TrajectoryTransformerPolicy
from pipeline.statistics import summaries
from pipeline.study import runs
from pipeline.worlds import environments
from pipeline.worlds.world import WORLDS, find_world

STEPS = 150  # an untrained policy seldom stands for so long
METHODS = {"td3_bc": train_td3_bc, "trajectory_transformer": train_trajectory_transformer}
FEW = {"updates": 4, "interval_updates": 2, "batch_size": 8, "held_out_episodes": 3}


def trained(run, whole: episodes.Episodes, folder):
    """A policy that was trained by a run, of whichever method."""
    method = METHODS.get(run.method, supervised)
    training = method.prepare(run, whole)
    curve = loop.train(run, training, folder / "progress.safetensors")
    assert all(np.isfinite(value) for value in curve[-1].values())
    training.beside(folder)
    model = training.model()
    if run.method == "trajectory_transformer":
        bins = discretization.read(folder / discretization.FILE, run.bins, model.config.transition_dim)
        return TrajectoryTransformerPolicy(model, bins, Search(beams=2, horizon=2, expansion=1, context=1))
    return DecisionTransformerPolicy(model, 30.0) if run.method == "decision_transformer" else DeterministicPolicy(model)


@pytest.mark.parametrize("environment", ["Hopper-v4", "Walker2d-v4"])
def test_a_world_whose_episodes_end_early_from_its_recorder_to_its_scores(environment, monkeypatch, tmp_path):
    torch.set_num_threads(1)
    world = replace(find_world(environment), episode_steps=STEPS)
    monkeypatch.setitem(WORLDS, environment.partition("-")[0], world)
    pytest.importorskip("stable_baselines3")
    behavior = replace(
        runs.BEHAVIOR, name="toy", environment=environment, hidden_sizes=(16,), batch_size=8, random_steps=20,
        interval_steps=40, maximum_steps=40, evaluation_episodes=2, target_return=-1e9,
    )  # fmt: skip
    training = train_behavior.prepare(behavior)
    curve = loop.train(behavior, training, tmp_path / "behaviour.safetensors")
    recorder = training.model()
    assert len(curve) == 1 and len(curve[0]["returns"]) == 2

    run = runs.Collection(
        "toy", "toy", environment=environment, episodes=20, shard_episodes=10, first_seed=0, contexts=2, context_length=3,
        contexts_from_last=10,
    )  # fmt: skip
    recorded = collect.collect(run, BehaviourPolicy(recorder), tmp_path / "shards")
    episodes.write(tmp_path / "toy.hdf5", recorded, {"environment": environment})
    whole = episodes.read(tmp_path / "toy.hdf5", world)
    assert episodes.sha256(whole) == episodes.sha256(recorded)
    assert len(whole) == 20 and whole.terminated.any() and len(set(whole.lengths.tolist())) > 1
    assert whole.observations.shape == (20, STEPS, world.observation_dim)
    found = collect.statistics(whole, world)
    assert found["transitions"] == whole.lengths.sum() < 20 * STEPS
    assert collect.draw_contexts(whole, run)["observations"].shape == (2, 3, world.observation_dim)

    trainings = (
        replace(runs.DECISION_TRANSFORMER, context_length=5, hidden_size=16, layers=1, warmup_updates=1, **FEW),
        replace(runs.BEHAVIOR_CLONING, hidden_sizes=(8,), **FEW),
        replace(runs.TD3_BC, hidden_sizes=(8,), **FEW),
        replace(
            runs.TRAJECTORY_TRANSFORMER, bins=10, transitions=4, layers=1, heads=2, width=16, warmup_updates=1, **FEW
        ),
    )  # fmt: skip
    for training in trainings:
        policy = trained(training, whole, tmp_path / training.name)
        played = runs.Evaluation("toy", training.method, environment=environment, episodes=4, shard_episodes=2)
        returns = evaluate.evaluate(played, policy, tmp_path / training.method)
        again = environments.play(policy, environment, [100, 101])
        for episode in range(2):
            earned = again["rewards"][episode, : again["lengths"][episode]]
            assert returns[episode] == pytest.approx(earned.sum(), abs=1e-4)
        summary = summaries.summarize_returns(played, returns)
        assert summary["score_mean"] == pytest.approx(world.normalized_score(np.mean(returns)))


def test_a_recorder_of_another_world_is_kept_and_read_again(monkeypatch, tmp_path):
    behavior = replace(runs.BEHAVIOR, environment="Hopper-v4", hidden_sizes=(4,))
    agent = pytest.importorskip("stable_baselines3") and train_behavior.make_agent(replace(behavior, maximum_steps=10))
    model = train_behavior.actor_model(agent, behavior)
    checkpoints.write_model(tmp_path / "checkpoints" / "toy", model, "A card.")
    again = checkpoints.load("toy", type(model), root=tmp_path)
    assert (again.config.observation_dim, again.config.action_dim) == (11, 3)
    assert all(torch.equal(one, other) for one, other in zip(model.parameters(), again.parameters(), strict=True))

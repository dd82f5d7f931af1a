"""Studies: data that covers returns, shuffled returns, a perceptron told the return; every value by hand."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import pytest
import torch

from pipeline import PipelineError, files
from pipeline.data.episodes import Episodes
from pipeline.evidence import checkpoints, fingerprints, recipes, records
from pipeline.learning import descent, float16, loop, shuffled, steady, supervised
from pipeline.measures import collect_study
from pipeline.measures.collect_study import AlongTraining, Throttled
from pipeline.methods.perceptron.model import DeterministicPolicyConfig, DeterministicPolicyModel
from pipeline.methods.return_conditioned_cloning import model as return_conditioned_cloning
from pipeline.methods.return_conditioned_cloning.policy import ReturnConditionedPolicy
from pipeline.methods.soft_actor_critic import train as train_behavior
from pipeline.methods.soft_actor_critic import train_long
from pipeline.methods.soft_actor_critic.model import GaussianPolicyConfig, GaussianPolicyModel
from pipeline.study import runs, studies
from pipeline.worlds.world import HALFCHEETAH, WORLDS


class Ones:
    """A policy that always answers with ones and remembers its seeds."""

    def reset(self, seeds):
        self.seeds = list(seeds)

    def act(self, observations, rewards):
        return np.ones((len(observations), 2), dtype=np.float32)


def episodes_of(rewards):
    """Episodes with the given rewards (episode, step), whose observations and actions are the step's number."""
    rewards = np.asarray(rewards, dtype=np.float32)
    step = np.broadcast_to(np.arange(rewards.shape[1], dtype=np.float32), rewards.shape)[..., None]
    return Episodes(step, step, rewards)


def test_factors_go_round_from_seed_to_seed_and_scale_every_torque():
    policy = Throttled(Ones(), (0.0, 0.5, 1.0), first_seed=100)
    policy.reset([101, 102, 103, 104])
    assert policy.act(np.zeros((4, 3)), np.zeros(4)).tolist() == [[0.5, 0.5], [1, 1], [0, 0], [0.5, 0.5]]
    assert policy.policy.seeds == [101, 102, 103, 104]


def test_each_shard_is_played_by_its_own_policy_of_the_training():
    policies = [Ones(), Ones(), Ones()]
    along = AlongTraining(policies, first_seed=100, shard_episodes=20)
    along.reset(range(120, 140))
    assert along.policy is policies[1] and policies[1].seeds[0] == 120
    along.reset(range(140, 160))
    assert along.policy is policies[2]


def test_every_stretch_of_the_joined_log_holds_an_episode_of_each_policy():
    assert collect_study.interleaved(6, shards=2).tolist() == [0, 3, 1, 4, 2, 5]


def test_quantiles_and_histogram_of_returns_by_hand():
    found = collect_study.coverage(np.arange(101.0))
    assert found["return_quantiles"] == {"1": 1.0, "25": 25.0, "50": 50.0, "75": 75.0, "99": 99.0}
    # 0 to 100 in forty bins of 2.5: two numbers and three by turns, the last bin also holds its end
    assert found["return_histogram"]["edges"][:3].tolist() == [0.0, 2.5, 5.0]
    assert found["return_histogram"]["counts"].tolist() == [3, 2] * 19 + [3, 3]
    assert found["returns"].tolist() == list(range(101))


def test_returns_are_shuffled_over_episodes_by_the_seed_and_nothing_else_moves():
    whole = episodes_of([[1, 2], [3, 4], [5, 6]])
    order = np.random.default_rng(7).permutation(3)
    mixed = shuffled.shuffled(whole, 7)
    assert mixed.rewards.tolist() == whole.rewards[order].tolist()
    assert sorted(mixed.returns.tolist()) == [3, 7, 11]
    assert mixed.observations is whole.observations and mixed.actions is whole.actions


def test_the_perceptron_is_told_the_mean_reward_to_come():
    told = return_conditioned_cloning.told(episodes_of([[6, 2, 1]]))
    assert told.tolist() == [[[0, 3], [1, 1.5], [2, 1]]]  # 9 / 3, 3 / 2, 1 / 1


def test_inputs_and_outcome_are_normalized_by_the_data_learnt_from():
    learn = episodes_of([[1, 1], [3, 3]])
    batches = return_conditioned_cloning.Batches(episodes_of([[5, 5]]), runs.BEHAVIOR_CLONING, like=learn)
    assert batches.observations == pytest.approx(np.array([[-1, 3], [1, 3]]), abs=1e-4)  # (0 - 0.5) / 0.5; (5 - 2) / 1


def test_the_return_asked_falls_by_what_was_earned_and_is_shared_by_the_steps_left():
    model = DeterministicPolicyModel(DeterministicPolicyConfig(2, 1, ()))
    with torch.no_grad():
        model.layers[0].weight.copy_(torch.tensor([[0.0, 1.0]]))
        model.layers[0].bias.zero_()
    policy = ReturnConditionedPolicy(model, target_return=4.0, steps=4)
    policy.reset([0])
    asked = [np.arctanh(policy.act(np.zeros((1, 1), np.float32), np.array([reward])))[0, 0] for reward in (9.0, 1.0, 2.0)]
    assert asked == pytest.approx([1.0, 1.0, 0.5], abs=1e-5)  # 4 / 4, 3 / 3, 1 / 2; no reward was earned before the first


def test_weights_kept_in_half_precision_are_loaded_in_single_precision(tmp_path):
    model = DeterministicPolicyModel(DeterministicPolicyConfig(1, 1, ()))
    with torch.no_grad():
        model.layers[0].weight.copy_(torch.tensor([[1 + 2**-12]]))
    float16.write_halved(tmp_path / "checkpoints" / "halved", model, "card")
    loaded = checkpoints.load("halved", DeterministicPolicyModel, root=tmp_path)
    assert loaded.layers[0].weight.dtype == torch.float32
    assert loaded.layers[0].weight.item() == 1.0  # half precision steps by 2**-10 above one
    assert float16.halved(model).layers[0].weight.item() == 1.0


def test_returns_are_not_shuffled_over_episodes_of_other_lengths():
    whole = Episodes(*(np.zeros((2, 3, *width)) for width in ((1,), (1,), ())), lengths=np.array([3, 2]))
    with pytest.raises(PipelineError, match="^only of episodes of one length can the returns be shuffled"):
        shuffled.shuffled(whole, 0)


def test_the_rate_stays_at_its_top_after_the_warm_up():
    run = studies.SteadyTraining("steady", "data")
    assert steady.constant_rate(run, 4999) == pytest.approx(5e-5)
    assert [steady.constant_rate(run, update) for update in (9999, 10_000, 50_000, 99_999)] == [1e-4] * 4
    endless = replace(run, updates=10**15)  # of which the cosine does not leave its top
    for update in (0, 4999, 9999, 10_000, 99_999):
        assert steady.constant_rate(run, update) == descent.learning_rate(endless, update)


def test_a_kept_policy_is_read_back_as_it_was(tmp_path, monkeypatch):
    model = GaussianPolicyModel(GaussianPolicyConfig(17, 6, (4,)))
    monkeypatch.setattr(files, "ROOT", tmp_path)
    path = train_long.kept_policy("long", 2000)
    assert path == tmp_path / "data" / "long" / "steps_002000.safetensors"
    checkpoints.write_tensors(path, model.state_dict())
    read = train_long.read_policy(path, "HalfCheetah-v4", (4,)).state_dict()
    assert all(torch.equal(read[name], tensor) for name, tensor in model.state_dict().items())


def test_the_long_training_is_the_short_one_but_for_its_end():
    differing = {name for name, value in vars(studies.LONG).items() if value != vars(runs.BEHAVIOR)[name]}
    assert differing == {"name", "maximum_steps"}


def test_every_study_learns_from_a_dataset_of_this_project_under_a_name_of_its_own():
    assert len(recipes.STUDY_TRAININGS) == len(studies.TRAININGS)
    for name, recipe in recipes.STUDY_TRAININGS.items():
        assert name not in recipes.TRAINED and recipe.run.data in recipes.COLLECTIONS


def wrong(recipe: records.Recipe) -> Iterator[str]:
    """What is wrong with evidence: its run, its seal, its outputs, or the datasets that it stands on."""
    content = records.read(recipe.path())
    if content["run"] != records.fields(recipe.run):
        yield "run"
    if content["made"]["sha256"] != records.sealed(content):
        yield "sha256"
    yield from (each for each in recipe.outputs if files.sha256(files.ROOT / each) != content["values"]["sha256"][each])
    datasets = [each for each in recipe.inputs if each.startswith("results/datasets/")]
    yield from (each for each in datasets if fingerprints.input_digest(each, files.ROOT) != content["made"]["inputs"][each])


def test_what_a_study_left_is_whole_and_of_the_run_as_it_stands():
    left = {name: recipe for name, recipe in recipes.STUDIES.items() if recipe.path().exists()}
    assert len(left) > 10
    assert {name: found for name, recipe in left.items() if (found := list(wrong(recipe)))} == {}


def test_a_long_training_passes_through_the_policy_that_a_shorter_one_stops_at_and_resumes_to_the_same(monkeypatch, tmp_path):
    monkeypatch.setitem(WORLDS, "HalfCheetah", replace(HALFCHEETAH, episode_steps=10))
    small = {"hidden_sizes": (4,), "random_steps": 15, "interval_steps": 20, "evaluation_episodes": 2, "batch_size": 8}
    stopped = replace(runs.BEHAVIOR, **small, target_return=-1e9)
    goes_on = replace(studies.LONG, **small, maximum_steps=40)

    def train(method, run, folder) -> tuple:
        monkeypatch.setattr(files, "ROOT", tmp_path / folder)
        training = method.prepare(run)
        curve = loop.train(run, training, loop.progress(run.name))
        return training.model().state_dict(), curve

    weights, curve = train(train_behavior, stopped, "stopped")
    _, long = train(train_long, goes_on, "long")
    assert [point["steps"] for point in curve] == [20] and [point["steps"] for point in long] == [20, 40]
    assert curve[0]["returns"] == long[0]["returns"]
    kept = [train_long.kept_policy(goes_on.name, steps) for steps in (20, 40)]
    assert [files.sha256(path) for path in kept] == [point["policy_sha256"] for point in long]
    read = train_long.read_policy(kept[0], "HalfCheetah-v4", (4,)).state_dict()
    assert all(torch.equal(tensor, read[name]) for name, tensor in weights.items())
    write = checkpoints.write_tensors

    def killed(path, *content):
        write(path, *content)
        if "training" in path.parts:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(checkpoints, "write_tensors", killed)
        with pytest.raises(KeyboardInterrupt):
            train(train_long, goes_on, "again")
    assert train(train_long, goes_on, "again")[1] == long


def toy_dataset() -> Episodes:
    """Random episodes with HalfCheetah's dimensions."""
    generator = np.random.default_rng(0)
    return Episodes(*(generator.uniform(-1, 1, (4, 6, *width)).astype(np.float32) for width in ((17,), (6,), ())))


STEADY = studies.SteadyTraining(
    "steady", "data", method="behaviour_cloning", updates=6, warmup_updates=2, interval_updates=2, batch_size=4,
    held_out_episodes=1, snapshots=(2, 6),
)  # fmt: skip


@dataclass(frozen=True)
class SteadyCloning(studies.SteadyTraining):
    """A cloned policy, trained so: it takes a second."""

    hidden_sizes: tuple[int, ...] = (4,)
    best_fraction: float = 1.0


def test_a_steady_training_leaves_the_weights_it_had_on_the_way_rounded_to_float16(tmp_path, monkeypatch):
    monkeypatch.setattr(files, "ROOT", tmp_path)
    run = SteadyCloning(**vars(STEADY))
    training = steady.prepare(run, toy_dataset())
    loop.train(run, training, tmp_path / "progress")
    assert sorted(path.name for path in (tmp_path / "checkpoints").iterdir()) == ["steady_2", "steady_6"]
    last = checkpoints.load("steady_6", DeterministicPolicyModel, root=tmp_path).state_dict()
    assert all(torch.equal(last[name], tensor.half().float()) for name, tensor in training.model().state_dict().items())
    assert not torch.equal(*(checkpoints.load(name, DeterministicPolicyModel, root=tmp_path).layers[0].weight for name in
                             ("steady_2", "steady_6")))  # fmt: skip
    plain = supervised.prepare(run, toy_dataset(), steady.constant_rate)
    loop.train(run, plain, tmp_path / "plain")
    assert all(map(torch.equal, plain.state().values(), training.state().values()))  # a snapshot disturbs nothing


@pytest.mark.parametrize("snapshots", [(3,), (2, 8)])
def test_a_snapshot_that_no_interval_ends_at_is_refused(snapshots):
    run = SteadyCloning(**{**vars(STEADY), "snapshots": snapshots})
    with pytest.raises(PipelineError, match=f"steady cannot be kept after {snapshots[-1]} updates: no interval of 2, of 6 in"):
        steady.prepare(run, toy_dataset())


@pytest.mark.parametrize(
    ("measured", "stored"),
    [
        ({"held_out_loss": 2.0}, {"held_out_loss_in_float16": 2.0}),
        ({"held_out_action": 2.0, "held_out_reward": 3.0}, {"held_out_in_float16": {"action": 2.0, "reward": 3.0}}),
    ],
)
def test_losses_are_measured_again_once_weights_are_rounded(monkeypatch, measured, stored):
    model, told = torch.nn.Linear(1, 1, bias=False), []
    torch.nn.init.constant_(model.weight, 1 + 2**-12)

    def measure():
        assert model.weight.item() == 1.0
        return measured

    monkeypatch.setattr(float16.loop, "finish", lambda *words: told.append(words))
    training = loop.Training(None, measure, None, None, None, 4, lambda: model, (), {})
    float16.finish("recipe", training, {"loss": 1.0}, {"Data": "here"})
    ((_, _, values, facts, write, about),) = told
    assert values == {"loss": 1.0, **stored} and write is float16.write_halved and about == {"device": float16.device()}
    assert facts == {"Data": "here", "Trained on": float16.device(), "Weights": "trained in float32, kept in float16"}


def test_a_search_that_revises_costs_its_draft_and_a_plan_for_each_transition_of_a_sweep():
    search = next(run for run in studies.SEARCHES if run.sweeps == 2)
    timed = next(run for run in studies.LATENCIES if getattr(run, "sweeps", 0) == 2)
    assert search.plans() == timed.plans() == 11  # 1 + 2 sweeps of 5 transitions
    assert search.seconds(None) == pytest.approx(1540)  # 20 episodes of 1000 steps, 11 plans of 7 ms each
    assert timed.seconds(None) == pytest.approx(8 + 110 * 0.107)

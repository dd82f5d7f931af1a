"""Published checkpoints under today's libraries: read from files in exactly the published layout, with random weights, into the
policies that play those trained here; and the Decision Transformer's loop against a plain writing of the published one.
"""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch

from pipeline import files
from pipeline.data import episodes
from pipeline.data.episodes import Episodes
from pipeline.evidence import checkpoints
from pipeline.hub import client, published
from pipeline.hub.client import HubError
from pipeline.methods import policies
from pipeline.methods.decision_transformer.policy import DecisionTransformerPolicy
from pipeline.methods.trajectory_transformer import discretization
from pipeline.methods.trajectory_transformer.planning import Search
from pipeline.study import runs
from pipeline.worlds import environments
from tests import small_hub

DT, TT = runs.PUBLISHED_DECISION_TRANSFORMER, runs.PUBLISHED_TRAJECTORY_TRANSFORMER
WEIGHTS = "pytorch_model.bin"


@pytest.fixture(scope="module")
def dt_files():
    return small_hub.decision_transformer_files()


@pytest.fixture(scope="module")
def tt_files():
    return small_hub.trajectory_transformer_files()


def laid_out(folder, content) -> dict:
    for name, data in content.items():
        (folder / name).write_bytes(data)
    return {name: folder / name for name in content}


@pytest.fixture(scope="module")
def dt(dt_files, tmp_path_factory):
    return published.read(DT, laid_out(tmp_path_factory.mktemp("dt"), dt_files))


def test_the_layout_is_the_published_one(dt_files, tt_files):
    assert sum(weights.numel() for weights in small_hub.decision_transformer().parameters()) == 861_080
    assert sum(weights.numel() for weights in small_hub.trajectory_transformer().parameters()) == 1_468_544
    assert len(dt_files[WEIGHTS]) == pytest.approx(6.6e6, rel=0.02), "3 masks of 1024 by 1024 lie among the weights"
    assert len(tt_files[WEIGHTS]) == pytest.approx(6.89e6, rel=0.02) and len(tt_files["README.md"]) == 21


def test_the_decision_transformer_has_the_published_weights_and_what_its_files_leave_out(dt):
    expected = small_hub.decision_transformer().state_dict()
    assert dt.state_dict().keys() == expected.keys()
    assert all(torch.equal(dt.state_dict()[name], tensor) for name, tensor in expected.items())
    assert dt.config.context_length == 20 and dt.config.return_scale == 1000
    assert dt.config.observation_mean[8] == 5.1730075 and dt.config.observation_std[-1] == 7.498259
    assert len(dt.config.observation_mean) == len(dt.config.observation_std) == 17


def test_the_position_embedding_is_held_at_index_0(dt):
    twin = small_hub.decision_transformer().eval()
    with torch.no_grad():
        twin.encoder.wpe.weight[1:] = 1e3
    inputs = {
        "states": torch.randn(2, 20, 17),
        "actions": torch.randn(2, 20, 6),
        "returns_to_go": torch.randn(2, 20, 1),
        "timesteps": torch.arange(20).repeat(2, 1),
        "attention_mask": torch.ones(2, 20),
    }
    with torch.inference_mode():
        assert torch.equal(dt(**inputs).action_preds, twin(**inputs).action_preds)
        twin.encoder.wpe.weight[0] += 1
        assert not torch.allclose(dt(**inputs).action_preds, twin(**inputs).action_preds)


def test_the_trajectory_transformer_has_the_published_weights(tt_files, tmp_path):
    model = published.read(TT, laid_out(tmp_path, tt_files))
    expected = small_hub.trajectory_transformer().state_dict()
    assert model.state_dict().keys() == expected.keys()
    assert all(torch.equal(model.state_dict()[name], tensor) for name, tensor in expected.items())


@pytest.mark.parametrize(
    ("edit", "said"),
    [
        (lambda tensors: tensors.pop("embed_ln.bias"), "has no tensor embed_ln.bias"),
        (lambda tensors: tensors.update(stray=torch.zeros(1)), "has an unknown tensor stray"),
        (lambda tensors: tensors.update({"embed_ln.bias": torch.zeros(3)}), r"shape \(3,\).*\(128,\)"),
        (lambda tensors: tensors["embed_ln.bias"].fill_(torch.nan), "embed_ln.bias holds a weight that is not a finite number"),
        (lambda tensors: tensors.update({"embed_ln.bias": torch.zeros(128, dtype=torch.long)}), "not a finite number"),
        (lambda tensors: tensors.update(words="x"), "does not hold tensors by name"),
    ],
)
def test_weights_that_are_not_the_models_are_refused(tmp_path, edit, said):
    tensors = small_hub.decision_transformer().state_dict()
    edit(tensors)
    paths = laid_out(tmp_path, {"config.json": json.dumps(small_hub.DT_CONFIG).encode(), WEIGHTS: small_hub.pickled(tensors)})
    with pytest.raises(HubError, match=said):
        published.read(DT, paths)


@pytest.mark.parametrize("weights", [b"", b"x" * 100, small_hub.pickled([torch.zeros(1)]), small_hub.pickled({})[:-30]])
def test_what_is_no_checkpoint_is_one_sentence(tmp_path, weights):
    paths = laid_out(tmp_path, {"config.json": json.dumps(small_hub.DT_CONFIG).encode(), WEIGHTS: weights})
    with pytest.raises(HubError) as error:
        published.read(DT, paths)
    assert "\n" not in str(error.value) and WEIGHTS in str(error.value)


@pytest.mark.parametrize(
    "config",
    ["", "[]", "{", json.dumps(small_hub.DT_CONFIG | {"n_head": 3}), json.dumps(small_hub.DT_CONFIG | {"hidden_size": "x"})],
)
def test_settings_that_are_none_are_one_sentence(tmp_path, dt_files, config):
    with pytest.raises(HubError, match=r"config\.json") as error:
        published.read(DT, laid_out(tmp_path, {**dt_files, "config.json": config.encode()}))
    assert "\n" not in str(error.value)


def test_a_model_of_another_animal_is_refused(tmp_path):
    config = small_hub.DT_CONFIG | {"state_dim": 11, "act_dim": 3}
    fields = {name: value for name, value in config.items() if name not in published.LIBRARY_FIELDS}
    weights = published.DecisionTransformerModel(published.DecisionTransformerConfig(**fields, bos_token_id=None)).state_dict()
    paths = laid_out(tmp_path, {"config.json": json.dumps(config).encode(), WEIGHTS: small_hub.pickled(weights)})
    with pytest.raises(HubError, match="11 observations and 3 actions"):
        published.read(DT, paths)


@pytest.fixture
def house(tmp_path, monkeypatch, dt_files, tt_files):
    """The places of a project, empty, with a hub whose files need no network: what it serves is tested in `test_hub`."""
    served = {}
    for run, content in ((DT, dt_files), (TT, tt_files)):
        (tmp_path / "cache" / run.name).mkdir(parents=True)
        served[run.name] = laid_out(tmp_path / "cache" / run.name, content)
    serving = small_hub.SmallHub()
    serving.publish(DT.repository, dt_files)
    serving.publish(TT.repository, tt_files)
    monkeypatch.setattr(files, "ROOT", tmp_path)
    monkeypatch.setattr(client, "LOCK", tmp_path / "hub.lock")
    monkeypatch.setattr(client, "download", lambda run: downloads.append(run.name) or served[run.name])
    monkeypatch.setattr(checkpoints.load, "__defaults__", (None, tmp_path))
    client.LOCK.write_text(serving.lock())
    downloads = serving.requests
    return serving


def dataset(root) -> Episodes:
    generator = np.random.default_rng(0)
    shapes = {"observations": (3, 60, 17), "actions": (3, 60, 6), "rewards": (3, 60)}
    whole = Episodes(**{name: generator.uniform(-1, 1, shape).astype(np.float32) for name, shape in shapes.items()})
    episodes.write(root / "data" / f"{TT.data}.hdf5", whole, {})
    return whole


def test_a_fetched_checkpoint_is_a_checkpoint_like_any_other_and_is_fetched_once(house, dt):
    published.ensure(DT.name)
    published.ensure(DT.name)
    assert house.requests == [DT.name]
    checkpoints.verify(published.folder(DT))
    card = (published.folder(DT) / "README.md").read_text(encoding="utf-8")
    assert card.startswith(f"# {DT.name}\n") and client.pin(DT).commit in card and "861,080 parameters" in card
    policy = policies.load(runs.HUB_EVALUATIONS[0])
    assert policy.context_length == 20 and policy.return_scale == 1000 and policy.target_return == runs.TARGETS[0]
    for name, tensor in dt.state_dict().items():
        assert torch.equal(policy.model.state_dict()[name], tensor)


def test_a_lock_that_was_renewed_fetches_again_and_an_emptied_one_is_an_error(house):
    published.ensure(DT.name)
    lock = json.loads(client.LOCK.read_text(encoding="utf-8"))
    lock["checkpoints"][DT.repository]["commit"] = "a" * 40
    client.LOCK.write_text(json.dumps(lock))
    published.ensure(DT.name)
    assert house.requests == [DT.name] * 2
    client.LOCK.write_text('{"checkpoints": {}, "datasets": {}}')
    with pytest.raises(HubError, match="make lock-hub"):
        published.ensure(DT.name)


def test_a_fetched_checkpoint_that_was_damaged_is_fetched_again(house):
    published.ensure(DT.name)
    path = published.folder(DT) / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(checkpoints.CheckpointError, match="python -m pipeline make fetched/hub_dt_halfcheetah"):
        checkpoints.verify(published.folder(DT))
    published.ensure(DT.name)
    assert house.requests == [DT.name] * 2


def test_the_bins_of_the_trajectory_transformer_are_made_from_the_dataset_it_was_trained_on(house):
    with pytest.raises(HubError, match=f"ships no thresholds.*python -m pipeline make datasets/{TT.data}"):
        published.ensure(TT.name)
    whole = dataset(files.ROOT)
    client.record("datasets", TT.data, {"sha256": "0" * 64, "arrays_sha256": episodes.sha256(whole)})
    published.ensure(TT.name)
    found = discretization.read(published.folder(TT) / discretization.FILE, 100, 25)
    assert np.array_equal(found.thresholds, discretization.fit(published.learned_columns(whole)).thresholds)
    run = next(run for run in runs.HUB_EVALUATIONS if run.name == "hub_tt_halfcheetah_k1")
    policy = policies.load(run)
    assert policy.search == Search(beams=1)
    policy.reset([0])
    actions = policy.act(whole.observations[0, :1], np.zeros(1))
    assert actions.shape == (1, 6) and np.isfinite(actions).all()


def test_the_bins_leave_out_the_datasets_last_transition_as_the_authors_reader_did(tmp_path):
    whole = dataset(tmp_path)
    rewards = whole.rewards.copy()
    rewards[-1, -1] = 1e6
    columns = published.learned_columns(replace(whole, rewards=rewards))
    assert columns.shape == (3 * 60 - 1, 25) and columns.max() < 1e3
    assert np.array_equal(columns, published.learned_columns(whole))
    assert np.array_equal(columns[:120], discretization.columns(whole[:-1]))


def test_bins_are_not_made_from_another_dataset_nor_from_none(house):
    client.record("datasets", TT.data, {"sha256": "0" * 64, "arrays_sha256": "1" * 64})
    with pytest.raises(HubError, match=r"hdf5 is missing.*make datasets"):
        published.ensure(TT.name)
    dataset(files.ROOT)
    with pytest.raises(HubError, match="not the dataset that hub.lock records"):
        published.ensure(TT.name)
    assert not published.folder(TT).exists() and house.requests == []


# The loop: transformers' published example, written plainly

STEPS, TARGET = 200, 6000.0


@torch.inference_mode()
def example_action(model, states, actions, returns, timesteps) -> torch.Tensor:
    """One action as the example takes it: the last 20 of everything, zeros to the left, the last of the predictions."""
    states, actions, returns = states.reshape(1, -1, 17)[:, -20:], actions.reshape(1, -1, 6)[:, -20:], returns.reshape(1, -1, 1)
    returns, timesteps = returns[:, -20:], timesteps.reshape(1, -1)[:, -20:]
    missing = 20 - states.shape[1]
    mask = torch.cat([torch.zeros(missing), torch.ones(states.shape[1])]).reshape(1, -1)
    states = torch.cat([torch.zeros(1, missing, 17), states], dim=1)
    actions = torch.cat([torch.zeros(1, missing, 6), actions], dim=1)
    returns = torch.cat([torch.zeros(1, missing, 1), returns], dim=1)
    timesteps = torch.cat([torch.zeros(1, missing, dtype=torch.long), timesteps], dim=1)
    found = model(
        states=states, actions=actions, returns_to_go=returns, timesteps=timesteps, attention_mask=mask, return_dict=False
    )
    return found[1][0, -1]


def example_loop(model, observations, rewards) -> np.ndarray:
    """The example's episode on recorded observations and rewards; actions (step, action)."""
    mean, std = torch.tensor(DT.observation_mean), torch.tensor(DT.observation_std)
    target = torch.tensor(TARGET / 1000).reshape(1, 1)
    states = torch.from_numpy(observations[0]).reshape(1, 17)
    actions, timesteps = torch.zeros(0, 6), torch.zeros(1, 1, dtype=torch.long)
    for step in range(len(observations)):
        actions = torch.cat([actions, torch.zeros(1, 6)])
        actions[-1] = example_action(model, (states - mean) / std, actions, target, timesteps)
        if step + 1 < len(observations):
            states = torch.cat([states, torch.from_numpy(observations[step + 1]).reshape(1, 17)])
            asked = target[0, -1] - float(rewards[step]) / 1000
            target = torch.cat([target, asked.reshape(1, 1)], dim=1)
            timesteps = torch.cat([timesteps, torch.full((1, 1), step + 1)], dim=1)
    return actions.numpy()


def test_the_policy_acts_as_the_published_example_does_over_200_steps_of_halfcheetah(dt):
    player = policies.load(runs.EVALUATIONS[0])
    recorded = environments.play(player, "HalfCheetah-v4", [100], steps=STEPS)
    observations, rewards = recorded["observations"][0], recorded["rewards"][0]
    policy = DecisionTransformerPolicy(dt, TARGET)
    policy.reset([100])
    earned = [0.0, *rewards[:-1]]
    ours = [policy.act(seen[None], np.array([reward]))[0] for seen, reward in zip(observations, earned, strict=True)]
    theirs = example_loop(dt, observations, rewards)
    assert np.ptp(theirs, axis=0).min() > 1e-3, "the actions differ from step to step"
    assert np.abs(np.stack(ours) - theirs).max() < 1e-5

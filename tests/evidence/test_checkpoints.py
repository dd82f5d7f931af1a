"""Checkpoints: each way of being unusable ends in one sentence that names the file."""

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from pipeline import files
from pipeline.evidence import checkpoints
from pipeline.evidence.checkpoints import CheckpointError
from pipeline.methods.soft_actor_critic.model import GaussianPolicyConfig, GaussianPolicyModel
from pipeline.study.runs import BEHAVIOR, DECISION_TRANSFORMER


@pytest.fixture
def root(tmp_path):
    torch.manual_seed(0)
    model = GaussianPolicyModel(GaussianPolicyConfig(17, 6, (8,)))
    checkpoints.write_model(tmp_path / "checkpoints" / "toy", model, "# toy\n")
    return tmp_path


def load(root, **options):
    return checkpoints.load("toy", GaussianPolicyModel, root=root, **options)


def weights(root):
    return root / "checkpoints" / "toy" / "model.safetensors"


def test_a_checkpoint_comes_back_as_it_was_written(root):
    torch.manual_seed(0)
    expected = GaussianPolicyModel(GaussianPolicyConfig(17, 6, (8,))).state_dict()
    for name, tensor in load(root).state_dict().items():
        assert torch.equal(tensor, expected[name])


def test_a_missing_checkpoint_is_named(tmp_path):
    with pytest.raises(CheckpointError, match=r"toy holds no checkpoint .*make train"):
        load(tmp_path)


def test_missing_weights_are_named(root):
    weights(root).unlink()
    with pytest.raises(CheckpointError, match=r"model\.safetensors is missing"):
        load(root)


def test_truncated_weights_do_not_match_their_sum(root):
    weights(root).write_bytes(weights(root).read_bytes()[:-10])
    with pytest.raises(CheckpointError, match="another sha256"):
        load(root)


def test_truncated_weights_with_a_sum_to_match_cannot_be_read(root):
    weights(root).write_bytes(weights(root).read_bytes()[:-10])
    checkpoints.write_sums(weights(root).parent)
    with pytest.raises(CheckpointError, match="cannot be loaded"):
        load(root)


def test_weights_of_another_training_under_a_trainings_name_are_refused_with_sums_to_match(root):
    name = "checkpoints/toy/model.safetensors"
    path = root / "results" / "training" / "toy.json"
    files.write_json(path, {"run": {}, "made": {}, "values": {"sha256": {name: files.sha256(root / name)}}})
    load(root)
    change(root, lambda tensors: tensors["mean.bias"].add_(1.0))
    with pytest.raises(
        CheckpointError, match=r"toy/model\.safetensors is not what .*results/training/toy\.json says was trained"
    ):
        load(root)


def change(root, edit):
    tensors = load_file(weights(root))
    edit(tensors)
    save_file(tensors, weights(root), {"format": "pt"})
    checkpoints.write_sums(weights(root).parent)


def test_a_weight_that_is_not_a_number_is_named(root):
    change(root, lambda tensors: tensors["mean.bias"].fill_(float("nan")))
    with pytest.raises(CheckpointError, match=r"not finite, in mean\.bias"):
        load(root)


def test_a_missing_tensor_is_named(root):
    change(root, lambda tensors: tensors.pop("mean.bias"))
    with pytest.raises(CheckpointError, match=r"missing keys, such as mean\.bias"):
        load(root)


def test_a_tensor_too_many_is_named(root):
    change(root, lambda tensors: tensors.update(stray=torch.zeros(1)))
    with pytest.raises(CheckpointError, match="unexpected keys, such as stray"):
        load(root)


def test_another_architecture_is_refused(root):
    config = weights(root).with_name("config.json")
    config.write_text(json.dumps({**json.loads(config.read_text(encoding="utf-8")), "hidden_sizes": [16]}))
    checkpoints.write_sums(config.parent)
    with pytest.raises(CheckpointError, match="toy"):
        load(root)


def test_a_checkpoint_of_another_recipe_is_refused(root):
    config = weights(root).with_name("config.json")
    config.write_text(
        json.dumps({**json.loads(config.read_text(encoding="utf-8")), "training": {"name": "local_dt_halfcheetah", "seed": 7}})
    )
    checkpoints.write_sums(config.parent)
    with pytest.raises(CheckpointError, match="was trained with"):
        load(root, run=DECISION_TRANSFORMER)


def wrong(folder: Path) -> str | None:
    """What is wrong with a checkpoint's sums or its card."""
    try:
        checkpoints.verify(folder)
    except CheckpointError as error:
        return str(error)
    card = (folder / "README.md").read_text(encoding="utf-8")
    return None if card.startswith(f"# {folder.name}") else "its card has another title"


def test_every_checkpoint_in_the_repository_matches_its_sums():
    folders = [path.parent for path in (files.ROOT / "checkpoints").glob("*/SHA256SUMS")]
    assert len(folders) > 30
    assert [(folder.name, found) for folder in folders if (found := wrong(folder))] == []


def test_all_checkpoints_together_stay_under_60_megabytes():
    assert sum(path.stat().st_size for path in (files.ROOT / "checkpoints").rglob("*") if path.is_file()) < 60e6


def test_no_checkpoint_needs_a_pickle():
    suffixes = {path.suffix for path in (files.ROOT / "checkpoints").rglob("*") if path.is_file()}
    assert suffixes <= {".safetensors", ".json", ".md", ""}


def test_optimizers_come_back_as_they_were():
    torch.manual_seed(0)
    model = torch.nn.Linear(3, 2)
    first = torch.optim.AdamW(model.parameters(), 0.1)
    model(torch.ones(1, 3)).sum().backward()
    first.step()
    second = torch.optim.AdamW(model.parameters(), 0.1)
    checkpoints.load_optimizer(second, checkpoints.optimizer_tensors(first))
    for index, moments in first.state_dict()["state"].items():
        for key, value in moments.items():
            assert torch.equal(torch.as_tensor(second.state_dict()["state"][index][key]), torch.as_tensor(value))


def test_the_behavior_policy_matches_its_card():
    card = (files.ROOT / "checkpoints" / BEHAVIOR.name / "README.md").read_text(encoding="utf-8")
    assert "soft actor-critic" in card and f"seed {BEHAVIOR.seed}" in card


def test_each_kind_of_checkpoint_has_a_cure_of_its_own(tmp_path):
    assert "git checkout" in checkpoints.cure(tmp_path / "local_dt")
    assert "make fetched/hub_dt" in checkpoints.cure(tmp_path / "hub_dt")
    assert "trains local_dt, with `--data d4rl_x`" in checkpoints.cure(tmp_path / "local_dt_on_d4rl_x")


@pytest.mark.parametrize("metadata", ["[" * 100_000, "9" * 5000, "{"])
def test_a_header_that_cannot_be_read_is_one_sentence(tmp_path, metadata):
    path = tmp_path / "state.safetensors"
    save_file({"a": torch.zeros(1)}, path, {"json": metadata})
    with pytest.raises(checkpoints.CheckpointError, match="state.safetensors cannot be read") as error:
        checkpoints.read_tensors(path)
    assert "\n" not in str(error.value)

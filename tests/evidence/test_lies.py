"""Whatever is wrong with what the pipeline is given: one sentence that names the file, exit code 1, nothing half written."""

from __future__ import annotations

import fcntl
import json
import os
import resource
import shutil
import time
from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file, save_file
from transformers import DecisionTransformerModel

from pipeline import PipelineError, files
from pipeline.data import episodes
from pipeline.evidence import checkpoints, fingerprints, recipes, records
from pipeline.methods.decision_transformer import model as decision_transformer
from pipeline.methods.soft_actor_critic.model import GaussianPolicyConfig, GaussianPolicyModel
from pipeline.show import tabulate
from pipeline.study import runs
from pipeline.worlds.world import HALFCHEETAH
from tests.toy import Toy, assert_one_sentence, without_privilege

COUNT, STEPS = 3, 4
FEW = settings(max_examples=25)


def sentence(error: BaseException) -> str:
    """The message of an error, which must be one sentence: one line, not too long."""
    text = str(error)
    assert text.strip() and "\n" not in text and len(text) < 600, text
    return text


def sound_episodes(count: int = COUNT, steps: int = STEPS) -> episodes.Episodes:
    """Random episodes that are as they should be."""
    generator = np.random.default_rng(0)
    widths = ((17,), (6,), ())
    return episodes.Episodes(*(generator.uniform(-1, 1, (count, steps, *width)).astype(np.float32) for width in widths))


def write_arrays(path: Path, arrays: dict) -> Path:
    """A D4RL file with these arrays, whatever they are."""
    with h5py.File(path, "w") as file:
        for name, array in arrays.items():
            file.create_dataset(name, data=array)
    return path


# Datasets


@FEW
@given(
    name=st.sampled_from(episodes.ARRAYS),
    shape=st.lists(st.integers(0, 20), max_size=3).map(tuple),
)
def test_a_dataset_of_any_other_shape_is_refused(tmp_path, name, shape):
    arrays = episodes.flat_arrays(sound_episodes())
    if shape == arrays[name].shape:
        shape = (*shape, 1)
    path = write_arrays(tmp_path / "data.hdf5", {**arrays, name: np.zeros(shape, arrays[name].dtype)})
    with pytest.raises(episodes.EpisodesError) as caught:
        episodes.read(path, HALFCHEETAH)
    assert str(path) in sentence(caught.value)


@FEW
@given(
    name=st.sampled_from(("observations", "actions", "rewards")),
    place=st.integers(0, COUNT * STEPS - 1),
    value=st.sampled_from((np.nan, np.inf, -np.inf)),
)
def test_a_dataset_with_a_value_that_is_not_finite_is_refused_and_the_place_is_named(tmp_path, name, place, value):
    arrays = {key: array.copy() for key, array in episodes.flat_arrays(sound_episodes()).items()}
    arrays[name][place] = value
    with pytest.raises(episodes.EpisodesError, match=f"{name} .*transition {place}"):
        episodes.read(write_arrays(tmp_path / "data.hdf5", arrays), HALFCHEETAH)


@FEW
@given(missing=st.sampled_from(episodes.ARRAYS))
def test_a_dataset_without_an_array_is_refused(tmp_path, missing):
    arrays = {name: array for name, array in episodes.flat_arrays(sound_episodes()).items() if name != missing}
    with pytest.raises(episodes.EpisodesError, match=missing):
        episodes.read(write_arrays(tmp_path / "data.hdf5", arrays), HALFCHEETAH)


@FEW
@given(ends=st.lists(st.booleans(), min_size=COUNT * STEPS, max_size=COUNT * STEPS))
def test_a_dataset_of_unequal_or_unfinished_episodes_is_refused(tmp_path, ends):
    arrays = {**episodes.flat_arrays(sound_episodes()), "timeouts": np.asarray(ends)}
    path = write_arrays(tmp_path / "data.hdf5", arrays)
    lengths = np.diff(np.flatnonzero(ends), prepend=-1)
    if ends[-1] and len(set(lengths.tolist())) == 1:
        assert len(episodes.read(path, HALFCHEETAH)) == len(lengths)
    else:
        with pytest.raises(episodes.EpisodesError, match="whole episodes of one length"):
            episodes.read(path, HALFCHEETAH)


@FEW
@given(data=st.data(), strings=st.booleans())
def test_a_truncated_or_garbled_dataset_is_refused(tmp_path, data, strings):
    path = tmp_path / "data.hdf5"
    episodes.write(path, sound_episodes(), {})
    whole = path.read_bytes()
    if strings:
        path = write_arrays(
            path, {name: np.full(array.shape, b"x") for name, array in episodes.flat_arrays(sound_episodes()).items()}
        )
    else:
        path.write_bytes(whole[: data.draw(st.integers(0, len(whole) - 1))])
    try:
        read = episodes.read(path, HALFCHEETAH)
    except episodes.EpisodesError as error:
        assert str(path) in sentence(error)
    else:
        assert episodes.sha256(read) == episodes.sha256(sound_episodes()), "only padding at the end may be lost"


def test_training_on_another_dataset_than_its_evidence_describes_is_one_sentence(own_toy):
    path = own_toy.root / "data/local_halfcheetah_medium.hdf5"
    whole = episodes.read(path, HALFCHEETAH)
    episodes.write(path, replace(whole, rewards=whole.rewards + 1), {})
    forget(own_toy, "results/training/local_dt_halfcheetah.json")
    before = own_toy.snapshot()
    assert_one_sentence(own_toy.run("pipeline", "make", "training/local_dt_halfcheetah"), "is not the dataset")
    assert own_toy.snapshot() == before


# Checkpoints


def small_run() -> runs.DecisionTransformerTraining:
    """A training so small that its model is made at once."""
    return replace(runs.DECISION_TRANSFORMER, hidden_size=8, layers=1, context_length=3)


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory) -> Path:
    """The folder above `checkpoints/` with one small, sound Decision Transformer."""
    torch.set_num_threads(1)
    root = tmp_path_factory.mktemp("root")
    model = decision_transformer.build(small_run(), sound_episodes())
    checkpoints.write_model(root / "checkpoints" / small_run().name, model, "A small one.\n")
    return root


def copied(checkpoint: Path, into: Path) -> Path:
    """The folder of a copy of the small checkpoint, to be spoilt; it is written over an earlier one."""
    shutil.copytree(checkpoint / "checkpoints", into / "checkpoints", dirs_exist_ok=True)
    return into / "checkpoints" / small_run().name


@pytest.fixture
def folder(checkpoint, tmp_path) -> Path:
    """A copy of the small checkpoint."""
    return copied(checkpoint, tmp_path)


def load(folder: Path, run=None):
    """Load the small checkpoint as the pipeline does."""
    return checkpoints.load(folder.name, DecisionTransformerModel, run or small_run(), folder.parents[1])


def refused(folder: Path, *parts: str, run=None) -> None:
    """Loading fails in one sentence that names the folder and the cure."""
    with pytest.raises(checkpoints.CheckpointError) as caught:
        load(folder, run)
    for part in (folder.name, *parts):
        assert part in sentence(caught.value)


def test_a_sound_checkpoint_loads(folder):
    assert load(folder).config.context_length == 3


@FEW
@given(data=st.data())
def test_a_checkpoint_with_any_byte_changed_or_any_end_cut_off_is_refused(checkpoint, tmp_path, data):
    folder = copied(checkpoint, tmp_path)
    path = folder / data.draw(st.sampled_from(("config.json", "model.safetensors")))
    content = bytearray(path.read_bytes())
    place = data.draw(st.integers(0, len(content) - 1))
    if data.draw(st.booleans()):
        content[place] ^= data.draw(st.integers(1, 255))
    else:
        del content[place:]
    path.write_bytes(content)
    refused(folder, path.name, "sha256", "git checkout")


@FEW
@given(content=st.binary(max_size=200))
def test_sums_that_do_not_cover_the_checkpoint_are_refused(checkpoint, tmp_path, content):
    folder = copied(checkpoint, tmp_path)
    (folder / "SHA256SUMS").write_bytes(content)
    refused(folder, "git checkout")


@pytest.mark.parametrize("change", ["extra", "missing", "reshaped", "not finite"])
def test_a_checkpoint_with_other_tensors_is_refused_though_its_sums_are_right(folder, change):
    tensors = load_file(folder / "model.safetensors")
    name = sorted(tensors)[0]
    tensors |= {
        "extra": {"encoder.unheard_of": torch.zeros(2)},
        "missing": {},
        "reshaped": {name: torch.zeros(3, 3)},
        "not finite": {name: torch.full_like(tensors[name], torch.nan)},
    }[change]
    if change == "missing":
        del tensors[name]
    save_file(tensors, folder / "model.safetensors", {"format": "pt"})
    checkpoints.write_sums(folder)
    refused(folder)


def test_a_checkpoint_of_another_architecture_is_refused(folder):
    checkpoints.write_model(folder, GaussianPolicyModel(GaussianPolicyConfig(17, 6, (4,))), "Another.\n")
    refused(folder)


@pytest.mark.parametrize(("field", "value"), [("name", "local_other"), ("seed", 7), ("updates", 1)])
def test_a_checkpoint_of_another_run_is_refused_and_the_difference_is_named(folder, field, value):
    refused(folder, field, repr(value), run=replace(small_run(), **{field: value}))


@FEW
@given(
    training=st.one_of(
        st.none(),
        st.integers(),
        st.text(max_size=3),
        st.lists(st.integers(), max_size=2),
        st.dictionaries(st.text(max_size=3), st.none(), max_size=2),
    )
)
def test_a_checkpoint_that_does_not_say_which_run_trained_it_is_refused(checkpoint, tmp_path, training):
    folder = copied(checkpoint, tmp_path)
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    (folder / "config.json").write_text(json.dumps({**config, "training": training}))
    checkpoints.write_sums(folder)
    refused(folder)


@FEW
@given(data=st.data())
def test_a_configuration_with_anything_else_in_it_loads_or_is_refused_in_one_sentence(checkpoint, tmp_path, data):
    folder = copied(checkpoint, tmp_path)
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    key = data.draw(
        st.sampled_from(
            ("state_dim", "hidden_size", "n_layer", "n_head", "max_ep_len", "activation_function", "model_type", "n_inner")
        )
    )
    config[key] = data.draw(st.one_of(st.none(), st.integers(-2, 9), st.text(max_size=3), st.lists(st.integers(), max_size=2)))
    (folder / "config.json").write_text(json.dumps(config))
    checkpoints.write_sums(folder)
    try:
        load(folder)
    except checkpoints.CheckpointError as error:
        sentence(error)


# Evidence and tables

JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=5)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(
            st.sampled_from(("run", "made", "values", "sha256", "sources", "inputs", "versions", "holds")),
            inner,
            max_size=6,
        ),
    ),
    max_leaves=12,
)
RECIPE = recipes.COLLECTIONS[runs.MEDIUM.name]


@FEW
@given(
    content=st.one_of(
        st.binary(max_size=60),
        JSON.map(lambda value: json.dumps(value).encode()),
        st.just(b"[" * 100_000),
        st.just(b"9" * 5000),
    )
)
def test_evidence_of_any_content_is_stale_for_a_reason_and_read_in_one_sentence(tmp_path, content):
    path = RECIPE.path(tmp_path)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    assert fingerprints.stale(RECIPE, tmp_path)
    try:
        records.read(path)
    except PipelineError as error:
        sentence(error)


@pytest.mark.parametrize("spoil", ["directory", "folder is a file", "unreadable"])
def test_evidence_replaced_by_something_else_is_stale_for_a_reason(tmp_path, spoil):
    path = RECIPE.path(tmp_path)
    if spoil == "folder is a file":
        path.parent.parent.mkdir()
        path.parent.write_text("a file")
    elif spoil == "directory":
        path.mkdir(parents=True)
    else:
        path.parent.mkdir(parents=True)
        path.symlink_to(path)
    assert fingerprints.stale(RECIPE, tmp_path)


@pytest.mark.parametrize(
    "name",
    [
        "results/evaluations/local_random_halfcheetah.json",
        "images/loss_dt.svg",
        "results/pictures/loss_dt.json",
        "_includes/tables/scores.md",
    ],
)
def test_a_result_replaced_by_a_directory_is_mended(own_toy, name):
    before = own_toy.snapshot()
    (own_toy.root / name).unlink()
    (own_toy.root / name / "inside").mkdir(parents=True)
    assert len(own_toy.make()) >= 1
    assert own_toy.snapshot() == before


def forget(toy: Toy, *names: str) -> None:
    """Remove files of a toy."""
    for name in names:
        (toy.root / name).unlink()


@pytest.mark.parametrize("change", ["edited", "deleted", "contexts"])
def test_what_only_training_can_make_is_refused_when_it_was_changed_by_hand(own_toy, change):
    path = own_toy.root / (
        "checkpoints/contexts/halfcheetah.safetensors" if change == "contexts" else "results/training/local_dt_halfcheetah.json"
    )
    if change == "edited":
        path.write_text(path.read_text(encoding="utf-8").replace('"parameters": ', '"parameters": 1'))
    elif change == "deleted":
        path.unlink()
    else:
        path.write_bytes(path.read_bytes() + b"\0")
    before = own_toy.snapshot()
    done = own_toy.run("doit")
    assert done.returncode != 0 and "Traceback" not in done.stdout + done.stderr
    assert (
        f"{path.relative_to(own_toy.root)} is missing or was changed by hand: restore it with `git checkout"
        in done.stdout + done.stderr
    )
    assert own_toy.snapshot() == before


@pytest.mark.parametrize(
    "template",
    [
        "{{ nowhere }}",
        "{{ evaluations.local_nowhere.values }}",
        "{{ 1 / 0 }}",
        "{{ none | fixed }}",
        "{% if %}",
        "{{ evaluations | interval('return') }}",
        "{{ 'x' | fixed }}",
    ],
)
def test_a_template_that_cannot_be_filled_is_one_sentence_and_the_old_table_stays(tmp_path, monkeypatch, template):
    (tmp_path / "broken.md.j2").write_text(template)
    monkeypatch.setattr(tabulate, "TEMPLATES", tmp_path)
    with pytest.raises(tabulate.TableError, match="templates/broken.md.j2 cannot be filled") as caught:
        tabulate.render("broken", {"evaluations": {}})
    sentence(caught.value)


def test_an_undefined_name_in_a_template_fails_doit_and_keeps_the_old_table(own_toy):
    before = own_toy.snapshot()
    (own_toy.root / "templates/scores.md.j2").write_text("{{ evaluations.local_nowhere.values }}\n")
    done = own_toy.run("doit", "tabulate")
    assert done.returncode != 0 and "Traceback" not in done.stdout + done.stderr
    assert "error: templates/scores.md.j2 cannot be filled" in done.stdout + done.stderr
    assert own_toy.snapshot() == before


# The disk


def full_disk(size: int):
    """A limit on the size of any file the process writes: the nearest thing to a full disk that needs no privilege."""
    return lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))


@pytest.mark.parametrize(
    ("words", "undo", "size"),
    [
        (
            ("pipeline", "make", "evaluations/local_random_halfcheetah"),
            "results/evaluations/local_random_halfcheetah.json",
            500,
        ),
        (("figures.loss_dt",), "images/loss_dt.svg", 4000),
        (("pipeline", "make", "datasets/local_halfcheetah_medium"), "data/local_halfcheetah_medium.hdf5", 9000),
        (("pipeline", "make", "training/local_dt_halfcheetah"), "checkpoints/local_dt_halfcheetah/model.safetensors", 30_000),
    ],
    ids=["evidence", "image", "dataset", "checkpoint"],
)
def test_a_full_disk_is_one_sentence_and_leaves_nothing_half_written(own_toy, words, undo, size):
    forget(own_toy, undo)
    before = own_toy.snapshot()
    done = own_toy.run(*words, preexec_fn=full_disk(size))
    assert_one_sentence(done)
    assert own_toy.snapshot() == before
    assert [name for name in own_toy.leftovers() if ".part" in name] == []


@pytest.mark.parametrize("write", ["write_whole", "write_model"])
def test_a_disk_that_is_full_at_the_flush_leaves_the_old_bytes(tmp_path, monkeypatch, folder, write):
    def full(_):
        raise OSError(28, "No space left on device")

    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        if write == "write_model":
            checkpoints.write_model(
                folder, decision_transformer.build(replace(small_run(), seed=1), sound_episodes()), "Other.\n"
            )
        else:
            files.write_text(folder / "README.md", "other")
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


def test_read_only_results_are_one_sentence_and_stay_as_they_are(own_toy):
    forget(own_toy, "results/evaluations/local_random_halfcheetah.json")
    before = own_toy.snapshot()
    locked = own_toy.root / "results/evaluations"
    locked.chmod(0o555)
    try:
        done = own_toy.run("pipeline", "make", "evaluations/local_random_halfcheetah", preexec_fn=without_privilege)
    finally:
        locked.chmod(0o755)
    assert_one_sentence(done, "results/evaluations", "Permission denied")
    assert own_toy.snapshot() == before


# Time, and two at once


@pytest.mark.parametrize("seconds", [-(10**9), 10**8], ids=["past", "future"])
def test_a_clock_set_back_or_forth_makes_nothing_stale(own_toy, seconds):
    generator = np.random.default_rng(0)
    for path in own_toy.root.rglob("*"):
        moment = time.time() + seconds * generator.uniform()
        os.utime(path, (moment, moment))
    assert own_toy.make() == []


def test_two_doits_at_once_both_succeed_and_leave_the_bytes_of_one(own_toy):
    before = own_toy.snapshot()
    forget(
        own_toy,
        "results/evaluations/local_random_halfcheetah.json",
        "results/pictures/loss_dt.json",
        "_includes/tables/scores.md",
    )
    both = [own_toy.start("doit") for _ in range(2)]
    for running in both:
        out, error = running.communicate()
        assert running.returncode == 0, out + error
    assert own_toy.snapshot() == before
    assert own_toy.leftovers() == []


def test_a_second_maker_of_the_same_evidence_waits_and_then_finds_it_made(own_toy):
    forget(own_toy, "results/evaluations/local_random_halfcheetah.json")
    locked = own_toy.root / "build" / "locks" / "evaluations_local_random_halfcheetah"
    locked.parent.mkdir(parents=True, exist_ok=True)
    with locked.open("a") as held:  # by a third one, so that both come while it is being made, however short that takes
        fcntl.flock(held, fcntl.LOCK_EX)
        both = [own_toy.start("pipeline", "make", "evaluations/local_random_halfcheetah") for _ in range(2)]
        told = [running.stderr.readline() for running in both]
        assert all("is being made by another process: waiting for it" in line for line in told), told
    ends = [running.communicate() for running in both]
    assert [running.returncode for running in both] == [0, 0], ends
    assert sorted("step/s" in error for _, error in ends) == [False, True], ends

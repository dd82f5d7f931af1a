"""Minari's datasets: read from the files of its library, checked like any other, and never taken for D4RL's."""

import json
import os
import sys
from dataclasses import replace

import numpy as np
import pytest

from pipeline import PipelineError, files
from pipeline.data import episodes, minari_files
from pipeline.data.episodes import EpisodesError
from pipeline.evidence import fingerprints, records, source
from pipeline.graph import command
from pipeline.hub import client, fetch_dataset
from pipeline.study import runs
from pipeline.worlds.world import HALFCHEETAH, WORLDS
from tests import small_hub, warm

RUN = runs.MINARI[1]
STEPS = 50
SHORT = replace(HALFCHEETAH, episode_steps=STEPS)


@pytest.fixture
def house(tmp_path, monkeypatch):
    """A project that has seen no dataset, and a folder of Minari's."""
    code = source.tree(files.ROOT)
    monkeypatch.setattr(fingerprints, "tree", lambda root: code)
    monkeypatch.setattr(files, "ROOT", tmp_path)
    monkeypatch.setitem(WORLDS, "HalfCheetah", SHORT)
    monkeypatch.setattr(client, "LOCK", tmp_path / "hub.lock")
    monkeypatch.setattr(records.write, "__defaults__", (tmp_path, None))
    monkeypatch.setenv("MINARI_DATASETS_PATH", str(tmp_path / "minari"))
    client.LOCK.write_text('{"checkpoints": {}, "datasets": {}}')
    return tmp_path / "minari" / RUN.identifier


def fetch() -> episodes.Episodes:
    recipe = command.resolve(f"datasets/{RUN.identifier}")
    records.write(recipe, fetch_dataset.make(recipe).values)
    return episodes.read(files.ROOT / "data" / f"{RUN.name}.hdf5", SHORT)


def test_a_dataset_is_had_by_its_name_there_and_said_not_to_be_d4rls(house, monkeypatch, capsys):
    path = small_hub.minari(house, steps=STEPS)
    whole = fetch()
    said = capsys.readouterr()
    assert f"{RUN.identifier} is Minari's, not D4RL's: recorded in HalfCheetah-v5" in said.err
    assert "seen for the first time" in said.out
    assert whole.observations.shape == (3, STEPS, 17) and whole.actions.shape == (3, STEPS, 6)
    entry = json.loads(client.LOCK.read_text(encoding="utf-8"))["datasets"][RUN.name]
    assert entry["sha256"] == files.sha256(path) and entry["arrays_sha256"] == episodes.sha256(whole)
    known = json.loads((files.ROOT / "results" / "datasets" / f"{RUN.name}.json").read_text(encoding="utf-8"))
    assert known["run"]["environment"] == "HalfCheetah-v5" and known["values"]["transitions"] == 3 * STEPS


def test_the_state_after_an_episodes_end_is_left_out(house):
    observations = np.arange((STEPS + 1) * 17, dtype=float).reshape(STEPS + 1, 17)
    whole = minari_files.read(small_hub.minari(house, steps=STEPS, observations=observations), SHORT)
    assert np.array_equal(whole.observations[-1], observations[:-1])


def test_episodes_come_in_the_order_of_their_numbers(house):
    whole = minari_files.read(small_hub.minari(house, episodes=12, steps=3, rewards=np.full(3, 7.0)), SHORT)
    assert whole.rewards[11].tolist() == [7] * 3 + [0] * (STEPS - 3) and not (whole.rewards[:11] == 7).any()


def test_a_dataset_that_changed_is_refused_and_left_where_it_is(house, monkeypatch):
    small_hub.minari(house, steps=STEPS)
    fetch()
    other = small_hub.minari(house, steps=STEPS, seed=1)
    with pytest.raises(PipelineError, match="hub.lock records .*: it was not taken"):
        fetch()
    assert other.exists()


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"truncations": None}, "episode_2 has no array named 'truncations'"),
        (
            {"observations": np.zeros((STEPS, 17))},
            rf"episode_2: observations has shape \({STEPS}, 17\), expected \({STEPS + 1}, 17\)",
        ),
        ({"observations": np.zeros((STEPS + 1, 11))}, "episode_2: observations has shape"),
        ({"rewards": np.full(STEPS, np.nan)}, f"not finite, first at transition {2 * STEPS}"),
        ({"actions": np.full((STEPS, 6), 1.5)}, r"actions must lie in \[-1, 1\]"),
        ({"truncations": np.zeros(STEPS, bool)}, "must end at its last step"),
        ({"terminations": np.eye(1, STEPS, 20, dtype=bool)[0]}, r"marked to end at \[20, 49\]"),
    ],
)
def test_what_is_no_such_dataset_is_one_sentence_and_not_recorded(house, monkeypatch, changes, said):
    path = small_hub.minari(house, steps=STEPS, **changes)
    with pytest.raises(EpisodesError, match=said) as error:
        fetch()
    assert (
        "\n" not in str(error.value) and path.exists() and json.loads(client.LOCK.read_text(encoding="utf-8"))["datasets"] == {}
    )


@pytest.mark.parametrize("content", [b"", b"PAR1 something else"])
def test_a_file_that_is_no_hdf5_is_one_sentence(house, content):
    path = small_hub.minari(house)
    path.write_bytes(content)
    with pytest.raises(EpisodesError, match="cannot be read as HDF5"):
        minari_files.read(path, SHORT)


def test_a_download_that_broke_off_is_named_with_its_cure(house):
    path = small_hub.minari(house)
    path.write_bytes(path.read_bytes()[:2000])
    with pytest.raises(EpisodesError, match=rf"in {path.parent}: remove that folder, or .*force_download=True") as error:
        minari_files.read(path, SHORT)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("metadata", "kept"), [('{"data_format": "arrow"}', "arrow"), ("[", "something unknown"), (None, "something")]
)
def test_a_dataset_kept_in_another_format_is_named_with_its_cure(house, monkeypatch, metadata, kept):
    path = small_hub.minari(house)
    path.unlink()
    (path.parent / "metadata.json").unlink()
    if metadata:
        (path.parent / "metadata.json").write_text(metadata)
    monkeypatch.setitem(sys.modules, "minari", None)
    with pytest.raises(
        PipelineError, match=f"keeps {RUN.identifier} as {kept}.*only HDF5 is read: remove that .*force_download"
    ):
        minari_files.obtain(RUN.identifier)


def test_the_library_is_asked_for_what_is_not_here(house, monkeypatch):
    class Library:
        @staticmethod
        def download_dataset(identifier):
            assert identifier == RUN.identifier
            small_hub.minari(house, steps=STEPS)

    monkeypatch.setitem(sys.modules, "minari", Library)
    assert len(fetch()) == 3


def test_a_library_that_fails_is_one_sentence(house, monkeypatch):
    class Library:
        @staticmethod
        def download_dataset(identifier):
            raise ConnectionError("nobody\nanswers")

    monkeypatch.setitem(sys.modules, "minari", Library)
    with pytest.raises(PipelineError, match=r"cannot be had from Minari \(nobody answers\)"):
        fetch()


def test_collect_hands_over_to_the_verb_that_fetches_and_says_what_to_install(tmp_path):
    """The one word of the command line, with Minari's library hidden."""
    (tmp_path / "minari.py").write_text("raise ImportError\n")
    surroundings = {**os.environ, "MINARI_DATASETS_PATH": str(tmp_path), "PYTHONPATH": str(tmp_path)}
    done = warm.server().run(["pipeline", "make", f"datasets/{RUN.identifier}"], files.ROOT, surroundings)
    assert done.returncode == 1 and "`pip install minari` and give the same command again" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_version_or_dataset_that_this_project_does_not_know_is_named_beside_those_that_it_does():
    worlds, qualities = ("halfcheetah", "hopper", "walker2d"), ("simple", "medium", "expert")
    known = ", ".join(f"mujoco/{world}/{quality}-v0" for world in worlds for quality in qualities)
    with pytest.raises(PipelineError) as error:
        command.resolve("datasets/mujoco/halfcheetah/medium-v9")
    assert str(error.value) == f"Minari's dataset 'mujoco/halfcheetah/medium-v9' is not known here; known: {known}"


def test_names_are_asked_for_as_this_project_or_as_minari_writes_them():
    asked = ("minari-halfcheetah-medium-v0", "minari_halfcheetah_medium_v0", "mujoco/halfcheetah/medium-v0")
    assert [command.own(name) for name in asked] == ["minari_halfcheetah_medium_v0"] * 3

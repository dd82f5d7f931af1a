"""Demonstrations: they replay, they come back from disk as they were, and what is wrong with a file is said at the door."""

import dataclasses

import h5py
import numpy as np
import pytest

from pipeline import PipelineError
from pipeline.data import demonstrations
from pipeline.data.demonstrations import DemonstrationsError
from pipeline.evidence import recipes, records
from pipeline.measures import demonstrate
from pipeline.study import runs
from pipeline.worlds import levels

RUN = dataclasses.replace(runs.DEMONSTRATIONS[1], episodes=6, shard_episodes=3)


@pytest.fixture(scope="module")
def whole():
    shards = [demonstrate.solve_shard(RUN, shard, lambda: None) for shard in range(2)]
    return demonstrations.join(shards)


@pytest.fixture
def stored(whole, tmp_path):
    path = tmp_path / "data.hdf5"
    demonstrations.write(path, whole, {"name": RUN.name})
    return path


def same(one, other) -> bool:
    return one.level == other.level and all(map(np.array_equal, one.arrays, other.arrays))


@pytest.mark.parametrize("run", runs.DEMONSTRATIONS, ids=lambda run: run.name)
def test_a_demonstration_replays_to_success_at_its_goal(run):
    level = levels.find(run.level)
    shown = demonstrate.solve(levels.make(level), run.first_seed, level)
    simulator = levels.make(level)
    levels.reset(simulator, run.first_seed)
    for step, action in enumerate(shown.actions):
        assert np.array_equal(levels.observe([simulator]).images[0], shown.images[step])
        assert np.array_equal(levels.observe([simulator]).poses[0], shown.poses[step])
        _, reward, over, *_ = simulator.step(int(action))
        assert over == shown.ends[step] == (reward > 0)
    assert tuple(shown.goals[-1]) == tuple(simulator.front_pos)
    assert (shown.goals == shown.goals[0]).all() and (shown.missions == shown.missions[0]).all()


def test_an_episode_that_the_bot_does_not_solve_is_left_out(monkeypatch):
    level = levels.find(RUN.level)
    simulator, seed = levels.make(level), RUN.first_seed
    lengths = {}
    for seed in range(RUN.first_seed, RUN.first_seed + 10):
        lengths[seed] = len(demonstrate.solve(simulator, seed, level).actions)
    limit = sorted(lengths.values())[-2]
    hurried = levels.make(level)
    hurried.fixed_max_steps, hurried.max_steps = True, limit
    for seed, length in lengths.items():
        assert (demonstrate.solve(hurried, seed, level) is None) == (length > limit)


def test_evaluation_has_other_seeds_than_any_demonstration():
    shown = max(run.first_seed + (run.episodes // run.shard_episodes) * demonstrate.SHARD_SEEDS for run in runs.DEMONSTRATIONS)
    played = [seed for run in runs.SOLVINGS for seed in range(run.first_seed, run.first_seed + run.episodes)]
    first = min(run.first_seed for run in runs.DEMONSTRATIONS)
    assert not any(first <= seed < shown for seed in played)


def test_what_is_written_is_read(whole, stored):
    assert same(demonstrations.read(stored, RUN.level), whole)
    assert demonstrations.sha256(demonstrations.read(stored, RUN.level)) == demonstrations.sha256(whole)


def test_a_selection_counts_episodes(whole):
    assert len(whole) == 6 and whole.lengths.sum() == len(whole.actions)
    assert same(demonstrations.join([whole[:2], whole[2:]]), whole)
    assert len(whole[-2:]) == 2 and whole[-2:].lengths.tolist() == whole.lengths[-2:].tolist()
    assert len(whole[6:]) == 0 and len(whole[4:2]) == 0


def test_one_changed_pixel_changes_the_sha256(whole):
    images = whole.images.copy()
    images[-1, 1, 1, 0] ^= 1
    changed = dataclasses.replace(whole, images=images)
    assert demonstrations.sha256(changed) != demonstrations.sha256(whole)
    assert demonstrations.sha256(dataclasses.replace(whole, level="pickup_loc")) != demonstrations.sha256(whole)


def test_a_collection_resumes_at_its_last_shard_and_repeats(tmp_path, monkeypatch):
    first = demonstrate.collect(RUN, tmp_path / "work")
    assert sorted(path.name for path in (tmp_path / "work").iterdir()) == ["shard_000.hdf5", "shard_001.hdf5"]
    (tmp_path / "work" / "shard_001.hdf5").write_bytes(b"garbage")
    solved, original = [], demonstrate.solve_shard
    monkeypatch.setattr(demonstrate, "solve_shard", lambda run, shard, tick: solved.append(shard) or original(run, shard, tick))
    again = demonstrate.collect(RUN, tmp_path / "work")
    assert solved == [1] and same(first, again)


def test_statistics_are_those_of_the_episodes(whole):
    values = records.plain(demonstrate.statistics(whole))
    assert values["episodes"] == 6 and values["transitions"] == len(whole.actions)
    assert values["length_mean"] == round(len(whole.actions) / 6, 4)
    assert sum(values["action_shares"].values()) == pytest.approx(1, abs=1e-3)


def test_demonstrations_of_another_level_are_refused(stored):
    with pytest.raises(DemonstrationsError, match="shows the level go_to_local_s8n7, not pickup_loc"):
        demonstrations.read(stored, "pickup_loc")
    with pytest.raises(PipelineError, match="there is no level named"):
        demonstrations.read(stored, "chess")


def test_a_missing_or_truncated_file_is_refused(stored):
    with pytest.raises(DemonstrationsError, match="is missing: `make train` collects it"):
        demonstrations.read(stored.with_name("nowhere.hdf5"), RUN.level)
    stored.write_bytes(stored.read_bytes()[:1000])
    with pytest.raises(DemonstrationsError, match="cannot be read as HDF5"):
        demonstrations.read(stored, RUN.level)


@pytest.mark.parametrize(
    ("name", "change", "complaint"),
    [
        ("poses", None, "no array named 'poses'"),
        ("actions", lambda array: array[:-1], "observations has shape"),
        ("actions", lambda array: array + 6, "actions holds a number that means nothing, first at transition 0"),
        ("poses", lambda array: array - 9, "poses holds a number that means nothing"),
        ("goals", lambda array: array + 8, "goals holds a number that means nothing"),
        ("missions", lambda array: array + 30, "missions holds a number that means nothing"),
        ("observations", lambda array: array | 64, "observations holds a number that means nothing"),
        ("actions", lambda array: array.astype(float), "actions holds float64, not whole numbers"),
        ("observations", lambda array: array[:, :8, :8], "observations has shape"),
        ("terminals", np.zeros_like, "is not terminal"),
    ],
)
def test_arrays_that_mean_nothing_are_refused(stored, name, change, complaint):
    with h5py.File(stored, "r+") as file:
        array = file[name][()]
        del file[name]
        if change is not None:
            file.create_dataset(name, data=change(array))
    with pytest.raises(DemonstrationsError, match=complaint):
        demonstrations.read(stored, RUN.level)


@pytest.mark.parametrize("name", recipes.DEMONSTRATIONS)
def test_the_evidence_shows_all_episodes(name):
    values = records.read(recipes.DEMONSTRATIONS[name].path())["values"]
    assert values["level"] == recipes.DEMONSTRATIONS[name].run.level and values["episodes"] == 550

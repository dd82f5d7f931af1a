"""`--data`: every training on any dataset, collected here, D4RL's or Minari's, under a name of its own."""

import json
from dataclasses import replace

import numpy as np
import pytest

from pipeline import PipelineError, files
from pipeline.data import episodes
from pipeline.evidence import fingerprints, recipes, records, source
from pipeline.graph import command, making
from pipeline.hub import client
from pipeline.measures import evaluate
from pipeline.study import runs
from pipeline.worlds.world import HALFCHEETAH, WORLDS
from tests import small_hub

DATASETS = {"local": runs.MEDIUM.name, "d4rl": runs.D4RL_MEDIUM.name, "minari": runs.MINARI[1].name}
STEPS = 30
SMALL = {"batch_size": 2, "updates": 4, "interval_updates": 2, "held_out_episodes": 1}
TRAININGS = {
    "dt": replace(runs.DECISION_TRANSFORMER, context_length=5, hidden_size=16, layers=1, warmup_updates=1, **SMALL),
    "bc": replace(runs.BEHAVIOR_CLONING, hidden_sizes=(8,), **SMALL),
    "td3bc": replace(runs.TD3_BC, hidden_sizes=(8,), **SMALL),
    "tt": replace(runs.TRAJECTORY_TRANSFORMER, bins=10, transitions=3, layers=1, heads=2, width=8, warmup_updates=1, **SMALL),
}


@pytest.fixture
def house(tmp_path, monkeypatch):
    """A small project with a dataset of each kind: one collected, one fetched as D4RL's, one of Minari's."""
    code = source.tree(files.ROOT)
    monkeypatch.setattr(fingerprints, "tree", lambda root: code)
    monkeypatch.setattr(files, "ROOT", tmp_path)
    monkeypatch.setattr(client, "LOCK", tmp_path / "hub.lock")
    monkeypatch.setattr(records.Recipe.path, "__defaults__", (tmp_path,))
    monkeypatch.setattr(records.write, "__defaults__", (tmp_path, None))
    monkeypatch.setattr(command, "claim", lambda recipe, root: None)
    for run in TRAININGS.values():
        monkeypatch.setitem(recipes.TRAINED, run.name, recipes.recipe_of(run))
    random_numbers = recipes.recipe_of(replace(runs.D4RL_MEDIUM, known=None))
    for registry in (recipes.DATASETS, recipes.COLLECTIONS, recipes.EVIDENCE["fetch"]):
        monkeypatch.setitem(registry, random_numbers.name, random_numbers)
    monkeypatch.setenv("MINARI_DATASETS_PATH", str(tmp_path / "minari"))
    client.LOCK.write_text('{"checkpoints": {}, "datasets": {}}')
    small_hub.minari(tmp_path / "minari" / runs.MINARI[1].identifier, steps=STEPS)
    (tmp_path / "d4rl.hdf5").write_bytes(small_hub.d4rl(steps=STEPS))
    make(f"datasets/{runs.MINARI[1].identifier}", tmp_path)
    make(f"datasets/{runs.D4RL_MEDIUM.name}", tmp_path, file=tmp_path / "d4rl.hdf5")
    collected(tmp_path)
    return tmp_path


def collected(root) -> None:
    """What `collect` would leave."""
    generator = np.random.default_rng(0)
    shapes = {"observations": (3, STEPS, 17), "actions": (3, STEPS, 6), "rewards": (3, STEPS)}
    whole = episodes.Episodes(**{name: generator.uniform(-1, 1, shape).astype(np.float32) for name, shape in shapes.items()})
    episodes.write(root / "data" / f"{runs.MEDIUM.name}.hdf5", whole, {})
    records.write(
        replace(recipes.COLLECTIONS[runs.MEDIUM.name], outputs=()), {"arrays_sha256_of_dataset": episodes.sha256(whole)}
    )


def make(name: str, root, data: str | None = None, **told) -> None:
    """What `python -m pipeline make` does."""
    making.make(command.begin(command.choose(name, data=data), root), root, **told)


@pytest.mark.parametrize("kind", DATASETS)
@pytest.mark.parametrize("method", TRAININGS)
def test_every_training_learns_from_every_kind_of_dataset(house, monkeypatch, method, kind):
    name, data = TRAININGS[method].name, DATASETS[kind]
    make(f"training/{name}", house, data)
    made = json.loads((house / "results" / "training" / f"{name}_on_{data}.json").read_text(encoding="utf-8"))
    assert made["run"] == records.fields(replace(TRAININGS[method], name=f"{name}_on_{data}", data=data))
    described = f"results/datasets/{data}.json"
    assert made["made"]["inputs"] == {described: fingerprints.input_digest(described, files.ROOT)}
    assert [path.name for path in (house / "checkpoints").iterdir()] == [f"{name}_on_{data}"]


@pytest.mark.parametrize("method", ["dt", "tt"])
def test_what_was_trained_elsewhere_plays_under_a_name_of_its_own(house, monkeypatch, method):
    data, run = DATASETS["d4rl"], TRAININGS[method]
    played = next(each for each in runs.EVALUATIONS if each.checkpoint == run.name and each.trained)
    played = replace(
        played, episodes=1, shard_episodes=1, **({"beams": 1, "horizon": 1, "context": 1} if method == "tt" else {})
    )
    monkeypatch.setitem(recipes.EVALUATIONS, played.name, recipes.recipe_of(played))
    monkeypatch.setitem(WORLDS, "HalfCheetah", replace(HALFCHEETAH, episode_steps=5))
    make(f"training/{run.name}", house, data)
    load = evaluate.policies.module(played).checkpoints.load
    monkeypatch.setattr(evaluate.policies.module(played).checkpoints, "load", lambda *a, **o: load(*a, root=house, **o))
    make(f"evaluations/{played.name}", house, data)
    made = json.loads((house / "results" / "evaluations" / f"{played.name}_on_{data}.json").read_text(encoding="utf-8"))
    assert made["run"]["checkpoint"] == f"{run.name}_on_{data}" and "missing" not in made["made"]["inputs"].values()


@pytest.mark.parametrize(("name", "other"), [("d4rl-hopper-medium-v2", "d4rl"), ("mujoco/hopper/expert-v0", "minari")])
def test_what_learned_in_another_world_plays_there(house, monkeypatch, name, other):
    recipe = command.resolve(f"datasets/{name}")
    terminals = np.arange(3 * STEPS) % STEPS == STEPS - 1  # every episode ends with a fall
    sizes = {"observations": np.ones((3 * STEPS, 11), np.float32), "actions": np.zeros((3 * STEPS, 3), np.float32)}
    if other == "d4rl":
        (house / "hopper.hdf5").write_bytes(small_hub.d4rl(steps=STEPS, terminals=terminals, **sizes))
    else:
        small_hub.minari(house / "minari" / recipe.run.identifier, steps=STEPS, sizes=(11, 3))
    make(f"datasets/{name}", house, **({"file": house / "hopper.hdf5"} if other == "d4rl" else {}))
    run = TRAININGS["bc"]
    make(f"training/{run.name}", house, name)
    played = next(each for each in runs.EVALUATIONS if each.checkpoint == run.name and each.trained)
    small = recipes.recipe_of(replace(played, episodes=2, shard_episodes=2))
    monkeypatch.setitem(recipes.EVALUATIONS, played.name, small)
    load = evaluate.policies.module(played).checkpoints.load
    monkeypatch.setattr(evaluate.policies.module(played).checkpoints, "load", lambda *a, **o: load(*a, root=house, **o))
    make(f"evaluations/{played.name}", house, name)
    made = json.loads((house / "results" / "evaluations" / f"{played.name}_on_{recipe.name}.json").read_text(encoding="utf-8"))
    assert made["run"]["environment"] == "Hopper-v4" and made["run"]["checkpoint"] == f"{run.name}_on_{recipe.name}"
    assert max(made["values"]["returns"]) < 600, "it falls, and its episode is over"
    assert command.resolve(f"evaluations/{played.name}_on_{recipe.name}").run.environment == "Hopper-v4"


def test_the_suites_datasets_are_known_by_the_names_that_others_use():
    for world in ("halfcheetah", "hopper", "walker2d"):
        for quality in ("random", "medium", "medium-replay", "medium-expert", "expert"):
            run = command.resolve(f"datasets/d4rl-{world}-{quality}-v2").run
            assert run.address.endswith(f"/gym_mujoco_v2/{world}_{quality.replace('-', '_')}-v2.hdf5")
            assert run.environment.lower() == f"{world}-v2"
        for quality in ("simple", "medium", "expert"):
            run = command.resolve(f"datasets/mujoco/{world}/{quality}-v0").run
            assert (run.identifier, run.environment.lower()) == (f"mujoco/{world}/{quality}-v0", f"{world}-v5")


def test_a_dataset_that_was_not_fetched_is_named_with_the_command_that_fetches_it(house):
    (house / "data" / f"{DATASETS['d4rl']}.hdf5").unlink()
    with pytest.raises(PipelineError, match="python -m pipeline make datasets/d4rl_halfcheetah_medium_v2"):
        command.begin(command.choose(f"training/{TRAININGS['dt'].name}", data=DATASETS["d4rl"]))


@pytest.mark.parametrize(
    ("name", "kind", "said"),
    [
        ("local_dt_halfcheetah_on_moon", "training", "no dataset named 'moon'; known: local_halfcheetah_medium, "),
        ("local_random_halfcheetah_on_d4rl_halfcheetah_medium_v2", "evaluations", "does not stand on one dataset"),
        ("hub_dt_halfcheetah_6000_on_d4rl_halfcheetah_medium_v2", "evaluations", "does not stand on one dataset"),
        ("local_dt_halfcheetah_on_mujoco/halfcheetah/medium-v9", "training", "medium-v9' is not known here; known: mujoco/"),
        ("local_df_halfcheetah_on_d4rl_halfcheetah_medium_v2", "training", "did you mean training/local_dt_halfcheetah"),
    ],
)
def test_what_cannot_be_put_on_another_dataset_is_one_sentence(name, kind, said):
    with pytest.raises(PipelineError, match=said) as error:
        command.resolve(f"{kind}/{name}")
    assert "\n" not in str(error.value)


def test_no_run_of_the_post_has_a_name_that_means_another_dataset():
    assert not [name for registry in recipes.EVIDENCE.values() for name in registry if runs.ON in name]

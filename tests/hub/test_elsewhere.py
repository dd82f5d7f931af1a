"""`--data`: every training on any dataset, collected here, D4RL's or Minari's, under a name of its own."""

import json
from dataclasses import replace

import numpy as np
import pytest

from pipeline import PipelineError, files
from pipeline.data import episodes
from pipeline.evidence import fingerprints, recipes, records, source
from pipeline.graph import command
from pipeline.hub import client, fetch_dataset
from pipeline.learning import train
from pipeline.measures import evaluate
from pipeline.methods.trajectory_transformer import further
from pipeline.study import runs
from pipeline.worlds.world import HALFCHEETAH, WORLDS
from tests import small_hub

DATASETS = {"local": runs.MEDIUM.name, "d4rl": runs.D4RL_MEDIUM.name, "minari": runs.MINARI[1].name}
STEPS = 30
SMALL = {"batch_size": 2, "updates": 4, "interval_updates": 2, "held_out_episodes": 1}
TRAININGS = {
    "dt": replace(runs.DECISION_TRANSFORMER, context_length=5, hidden_size=16, layers=1, warmup_updates=1, **SMALL),
    "bc": replace(runs.BEHAVIOUR_CLONING, hidden_sizes=(8,), **SMALL),
    "td3bc": replace(runs.TD3_BC, hidden_sizes=(8,), **SMALL),
    "tt": replace(runs.TRAJECTORY_TRANSFORMER, bins=10, transitions=3, layers=1, heads=2, width=8, warmup_updates=1, **SMALL),
}
VERBS = {"dt": train, "bc": train, "td3bc": train, "tt": further}


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
    monkeypatch.setattr(recipes, "TRAININGS", recipes.named((TRAININGS["dt"], TRAININGS["bc"])))
    monkeypatch.setattr(recipes, "VALUE_TRAININGS", recipes.named((TRAININGS["td3bc"],)))
    monkeypatch.setattr(recipes, "TRAJECTORY_TRAININGS", recipes.named((TRAININGS["tt"],)))
    random_numbers = recipes.recipe_of(replace(runs.D4RL_MEDIUM, known=None))
    for registry in (recipes.DATASETS, recipes.COLLECTIONS):
        monkeypatch.setitem(registry, random_numbers.name, random_numbers)
    monkeypatch.setenv("MINARI_DATASETS_PATH", str(tmp_path / "minari"))
    client.LOCK.write_text('{"checkpoints": {}, "datasets": {}}')
    small_hub.minari(tmp_path / "minari" / runs.MINARI[1].identifier, steps=STEPS)
    (tmp_path / "d4rl.hdf5").write_bytes(small_hub.d4rl(steps=STEPS))
    call(monkeypatch, fetch_dataset, runs.MINARI[1].identifier)
    call(monkeypatch, fetch_dataset, runs.D4RL_MEDIUM.name, "--file", str(tmp_path / "d4rl.hdf5"))
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


def call(monkeypatch, verb, *words: str) -> None:
    monkeypatch.setattr("sys.argv", [verb.__name__, *words])
    verb.main()


@pytest.mark.parametrize("kind", DATASETS)
@pytest.mark.parametrize("method", TRAININGS)
def test_every_training_learns_from_every_kind_of_dataset(house, monkeypatch, method, kind):
    name, data = TRAININGS[method].name, DATASETS[kind]
    call(monkeypatch, VERBS[method], name, "--data", data)
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
    monkeypatch.setattr(recipes, "EVALUATIONS", recipes.named((played,)))
    monkeypatch.setitem(WORLDS, "HalfCheetah", replace(HALFCHEETAH, episode_steps=5))
    call(monkeypatch, VERBS[method], run.name, "--data", data)
    load = evaluate.policies.module(played.method).checkpoints.load
    monkeypatch.setattr(evaluate.policies.module(played.method).checkpoints, "load", lambda *a, **o: load(*a, root=house, **o))
    call(monkeypatch, evaluate, played.name, "--data", data, "--into", str(house))
    made = json.loads((house / "results" / "evaluations" / f"{played.name}_on_{data}.json").read_text(encoding="utf-8"))
    assert made["run"]["checkpoint"] == f"{run.name}_on_{data}" and "missing" not in made["made"]["inputs"].values()


def test_a_dataset_that_was_not_fetched_is_named_with_the_command_that_fetches_it(house):
    (house / "data" / f"{DATASETS['d4rl']}.hdf5").unlink()
    with pytest.raises(PipelineError, match="python -m pipeline make datasets/d4rl_halfcheetah_medium_v2"):
        command.find(f"{TRAININGS['dt'].name}_on_{DATASETS['d4rl']}", recipes.TRAININGS)


@pytest.mark.parametrize(
    ("name", "registry", "said"),
    [
        ("local_dt_halfcheetah_on_moon", "TRAININGS", "no dataset named 'moon'; known: local_halfcheetah_medium, "),
        ("local_random_halfcheetah_on_d4rl_halfcheetah_medium_v2", "EVALUATIONS", "does not stand on one dataset"),
        ("hub_dt_halfcheetah_6000_on_d4rl_halfcheetah_medium_v2", "EVALUATIONS", "does not stand on one dataset"),
        ("local_dt_halfcheetah_on_mujoco/halfcheetah/medium-v9", "TRAININGS", "medium-v9' is not known here; known: mujoco/"),
        ("local_df_halfcheetah_on_d4rl_halfcheetah_medium_v2", "TRAININGS", "did you mean local_dt_halfcheetah"),
    ],
)
def test_what_cannot_be_put_on_another_dataset_is_one_sentence(name, registry, said):
    with pytest.raises(PipelineError, match=said) as error:
        command.find(name, getattr(recipes, registry))
    assert "\n" not in str(error.value)


def test_no_run_of_the_post_has_a_name_that_means_another_dataset():
    assert not [name for registry in recipes.EVIDENCE.values() for name in registry if runs.ON in name]

"""What is kept is not overwritten by another dataset or a training that saw less, nor pooled with what learned elsewhere."""

import json
from dataclasses import dataclass, replace

import numpy as np
import pytest

from pipeline import PipelineError, files
from pipeline.evidence import fingerprints, recipes, records, source
from pipeline.evidence.records import Recipe
from pipeline.learning import guards, seen
from pipeline.measures import collect, compare, pool
from pipeline.study import runs
from pipeline.worlds import environments


@pytest.fixture
def house(tmp_path, monkeypatch):
    """A project that holds nothing yet."""
    code = source.tree(files.ROOT)
    monkeypatch.setattr(fingerprints, "tree", lambda root: code)
    monkeypatch.setattr(files, "ROOT", tmp_path)
    monkeypatch.setattr(Recipe.path, "__defaults__", (tmp_path,))
    monkeypatch.setattr(Recipe.work, "__defaults__", (tmp_path,))
    monkeypatch.setattr(records.write, "__defaults__", (tmp_path, None))
    return tmp_path


def record(monkeypatch, name: str, offset: float) -> None:
    """Collect a dataset of two episodes as a machine would whose every action is that far off."""
    run = replace(
        recipes.COLLECTIONS[name].run, episodes=2, shard_episodes=1, contexts=1, context_length=2, contexts_from_last=2
    )
    registry = {name: replace(recipes.recipe_of(run), outputs=())}
    monkeypatch.setattr(recipes, "COLLECTIONS", recipes.COLLECTIONS | registry)
    monkeypatch.setattr(collect.command, "find", lambda name, known: known[name])
    monkeypatch.setattr(collect.checkpoints, "load", lambda *words: None)
    monkeypatch.setattr(collect, "BehaviourPolicy", lambda model: None)
    shapes = {"observations": (1, 3, 17), "actions": (1, 3, 6), "rewards": (1, 3)}
    played = {key: np.full(shape, offset, np.float32) for key, shape in shapes.items()}
    monkeypatch.setattr(environments, "play", lambda policy, environment, seeds, tick: played)
    monkeypatch.setattr("sys.argv", ["collect", name])
    collect.main()


def snapshot(root) -> dict:
    return {path: path.read_bytes() for path in root.rglob("*") if path.is_file() and "work" not in path.parts}


def test_a_dataset_that_came_out_otherwise_overwrites_nothing_and_is_kept_under_its_own_name(house, monkeypatch):
    name = runs.MEDIUM.name
    record(monkeypatch, name, 0.1)
    record(monkeypatch, name, 0.1)
    before = snapshot(house)
    with pytest.raises(
        PipelineError, match=f"nothing was written: `python -m pipeline make datasets/{name}_here` keeps"
    ) as error:
        record(monkeypatch, name, np.nextafter(np.float32(0.1), np.float32(1)))
    assert "\n" not in str(error.value) and snapshot(house) == before
    record(monkeypatch, f"{name}_here", 0.2)
    assert snapshot(house).items() > before.items()
    assert (house / "data" / f"{name}_here.hdf5").exists()


def test_another_run_of_the_same_name_may_replace_a_dataset(house):
    recipe = replace(recipes.RECORDINGS[runs.MEDIUM.name], outputs=())
    records.write(recipe, {"arrays_sha256_of_dataset": "a" * 64})
    guards.refuse_other_dataset(recipe, "a" * 64)
    guards.refuse_other_dataset(replace(recipe, run=replace(recipe.run, episodes=2000)), "b" * 64)
    with pytest.raises(PipelineError, match="came out with sha256 bbbbbbbbbbbb… where .* describes aaaaaaaaaaaa…"):
        guards.refuse_other_dataset(recipe, "b" * 64)


def test_the_dataset_recorded_here_is_one_that_models_can_learn_from():
    name = f"{runs.MEDIUM.name}_here"
    recipe = recipes.on_dataset(recipes.TRAININGS["local_bc_halfcheetah_s0"], name)
    assert recipe.inputs == (f"results/datasets/{name}.json",)
    assert recipes.COLLECTIONS[name].outputs != recipes.COLLECTIONS[runs.MEDIUM.name].outputs
    assert name not in recipes.TRAINED


def checkpoint(root, name: str, **config) -> None:
    (root / "checkpoints" / name).mkdir(parents=True, exist_ok=True)
    (root / "checkpoints" / name / "config.json").write_text(json.dumps(config))


def test_a_training_from_nothing_is_refused_where_more_was_seen_and_going_on_is_not(house):
    recipe = recipes.TRAJECTORY_TRAININGS[runs.TRAJECTORY_TRANSFORMER.name]
    run = recipe.run
    checkpoint(house, run.name, tokens_seen=run.updates * run.batch_size * 249, block_size=249)
    seen.refuse_lesser_training(recipe)
    assert not seen.saw_more(recipe)
    checkpoint(house, run.name, tokens_seen=run.updates * run.batch_size * 249 + 1, block_size=249)
    assert seen.saw_more(recipe)
    with pytest.raises(PipelineError, match=rf"learned from 76,492,801 tokens, .* saw 76,492,800: `--from {run.name}`"):
        seen.refuse_lesser_training(recipe)
    seen.refuse_lesser_training(recipe, run.name)
    checkpoint(house, "little", tokens_seen=1, block_size=249)
    seen.refuse_lesser_training(recipe, "little")
    checkpoint(house, run.name, tokens_seen=run.updates * run.batch_size * 249 + 2, block_size=249)
    with pytest.raises(PipelineError, match="would put one in its place that saw 76,492,801"):
        seen.refuse_lesser_training(recipe, "little")


@pytest.mark.parametrize("registry", ["TRAININGS", "VALUE_TRAININGS", "LEAP_TRAININGS"])
def test_a_shorter_training_never_overwrites_a_longer_one(house, registry):
    recipe = next(iter(getattr(recipes, registry).values()))
    checkpoint(house, recipe.name, training=records.fields(recipe.run))
    seen.refuse_lesser_training(recipe)
    shorter = replace(recipe, run=replace(recipe.run, updates=recipe.run.updates - 1))
    with pytest.raises(PipelineError, match="windows, and this training would put .*: remove .* first"):
        seen.refuse_lesser_training(shorter)
    checkpoint(house, recipe.name)
    seen.refuse_lesser_training(shorter)


def test_the_committed_trajectory_transformer_is_not_trained_anew_by_doit():
    assert seen.saw_more(recipes.TRAJECTORY_TRAININGS[runs.TRAJECTORY_TRANSFORMER.name])


@dataclass(frozen=True)
class Played:
    checkpoint: str | None


@pytest.fixture
def family(house, monkeypatch):
    """Three trainings on one dataset, a fourth on another, a policy without a training; an evaluation of each."""
    trained = {name: Recipe(name, "training", "verb", Played(None), ()) for name in "abcd"}
    monkeypatch.setattr(recipes, "TRAINED", trained)
    monkeypatch.setattr(
        recipes, "EVALUATIONS", {x: Recipe(x, "evaluations", "verb", Played(x), ()) for x in ("a", "b", "c", "d", "r")}
    )
    for name, digest in {"a": "1", "b": "1", "c": "1", "d": "2"}.items():
        inputs = {"results/datasets/medium.json": digest, "checkpoints/other": name}
        files.write_json(trained[name].path(), {"run": {}, "made": {"inputs": inputs}, "values": {}})
    return house


def test_what_learned_from_different_datasets_is_neither_pooled_nor_compared(family, monkeypatch):
    guards.refuse_mixed_data(["a", "b", "c", "r"])
    with pytest.raises(PipelineError, match=r"a and d learned from datasets that differ \(1…, 2…\)"):
        guards.refuse_mixed_data(["a", "r", "d"])
    mixed = runs.Pool("mixed", ("a", "d"))
    monkeypatch.setattr(
        recipes, "POOLS", {"mixed": recipes.recipe_of(mixed), "sound": recipes.recipe_of(runs.Pool("sound", ("a", "b")))}
    )
    monkeypatch.setattr(
        recipes, "COMPARISONS", {"difference": recipes.recipe_of(runs.Difference("difference", "sound", "mixed"))}
    )
    monkeypatch.setattr(pool.command, "find", lambda name, registry, root: registry[name])
    for verb, name in ((pool, "mixed"), (compare, "difference")):
        monkeypatch.setattr("sys.argv", [verb.__name__, name])
        with pytest.raises(PipelineError, match="learned from datasets that differ"):
            verb.main()


def test_every_comparison_of_the_post_stands_on_models_that_read_one_dataset():
    for name in recipes.POOLS:
        guards.refuse_mixed_data(recipes.POOLS[name].run.members)
    for recipe in recipes.COMPARISONS.values():
        guards.refuse_mixed_data(compare.played(recipe.run))

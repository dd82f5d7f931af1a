"""One run of the matrix: what is asked for, what is kept, and that it is the training and the episodes it says."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from pipeline.data.episodes import Episodes
from pipeline.evidence import recipes, records
from pipeline.learning import loop, supervised
from pipeline.measures import evaluate, train_and_play
from pipeline.methods.perceptron.policy import DeterministicPolicy
from pipeline.statistics import summaries
from pipeline.study import suite
from pipeline.study.suite import SuiteRun
from pipeline.worlds.world import HOPPER, WORLDS

STEPS = 12
FEW = {"updates": 4, "interval_updates": 2, "batch_size": 8, "held_out_episodes": 2}
TINY = {
    "bc": replace(suite.BRIEF["bc"], hidden_sizes=(8,), **FEW),
    "bc10": replace(suite.BRIEF["bc10"], hidden_sizes=(8,), **FEW),
    "td3_bc": replace(suite.BRIEF["td3_bc"], hidden_sizes=(8,), **FEW),
    "dt": replace(suite.BRIEF["dt"], context_length=4, hidden_size=8, layers=1, warmup_updates=1, **FEW),
    "tt": replace(suite.PUBLISHED["tt"], bins=8, transitions=10, layers=1, heads=1, width=8, warmup_updates=1, **FEW),
}


@pytest.fixture
def whole(monkeypatch) -> Episodes:
    """A log of ten short episodes in a Hopper that is cut off early; the last but one earned most."""
    monkeypatch.setitem(WORLDS, "Hopper", replace(HOPPER, episode_steps=STEPS))
    torch.set_num_threads(1)
    generator = np.random.default_rng(0)
    rewards = np.repeat(np.arange(10, dtype=np.float32)[:, None], STEPS, axis=1)
    rewards[-1] = -1.0
    log = Episodes(
        observations=generator.normal(size=(10, STEPS, 11)).astype(np.float32),
        actions=generator.uniform(-1, 1, size=(10, STEPS, 3)).astype(np.float32),
        rewards=rewards,
        lengths=np.full(10, STEPS),
        terminated=np.zeros(10, dtype=bool),
    )
    monkeypatch.setattr(train_and_play, "whole_dataset", lambda run: log)
    return log


def entry(method: str, **asked) -> SuiteRun:
    (run,) = suite.entries("toy", "suite_hopper_medium", "Hopper-v4", {method: TINY[method]}, seeds=1, episodes=4, **asked)
    return run


@pytest.mark.parametrize("method", ["bc", "bc10", "td3_bc", "dt"])
def test_every_return_is_kept_and_what_follows_from_them_and_the_weights_by_their_sum(method, whole, tmp_path):
    recipe = recipes.recipe_of(entry(method))
    values = train_and_play.make(recipe, tmp_path).values
    assert values["episodes"] == len(values["returns"]) == 4 and values["seeds"] == [100, 101, 102, 103]
    assert values["score_mean"] == pytest.approx(HOPPER.normalized_score(np.mean(values["returns"])), abs=1e-4)
    assert values["updates"] == 4 and len(values["curve"]) == 2 and len(values["weights_sha256"]) == 64
    assert values["asked"] == 8.0 * STEPS, "the best return of the log"
    assert summaries.derived(recipe, values, tmp_path) == values
    again = train_and_play.make(recipe, tmp_path / "again").values
    assert again == values


def test_it_is_the_training_and_the_episodes_that_its_run_names(whole, tmp_path):
    run = entry("bc")
    training = supervised.prepare(run.training, whole)
    loop.train(run.training, training, tmp_path / "progress.safetensors")
    alone = evaluate.evaluate(run, DeterministicPolicy(training.model()), tmp_path / "alone")
    values = train_and_play.make(recipes.recipe_of(run), tmp_path).values
    assert values["returns"] == alone and values["weights_sha256"] == train_and_play.weights_sha256(training.model())
    other = train_and_play.make(recipes.recipe_of(replace(run, training=replace(run.training, seed=1))), tmp_path).values
    assert other["weights_sha256"] != values["weights_sha256"]


def test_a_decision_transformer_is_asked_for_what_the_run_says_and_a_trajectory_transformer_plans(whole, tmp_path, monkeypatch):
    told = []
    monkeypatch.setattr(evaluate, "evaluate", lambda run, policy, work: told.append(policy) or [1.0, 2.0])
    values = train_and_play.make(recipes.recipe_of(entry("dt", target_return=5.0)), tmp_path).values
    assert values["asked"] == told[0].target_return == 5.0
    train_and_play.make(recipes.recipe_of(entry("tt")), tmp_path)
    assert (told[1].search.beams, told[1].search.horizon) == (32, 5) and told[1].model.config.transition_dim == 11 + 3 + 2


def test_the_small_matrix_has_every_combination_once_and_each_log_is_what_its_name_says():
    assert len(suite.SMALL) == len({run.name for run in suite.SMALL}) == 3 * 2 * 4 * 3
    assert {run.name for run in suite.SMALL} == set(suite.MATRIX.compared())
    for run in suite.SMALL:
        log = recipes.SUITE_LOGS[run.data].run
        assert log.environment == run.environment and run.training.name == run.name
        assert ("factors" in records.fields(log)) == run.data.endswith("_throttled")
    assert len({run.first_seed for run in suite.LOGS}) == 2 and all(run.episodes == 150 for run in suite.LOGS)


def test_the_published_matrix_is_every_dataset_method_and_seed_with_the_returns_that_were_asked_for():
    runs = [recipe.run for recipe in recipes.d4rl_suite().values()]
    assert len(runs) == 3 * 5 * 5 * 5 and {run.data for run in runs} <= recipes.DATASETS.keys()
    assert {run.target_return for run in runs if "hopper" in run.name} == {3600.0}
    assert all(
        recipes.COLLECTIONS[run.data].run.environment.partition("-")[0] == run.environment.partition("-")[0] for run in runs
    )

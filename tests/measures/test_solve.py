"""Solving BabyAI's levels: shards, intervals, and policies that plan when they should and for themselves alone."""

import dataclasses
import json

import numpy as np
import pytest
import torch

from pipeline import PipelineError, files
from pipeline.evidence import fingerprints, recipes, records
from pipeline.measures import evaluate, solve
from pipeline.methods.leap.causal import CausalPolicy
from pipeline.methods.leap.cloned import GridCloning
from pipeline.methods.leap.grid_cloning import GridCloningModel
from pipeline.methods.leap.model import LeapConfig, LeapModel
from pipeline.methods.leap.policy import LeapPolicy, untrained
from pipeline.methods.random_steps.policy import RandomSteps
from pipeline.statistics import summaries
from pipeline.study import runs, studies
from pipeline.worlds import levels

torch.set_num_threads(1)  # other processes share the cores

LEVEL = "go_to_local_s7n5"
RUN = runs.Solving("local_random_toy", "random_steps", LEVEL, episodes=5, shard_episodes=2)
SMALL = {"words": len(levels.VOCABULARY) + 1, "hidden_size": 16, "heads": 2, "layers": 1, "channels": 8, "horizon": 4}


def model(**more) -> LeapModel:
    torch.manual_seed(0)
    return LeapModel(LeapConfig(**{**SMALL, **more})).eval()


def test_shards_cover_all_episodes_once_and_a_finished_one_is_not_played_again(tmp_path, monkeypatch):
    played = solve.solve(RUN, RandomSteps(), tmp_path)
    whole = levels.play(RandomSteps(), LEVEL, range(100, 105))
    assert played["success"] == whole["success"].astype(int).tolist() and played["length"] == whole["length"].tolist()
    assert sorted(path.name for path in tmp_path.iterdir()) == [f"shard_{shard:03}.json" for shard in range(3)]
    (tmp_path / "shard_001.json").unlink()
    kept = json.loads((tmp_path / "shard_000.json").read_text(encoding="utf-8"))
    (tmp_path / "shard_000.json").write_text(json.dumps({**kept, "length": [7, 7]}))
    again = solve.solve(RUN, RandomSteps(), tmp_path)
    assert again["length"] == [7, 7, *played["length"][2:]]
    assert len(solve.solve(RUN, RandomSteps(), tmp_path, shards=1)["length"]) == 2


def test_shards_part_the_episodes_of_a_run():
    run = dataclasses.replace(RUN, episodes=5, shard_episodes=2, first_seed=100)
    assert [solve.shard_seeds(run, shard) for shard in range(3)] == [[100, 101], [102, 103], [104]]


def test_a_shard_tells_success_as_one_or_zero_and_how_long_it_took(monkeypatch):
    asked = []

    def play(policy, level, seeds, tick):
        asked.append((policy, level, list(seeds)))
        return {"success": np.array([True, False]), "length": np.array([4, 49]), "reward": np.array([0.9, 0.0])}

    monkeypatch.setattr(levels, "play", play)
    assert solve.play_shard("a policy", RUN, 1, None) == {"success": [1, 0], "length": [4, 49]}
    assert asked == [("a policy", LEVEL, [102, 103])]


@pytest.mark.parametrize(
    "garbage",
    [
        "[[1]]",
        "",
        "{",
        '{"success": [1, 2], "length": [1, 1]}',
        '{"success": [1], "length": [1]}',
        '{"success": 1, "length": 1}',
    ]
    + ['{"success": [1, 1], "length": [1.5, 1]}', '{"success": [1, 1], "length": [0, 1]}', "[" * 100_000],
)
def test_a_finished_shard_that_means_nothing_is_played_again(tmp_path, garbage):
    run = dataclasses.replace(RUN, episodes=2)
    played = solve.solve(run, RandomSteps(), tmp_path)
    (tmp_path / "shard_000.json").write_text(garbage)
    assert solve.solve(run, RandomSteps(), tmp_path) == played
    assert json.loads((tmp_path / "shard_000.json").read_text(encoding="utf-8")) == played


@pytest.mark.parametrize("garbage", ["[[1]]", "[1.0]", "[1.0, NaN]", "[1.0, 1e999]", '[1.0, "2"]', "[1.0, true]", "{}", "\xff"])
def test_returns_that_mean_nothing_are_played_again(tmp_path, monkeypatch, garbage):
    run = dataclasses.replace(runs.EVALUATIONS[0], episodes=2, shard_episodes=2)
    monkeypatch.setattr(evaluate, "play_shard", lambda policy, run, shard, tick: [4.0, 5.0])
    kept = tmp_path / "shard_000.json"
    kept.write_bytes(garbage.encode("latin-1"))
    assert evaluate.evaluate(run, None, tmp_path) == [4.0, 5.0]
    kept.write_text("[6.0, 7.0]")
    assert evaluate.evaluate(run, None, tmp_path) == [6.0, 7.0]


def test_every_run_names_a_level_a_policy_and_a_checkpoint_that_will_be_trained():
    trained = {run.name for run in runs.LEAP_TRAININGS}
    every = (*runs.SOLVINGS, *studies.SOLVINGS)
    for run in every:
        assert run.level in levels.LEVELS
        assert run.checkpoint is None or run.checkpoint in trained
    assert len(recipes.SOLVINGS) == len(every)


@pytest.mark.parametrize("sampler", ["argmax", "gibbs"])
@pytest.mark.parametrize("replan", ["plan", "step"])
def test_planned_in_one_batch_or_alone_an_episode_is_the_same(sampler, replan):
    policy = LeapPolicy(model(), horizon=4, iterations=3, sampler=sampler, replan=replan)
    together = levels.play(policy, LEVEL, [3, 4, 5])
    alone = levels.play(policy, LEVEL, [4])
    assert {name: values[1] for name, values in together.items()} == {name: values[0] for name, values in alone.items()}


@pytest.mark.parametrize(("replan", "expected"), [("plan", [0, 4, 8]), ("step", list(range(10)))])
def test_a_plan_is_made_anew_when_the_last_is_used_up(monkeypatch, replan, expected):
    policy, planned = LeapPolicy(model(), horizon=4, iterations=1, replan=replan), []

    def plan(views, episodes):
        planned.append(policy.step)
        return np.tile([0, 1, 2, 3], (len(episodes), 1))

    monkeypatch.setattr(policy, "plan", plan)
    policy.reset([1, 2])
    simulators = [levels.make(LEVEL) for _ in range(2)]
    for seed, simulator in enumerate(simulators):
        levels.reset(simulator, seed)
    views, taken = levels.observe(simulators), []
    for _ in range(10):
        taken.append(policy.act(views, np.arange(2)).tolist())
    assert planned == expected
    assert taken == [[step % 4] * 2 if replan == "plan" else [0, 0] for step in range(10)]


def test_a_plan_that_cannot_be_made_is_refused_before_any_work():
    for settings, complaint in [
        ({"horizon": 5, "iterations": 1}, "a plan of 5 actions"),
        ({"horizon": 4, "iterations": 0}, "0 iterations"),
        ({"horizon": 4, "iterations": 1, "sampler": "beam"}, "no sampler named 'beam'"),
        ({"horizon": 4, "iterations": 1, "replan": "never"}, "after every plan or step, not after every 'never'"),
    ]:
        with pytest.raises(PipelineError, match=complaint):
            LeapPolicy(model(), **settings)
    with pytest.raises(PipelineError, match="causal"):
        LeapPolicy(model(causal=True), horizon=4, iterations=1)
    with pytest.raises(PipelineError, match="left to right"):
        CausalPolicy(model())


def test_an_untrained_planner_has_other_weights_and_the_same_settings():
    policy = LeapPolicy(model(), horizon=4, iterations=3, sampler="gibbs", replan="step")
    before = policy.model.head.weight.clone()
    twin = untrained(policy, seed=1)
    assert not torch.equal(twin.model.head.weight, before)
    assert (twin.horizon, twin.iterations, twin.sampler, twin.carried_out) == (4, 3, "gibbs", 1)


def test_the_causal_policy_reads_a_sliding_window_of_its_own_past(monkeypatch):
    policy, windows = CausalPolicy(model(causal=True)), []
    original = policy.newest
    monkeypatch.setattr(
        policy, "newest", lambda states, actions: windows.append((states, actions)) or original(states, actions)
    )
    played = levels.play(policy, LEVEL, [1])
    taken = [window[1][0, -1] for window in windows]
    assert {int(action) for action in taken} == {7}, "the newest action is masked"
    lengths = [window[0].shape[1] for window in windows]
    assert lengths == [min(step + 1, 4) for step in range(played["length"][0])]
    for (states, actions), (later_states, later_actions) in zip(windows[3:], windows[4:], strict=False):
        assert torch.equal(states[:, 1:], later_states[:, :-1])
        assert torch.equal(actions[:, 1:-1], later_actions[:, :-2]), "past actions stay"


@pytest.mark.parametrize("policy", [CausalPolicy(model(causal=True)), GridCloning(GridCloningModel(LeapConfig(**SMALL)))])
def test_rivals_play_the_same_alone_as_in_a_batch(policy):
    together = levels.play(policy, LEVEL, [3, 4, 5])
    alone = levels.play(policy, LEVEL, [4])
    assert {name: values[1] for name, values in together.items()} == {name: values[0] for name, values in alone.items()}


def test_a_part_of_the_episodes_is_no_whole_evidence(tmp_path, monkeypatch):
    recipe = dataclasses.replace(recipes.SOLVINGS["local_random_go_to_local_s7n5"], run=RUN)
    played = solve.solve(RUN, RandomSteps(), tmp_path / "work", shards=1)
    records.write(recipe, summaries.summarize_solved(RUN, played), tmp_path)
    assert fingerprints.stale(recipe, tmp_path) is None  # elsewhere a part is what was asked for
    monkeypatch.setattr(files, "ROOT", tmp_path)
    assert fingerprints.stale(recipe, tmp_path) == "it holds 2 of 5 episodes"

"""The door for other people's policies: from a file to a run of its own and a row in a private table."""

import json
import sys
from dataclasses import replace

import numpy as np
import pytest
from typer.testing import CliRunner

from pipeline import PipelineError, __main__, files
from pipeline.evidence import fingerprints, recipes, records
from pipeline.graph import command, own_policies, settings
from pipeline.measures import evaluate_file
from pipeline.show import ranking
from pipeline.worlds import environments
from pipeline.worlds.world import HALFCHEETAH, HOPPER, WORLDS
from tests.test_readme import text

STEPS = 6
TIMED = {"actions": 4, "warmup_actions": 1}
KNOWN_ACTIONS = """
import numpy as np

class Known:
    def reset(self, seeds): self.step = 0
    def act(self, observations, rewards):
        self.step += 1
        return np.tile(np.linspace(-1, 1, 6) * self.step / 10, (len(observations), 1))

def load(): return Known()
"""


@pytest.fixture(autouse=True)
def short(monkeypatch):
    """Episodes of few steps, nothing left in what Python remembers, and locks let go."""
    monkeypatch.setitem(WORLDS, "HalfCheetah", replace(HALFCHEETAH, episode_steps=STEPS))
    monkeypatch.setitem(WORLDS, "Hopper", replace(HOPPER, episode_steps=STEPS))
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    monkeypatch.setattr(command, "LOCKS", {})
    yield
    for file in command.LOCKS.values():
        file.close()
    sys.modules.pop("policy_of_mine", None)


@pytest.fixture
def mine(tmp_path):
    """A policy of known actions, in a folder of its own."""
    path = tmp_path / "mine" / "mine.py"
    path.parent.mkdir()
    path.write_text(KNOWN_ACTIONS)
    return path


def plain_loop(seed: int) -> float:
    """The return of the same actions in gymnasium's own loop."""
    simulator = environments.make("HalfCheetah-v4")
    simulator.reset(seed=seed)
    total = 0.0
    for step in range(1, STEPS + 1):
        total += simulator.step((np.linspace(-1, 1, 6) * step / 10).astype(np.float32))[1]
    simulator.close()
    return float(total)


def test_what_is_played_earns_what_a_plain_loop_does_and_is_written_apart_from_the_evidence(mine, tmp_path, capsys):
    into = tmp_path / "tried"
    path = own_policies.evaluate(f"{mine}:load", "halfcheetah", into, episodes=3, first_seed=40, **TIMED)
    assert path == into / "results" / "policies" / "mine_halfcheetah.json"
    content = records.read(path)
    values = content["values"]
    assert values["seeds"] == [40, 41, 42]
    assert values["returns"] == pytest.approx([plain_loop(seed) for seed in values["seeds"]], abs=1e-4)
    assert values["score_mean"] == pytest.approx(100 * (values["return_mean"] + 280.178953) / (12135 + 280.178953), abs=1e-3)
    assert values["score_low"] < values["score_mean"] < values["score_high"]
    assert values["latency"]["actions"] == 4 and 0 < values["latency"]["median_ms"] <= values["latency"]["p95_ms"]
    assert content["made"]["inputs"] == {str(mine): files.sha256(mine)}
    assert "not part of the published evidence" in content["made"]["note"]
    printed = capsys.readouterr().out
    assert "mine_halfcheetah.json" in printed and "no part of the published evidence" in printed
    assert (into / "ranking_halfcheetah_v4.md").read_text(encoding="utf-8") in printed
    assert not list((into / "work").rglob("*.json"))


def test_exchanged_weights_give_another_fingerprint(mine, tmp_path):
    weights = tmp_path / "weights.npz"
    weights.write_bytes(b"one")
    prints = set()
    for change in (lambda: None, lambda: weights.write_bytes(b"two"), lambda: mine.write_text(KNOWN_ACTIONS + "\n")):
        change()
        prints.add(records.fingerprint(own_policies.recipe_of(str(mine), "HalfCheetah-v4", [weights]), tmp_path))
    assert len(prints) == 3


def test_an_evaluation_that_was_interrupted_goes_on_where_it_was(mine, tmp_path):
    flag, begun, into = tmp_path / "flag", tmp_path / "begun", tmp_path / "tried"
    noted = f"""
        self.step = 0
        with open({str(begun)!r}, "a", encoding="utf-8") as file:
            file.write(f"{{list(seeds)}}")
        if 105 in seeds:
            Path({str(flag)!r}).stat()"""
    mine.write_text("from pathlib import Path\n" + KNOWN_ACTIONS.replace(" self.step = 0", noted))
    with pytest.raises(PipelineError, match=r"mine\.py, line 11: FileNotFoundError"):
        own_policies.evaluate(str(mine), "HalfCheetah-v4", into, episodes=6, first_seed=100, **TIMED)
    assert not (into / "results").exists()
    flag.touch()
    path = own_policies.evaluate(str(mine), "HalfCheetah-v4", into, episodes=6, first_seed=100, **TIMED)
    assert begun.read_text(encoding="utf-8") == "[100, 101, 102, 103, 104][105][105][0]"  # the last is timed
    assert records.read(path)["values"]["returns"] == pytest.approx([plain_loop(100 + i) for i in range(6)], abs=1e-4)


def test_a_file_that_is_changed_while_it_is_played_is_not_written_of(mine, tmp_path):
    recipe = own_policies.recipe_of(str(mine), "HalfCheetah-v4", episodes=1, **TIMED)
    begun = replace(recipe, begun={"inputs": {str(mine): "another"}})
    with pytest.raises(PipelineError, match=r"mine\.py was changed while it was played, so nothing was written"):
        evaluate_file.check_unchanged(begun)


def score(root, name: str) -> float:
    return records.read(root / "results" / f"{name}.json")["values"]["score_mean"]


def test_the_table_ranks_own_policies_of_a_world_among_what_the_post_measured_of_it(mine, tmp_path):
    own_policies.evaluate(str(mine), "HalfCheetah-v4", tmp_path, episodes=1, **TIMED)
    rows = ranking.rows(tmp_path, "HalfCheetah-v4")
    scores = {name: score(files.ROOT, name) for _, name, *_ in rows if "own" not in name}
    assert {"pooled/local_td3bc_halfcheetah", "evaluations/local_tt_halfcheetah_k32"} <= scores.keys()
    assert "evaluations/local_td3bc_halfcheetah_s0" not in scores
    scores["**mine_halfcheetah** (own)"] = score(tmp_path, "policies/mine_halfcheetah")
    assert [name for _, name, *_ in rows] == sorted(scores, key=lambda name: -scores[name])
    assert [place for place, *_ in rows] == [str(place) for place in range(1, len(rows) + 1)]
    assert [name for _, name, *_, time in rows if time] == ["**mine_halfcheetah** (own)"]
    assert ranking.rows(tmp_path, "Hopper-v4") == []


@pytest.mark.parametrize(
    ("told", "world", "more", "said"),
    [
        ("nowhere.py:load", "hopper", {}, r"^nowhere\.py is missing$"),
        ("x.zip", "hopper", {"reads": ["nowhere.npz"]}, r"^nowhere\.npz is missing$"),
        ("x.pkl", "hopper", {}, r"^x\.pkl is no policy that can be read: FILE\.py:load, .*; pickles are not loaded$"),
        ("x.zip:load", "hopper", {}, r"^x\.zip:load is no policy"),
        ("x.zip", "ant", {}, r"^there is no world 'ant'; known: HalfCheetah-v4, Hopper-v4, Walker2d-v4$"),
        ("x.zip", "hopper", {"target_return": 3.0}, r"^x\.zip takes no target return: of files only Python can$"),
        ("x.zip", "hopper", {"target_return": float("nan")}, "^a target return is a finite number, and not nan$"),
        ("x.zip", "hopper", {"name": "..."}, r"^'\.\.\.' has no letter or digit"),
        ("folder.py", "hopper", {}, r"^folder\.py is no file$"),
    ],
)
def test_what_cannot_be_played_is_said_before_anything_is(tmp_path, monkeypatch, told, world, more, said):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "x.zip").touch()
    (tmp_path / "folder.py").mkdir()
    with pytest.raises(PipelineError, match=said) as error:
        own_policies.evaluate(told, world, tmp_path / "tried", **more)
    assert "\n" not in str(error.value) and not (tmp_path / "tried").exists()


@pytest.mark.parametrize("into", [files.ROOT, files.ROOT / "results", files.ROOT / "results" / "evaluations"])
def test_nothing_is_written_among_the_evidence(mine, into):
    with pytest.raises(PipelineError, match="holds the published evidence, to which no other policies are added"):
        own_policies.evaluate(str(mine), "hopper", into)


def test_a_link_to_the_evidence_is_seen_through(mine, tmp_path):
    (tmp_path / "results").symlink_to(files.ROOT / "results")
    with pytest.raises(PipelineError, match="holds the published evidence"):
        own_policies.evaluate(str(mine), "hopper", tmp_path)


def test_a_result_of_another_file_is_not_overwritten(mine, tmp_path):
    recipe = own_policies.recipe_of(str(mine), "hopper")
    files.write_json(recipe.path(tmp_path), {"run": {"file": "/elsewhere/mine.py"}, "made": {}, "values": {}})
    with pytest.raises(PipelineError, match=r"mine_hopper\.json tells of /elsewhere/mine\.py: give this one another --name$"):
        own_policies.evaluate(str(mine), "hopper", tmp_path)


@pytest.mark.parametrize(
    ("told", "more", "name", "method"),
    [
        ("mine.py", {}, "mine_halfcheetah", "python_file"),
        ("mine.py:best", {"target_return": 6000.0}, "mine_best_halfcheetah_target_6000", "python_file"),
        ("SAC v2.zip", {}, "sac_v2_halfcheetah", "stable_baselines_file"),
        ("a.onnx", {"name": "My own"}, "my_own", "onnx_file"),
        ("a.pt", {}, "a_halfcheetah", "torchscript_file"),
    ],
)
def test_a_run_is_named_by_what_is_played(tmp_path, monkeypatch, told, more, name, method):
    monkeypatch.chdir(tmp_path)
    (tmp_path / told.partition(":")[0]).touch()
    recipe = own_policies.recipe_of(told, "HalfCheetah-v4", **more)
    assert (recipe.name, recipe.run.method) == (name, method)
    versions = fingerprints.depends(recipe, tmp_path)["versions"]
    assert ("onnxruntime" in versions) == (method == "onnx_file") and "mujoco" in versions


def test_what_users_bring_is_no_part_of_what_is_rebuilt():
    assert not [key for key in recipes.known() if key.startswith("policies/")]


def test_the_options_are_told_with_an_example():
    said = CliRunner().invoke(__main__.app, ["evaluate", "--help"], catch_exceptions=False).output
    assert "python -m pipeline evaluate --policy my_policy.py:load --world hopper" in " ".join(said.split())
    assert "take none from strangers" in " ".join(said.split())


def test_the_example_of_the_readme_runs_as_it_stands(tmp_path, monkeypatch, capsys):
    section = text("README.md").split("## Your own policy")[1].split("\n## ")[0]
    example = section.split("```python\n")[1].split("```")[0]
    assert len(example.splitlines()) <= 22
    monkeypatch.chdir(tmp_path)
    (tmp_path / "my_policy.py").write_text(example)
    monkeypatch.setattr(settings, "TRIED", tmp_path / "tried")
    (line,) = [each for each in section.splitlines() if "--policy my_policy.py" in each]
    words = line.split("python -m pipeline ")[1].split()
    __main__.app([*words, "--episodes", "1"], standalone_mode=False)
    (found,) = (tmp_path / "tried" / "results" / "policies").iterdir()
    assert json.loads(found.read_text(encoding="utf-8"))["values"]["episodes"] == 1
    assert "(own)" in capsys.readouterr().out
    sys.modules.pop("policy_of_my_policy")

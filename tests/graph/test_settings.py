"""`--set`: any run with fields set otherwise, apart from the evidence, under a name of its own."""

import json
from dataclasses import replace

import pytest

from pipeline import PipelineError, __main__
from pipeline.evidence import recipes
from pipeline.graph import command, settings
from pipeline.study import run
from pipeline.worlds.world import HALFCHEETAH, WORLDS

KNOWN = recipes.known()
PLAYED, TRAINED = KNOWN["evaluations/local_dt_halfcheetah_6000"], KNOWN["training/local_bc_halfcheetah_s0"]


def test_a_changed_run_has_the_fields_asked_for_a_name_of_its_own_and_all_else_as_it_was():
    changed = settings.change(PLAYED, ["target_return=3000", "first_seed=7"])
    name = "local_dt_halfcheetah_6000_with_target_return_3000_0_and_first_seed_7"
    assert changed.run == replace(PLAYED.run, name=name, target_return=3000.0, first_seed=7)
    assert (changed.kind, changed.verb, changed.inputs) == (PLAYED.kind, PLAYED.verb, PLAYED.inputs)


def test_what_another_checkpoint_decides_is_read_from_there():
    changed = settings.change(PLAYED, ["checkpoint=local_dt_halfcheetah_short_s0"])
    assert changed.inputs == run.checkpoint_files("local_dt_halfcheetah_short_s0")


def test_a_training_and_a_dataset_take_no_file_of_the_projects_own():
    for recipe in (TRAINED, KNOWN["datasets/local_halfcheetah_medium"]):
        changed = settings.change(recipe, ["seed=3"] if recipe is TRAINED else ["episodes=100"])
        assert all(settings.WITH in output for output in (*changed.outputs, str(changed.path())))


def test_names_stay_short_enough_for_a_file_and_differ_where_settings_do():
    long = [settings.change(TRAINED, [f"hidden_sizes={(256,) * 40 + (last,)}"]).name for last in (1, 2)]
    assert long[0] != long[1] and all(len(name) < 200 for name in long)


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        (int, "3", 3),
        (float, "3", 3.0),
        (float, "1e-3", 0.001),
        (int | None, "None", None),
        (float | None, "-5", -5.0),
        (str | None, "12", "12"),
        (str, "growing", "growing"),
        (bool, "False", False),
        (bool, "true", True),
        (tuple[int, ...], "(4, 5)", (4, 5)),
    ],
)
def test_values_are_read_as_the_field_wants_them(kind, text, value):
    found = settings.read("field", text, kind, 1)
    assert found == value and type(found) is type(value)


@pytest.mark.parametrize(
    ("recipe", "setting", "said"),
    [
        (PLAYED, "epsodes=3", "did you mean episodes"),
        (PLAYED, "episodes", "sets no field"),
        (PLAYED, "=3", "sets no field"),
        (PLAYED, "name=x", "sets no field"),
        (PLAYED, "episodes=0", "must be 1 or more"),
        (PLAYED, "first_seed=-1", "must be 0 or more"),
        (PLAYED, "episodes=2.5", "is a whole number, such as 10"),
        (PLAYED, "episodes=True", "is a whole number"),
        (PLAYED, "target_return=1e999", "must be finite"),
        (PLAYED, "trained=3", "is True or False"),
        (TRAINED, "hidden_sizes=(256, 0)", "must be 1 or more"),
        (TRAINED, "hidden_sizes=(256, 'x')", "hidden_sizes is"),
        (KNOWN["rollouts/local_dt_halfcheetah_6000"], "evaluation=nix", "there is no run named 'nix'"),
        (KNOWN["pooled/local_bc_halfcheetah"], "members=('x',)", "follows from what others made"),
        (KNOWN["pictures/card"], "reads=('x',)", "follows from what others made"),
        (KNOWN["evaluations/hub_dt_halfcheetah_6000"], "episodes=3", "follows from what others made"),
    ],
)
def test_what_cannot_be_set_is_said_in_one_sentence(recipe, setting, said):
    with pytest.raises(PipelineError, match=said) as error:
        settings.change(recipe, [setting])
    assert "\n" not in str(error.value)


def test_a_count_that_is_0_may_stay_so_and_another_may_not():
    assert settings.read("field", "0", int, 0) == 0
    with pytest.raises(PipelineError, match="field must be 1 or more"):
        settings.read("field", "0", int, 3)


def test_what_moved_is_told_number_by_number():
    before = {"episodes": 10, "return_mean": 4.0, "returns": [1.0], "by": {"x": {"mean": 2.0}}, "sha256": {"a": "b"}}
    after = {"episodes": 10, "return_mean": 5.5, "returns": [2.0], "by": {"x": {"mean": 1.0}}, "new": 3, "sha256": {"a": "c"}}
    assert settings.moved(before, after) == [
        "episodes: 10 (was 10)", "return_mean: 5.5 (was 4)", "by x mean: 1 (was 2)", "new: 3",
    ]  # fmt: skip


def test_a_throw_away_run_is_made_apart_from_the_evidence_and_says_what_moved(tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(WORLDS, "HalfCheetah", replace(HALFCHEETAH, episode_steps=5))
    monkeypatch.setattr(settings, "TRIED", tmp_path / "tried")
    before = {path: path.stat().st_mtime_ns for path in (PLAYED.path().parent).iterdir()}
    from pipeline.measures import evaluate

    monkeypatch.setattr(__main__, "hand_over", lambda module, words: call(monkeypatch, evaluate.main, module, words))
    monkeypatch.setattr(recipes, "EVALUATIONS", dict(recipes.EVALUATIONS))
    monkeypatch.setattr(command, "claim", lambda *_: None)
    __main__.app(
        ["make", "evaluations/random_halfcheetah", "--set", "episodes=2", "--set", "shard_episodes=2"], standalone_mode=False
    )
    name = "local_random_halfcheetah_with_episodes_2_and_shard_episodes_2"
    values = json.loads((tmp_path / "tried" / "results" / "evaluations" / f"{name}.json").read_text(encoding="utf-8"))["values"]
    assert len(values["returns"]) == 2
    printed = capsys.readouterr().out
    assert f"tried/results/evaluations/{name}.json" in printed and "episodes: 2 (was 10)" in printed
    assert before == {path: path.stat().st_mtime_ns for path in (PLAYED.path().parent).iterdir()}


def call(monkeypatch, main, module, words):
    monkeypatch.setattr("sys.argv", [module, *words])
    main()


def test_a_shell_completes_the_names_of_results():
    assert __main__.complete("evaluations/local_dt_halfcheetah_60") == ["evaluations/local_dt_halfcheetah_6000"]

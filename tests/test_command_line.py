"""`python -m pipeline`: one command line for all that can be made."""

from __future__ import annotations

import pytest
from typer.testing import CliRunner

from pipeline import PipelineError, files
from pipeline.__main__ import app, resolve
from pipeline.evidence import recipes
from tests import warm


def said(*words: str) -> str:
    """What a command prints; it must succeed."""
    done = CliRunner().invoke(app, list(words), catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.output


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("evaluations/local_dt_halfcheetah_6000", "evaluations/local_dt_halfcheetah_6000"),
        ("evaluations/dt_halfcheetah_6000", "evaluations/local_dt_halfcheetah_6000"),
        ("evaluations/dt-halfcheetah-6000", "evaluations/local_dt_halfcheetah_6000"),
        ("tt_k32_over_k1_halfcheetah", "compared/local_tt_k32_over_k1_halfcheetah"),
        ("d4rl-halfcheetah-medium-v2", "datasets/d4rl_halfcheetah_medium_v2"),
        ("mujoco/halfcheetah/medium-v0", "datasets/minari_halfcheetah_medium_v0"),
        ("datasets/mujoco/halfcheetah/medium-v0", "datasets/minari_halfcheetah_medium_v0"),
        ("training/local_dt_halfcheetah_throttled_short_s0", "training/local_dt_halfcheetah_throttled_short_s0"),
        ("pictures/dt_return_share", "pictures/dt_return_share"),
    ],
)
def test_a_result_is_found_by_any_of_its_names(name, meant):
    recipe = resolve(name)
    assert f"{recipe.kind}/{recipe.name}" == meant


def test_a_name_of_several_kinds_is_not_guessed():
    with pytest.raises(
        PipelineError, match=r"names 4 results: say which, training/\S+, attention/\S+, latency/\S+ or memory/\S+$"
    ):
        resolve("local_dt_halfcheetah")


def test_a_misspelled_name_is_told_its_nearest():
    with pytest.raises(PipelineError, match=r"there is no result 'solved/local_leap_go_to_locl'; did you mean solved/local_"):
        resolve("solved/local_leap_go_to_locl")


def test_every_recipe_can_be_named():
    for key, recipe in recipes.known().items():
        assert resolve(key) is recipe


def test_the_list_names_what_is_of_a_kind_and_nothing_else():
    lines = said("list", "--kind", "walks").splitlines()
    assert [line.partition(":")[0] for line in lines] == [f"walks/{name}" for name in recipes.WALKS]
    with pytest.raises(PipelineError, match="there is no kind 'walk'; known: attention, attention_by_training, "):
        said("list", "--kind", "walk")


def test_an_explanation_names_what_a_result_reads_and_what_stands_on_it():
    text = said("explain", "evaluations/local_dt_halfcheetah_6000")
    rows = {line[:9].strip(): line[9:] for line in text.splitlines()}
    assert rows["reads"] == "checkpoints/local_dt_halfcheetah/config.json, checkpoints/local_dt_halfcheetah/model.safetensors"
    assert "target_return = 6000.0" in rows["run"]
    assert "pipeline.policies.decision_transformer" in rows["code"].split(", ")
    assert {"compared/local_dt_halfcheetah_obedience", "pictures/dt_return_asked_got"} <= set(rows["below"].split(", "))


def test_options_are_those_of_the_verb_that_makes_the_result():
    done = warm.server().run(["pipeline", "make", "evaluations/local_random_halfcheetah", "--help"], files.ROOT)
    assert done.returncode == 0 and "--shards" in done.stdout, done.stderr


def test_an_error_is_one_sentence():
    done = warm.server().run(["pipeline", "make", "xyzzy"], files.ROOT)
    assert done.returncode == 1 and done.stderr.strip().splitlines() == ["error: there is no result 'xyzzy'; see `list`"]

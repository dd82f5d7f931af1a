"""The whole road on a toy: data, model, evidence, pictures and tables by doit, and exactly what a change makes stale."""

import json

from tests import toy as toys

EVALUATIONS = {f"evaluate:local_{name}" for name in ("random_halfcheetah", "dt_halfcheetah_6000", "tt_halfcheetah_k32")}


def test_the_road_leads_from_data_to_tables(toy):
    made = toy.snapshot()
    expected = (
        "data",
        "checkpoints/local_dt_halfcheetah",
        "results/evaluations",
        "results/attention",
        "results/rollouts",
        "images",
    )
    for folder in (*expected, "_includes/tables"):
        assert any(name.startswith(f"{folder}/") for name in made), f"nothing was made in {folder}"
    assert toy.leftovers() == []


def test_a_second_doit_runs_nothing(own_toy):
    before = own_toy.snapshot()
    assert own_toy.make() == []
    assert own_toy.make("train") == []
    assert own_toy.snapshot() == before


def test_the_same_road_gone_again_gives_the_same_bytes(own_toy):
    before = own_toy.snapshot()
    for name in ("data/local_halfcheetah_medium.hdf5", "checkpoints/local_dt_halfcheetah/model.safetensors"):
        (own_toy.root / name).unlink()
    for name in ("datasets/local_halfcheetah_medium", "training/local_dt_halfcheetah", "evaluations/local_random_halfcheetah"):
        (own_toy.root / "results" / f"{name}.json").unlink()
    own_toy.make("train")
    own_toy.make("evaluate")
    assert own_toy.snapshot() == before


def test_a_line_of_arithmetic_makes_the_evaluations_run_again_and_nothing_else_that_is_heavy(own_toy):
    own_toy.edit("pipeline/measures/evaluate.py", "returns = rewards.sum(axis=1)\n", "returns = 2 * rewards.sum(axis=1)\n")
    ran = set(own_toy.make())
    assert ran >= EVALUATIONS
    followers = {"pool:local_toy", "compare:local_toy", "figures:dt_return_asked_got", "tabulate:scores"}
    assert ran - EVALUATIONS == followers, "what reads the returns follows them"


def test_layout_comments_and_docstrings_make_nothing_run_again(own_toy):
    own_toy.edit(
        "pipeline/measures/evaluate.py",
        "returns = rewards.sum(axis=1)\n",
        "returns = rewards.sum(\n        axis=1,  # time\n    )\n",
    )
    own_toy.edit("pipeline/measures/evaluate.py", "Undiscounted returns of one shard's episodes.", "Returns.")
    assert own_toy.make() == []


def test_what_was_found_up_to_date_is_not_judged_again_until_a_byte_differs(own_toy):
    assert own_toy.make() == []
    kept = own_toy.root / "build/up_to_date.json"
    kept.write_text(json.dumps({**json.loads(kept.read_text(encoding="utf-8")), "said": ["as before"]}))
    assert "as before" in own_toy.run("doit").stdout
    own_toy.edit("pipeline/measures/evaluate.py", "returns = rewards.sum(axis=1)\n", "returns = 2 * rewards.sum(axis=1)\n")
    assert set(own_toy.make()) >= EVALUATIONS
    assert "as before" not in own_toy.run("doit").stdout


def test_a_number_edited_in_results_is_noticed_and_mended(own_toy):
    before = own_toy.snapshot()
    path = own_toy.root / "results/evaluations/local_random_halfcheetah.json"
    path.write_text(path.read_text(encoding="utf-8").replace('"score_mean": ', '"score_mean": 9'))
    assert own_toy.make() == ["evaluate:local_random_halfcheetah"]
    assert own_toy.snapshot() == before


def test_a_color_changed_in_one_figure_redraws_that_figure_alone(own_toy):
    picture = own_toy.root / "images/RL.svg"
    before = picture.read_bytes()
    own_toy.edit("figures/RL.py", "style.BLUE", "style.PINK")
    assert own_toy.make() == ["figures:RL"]
    assert picture.read_bytes() != before


def test_a_table_edited_by_hand_is_filled_again(own_toy):
    table = own_toy.root / "_includes/tables/scores.md"
    before = table.read_text(encoding="utf-8")
    table.write_text(before + "and more\n")
    assert own_toy.make() == ["tabulate:scores"]
    assert table.read_text(encoding="utf-8") == before


def test_a_missing_model_is_one_sentence(own_toy):
    (own_toy.root / "checkpoints/local_dt_halfcheetah/model.safetensors").unlink()
    done = own_toy.run("pipeline", "make", "evaluations/local_dt_halfcheetah_6000")
    toys.assert_one_sentence(done, "model.safetensors is missing", "git checkout")


def test_a_dataset_lost_is_collected_again_when_a_training_needs_it(own_toy):
    before = own_toy.snapshot()
    (own_toy.root / "data/local_halfcheetah_medium.hdf5").unlink()
    assert own_toy.make("train") == [], "nothing needs it"
    (own_toy.root / "results/training/local_dt_halfcheetah.json").unlink()
    assert own_toy.make("train") == ["train:local_halfcheetah_medium", "train:local_dt_halfcheetah"]
    assert own_toy.snapshot() == before

"""The check of a minute: what was forged with its digests is found where it can be, a sample repeats by its seed."""

import json
import random

import pytest

from benchmarks import forgeries
from pipeline import PipelineError
from pipeline.evidence import fingerprints, recipes, records
from pipeline.graph import check_evidence, judging, plan, sampling
from pipeline.graph.sampling import Piece
from pipeline.show import tabulate
from pipeline.statistics import summaries
from pipeline.study import studies

HUB = recipes.EVALUATIONS["hub_dt_halfcheetah_6000"]


def nothing() -> judging.Verdict:
    return "identical", ""


def test_everything_that_is_committed_passes_each_check_that_plays_nothing():
    assert [sentence for _, found in check_evidence.check_static() for sentence in found] == []


def test_the_seed_decides_the_sample_and_a_picture_is_always_in_it():
    def names(seed: int) -> list[str]:
        dice = random.Random(seed)
        return [piece.name for piece in sampling.sample(sampling.pieces(dice), 30.0, dice)]

    assert names(1) == names(1) != names(2)
    assert names(1)[0].startswith("pictures/") and names(2)[0].startswith("pictures/")


def test_a_sample_takes_no_longer_than_it_may():
    known = [Piece(f"pictures/{index}", seconds, nothing) for index, seconds in enumerate((5.0, 4.0, 9.0, 1.0, 7.0))]
    for seed in range(20):
        chosen = sampling.sample(known, 10.0, random.Random(seed))
        assert (
            chosen and sum(piece.seconds for piece in chosen) <= 10.0 and len({piece.name for piece in chosen}) == len(chosen)
        )


def test_every_shard_of_a_cheap_evaluation_is_a_piece():
    names = [piece.name for piece in sampling.pieces(random.Random(0))]
    for recipe in (*recipes.SOURCES["local"]["solve"].values(), *recipes.SOURCES["local"]["evaluate"].values()):
        count = -(-recipe.run.episodes // recipe.run.shard_episodes)
        if recipe.run.method in sampling.SECONDS and recipe.seconds / count <= sampling.LONGEST:
            assert {f"{recipe.kind}/{recipe.name}, shard {index + 1} of {count}" for index in range(count)} <= set(names)
    assert len(names) == len(set(names))
    five, fifty = (f"evaluations/local_dt_halfcheetah_{name}, shard 1 of 2" for name in ("6000", "throttled_q50"))
    assert five in names and fifty not in names  # which takes a minute


def test_a_shard_is_held_against_its_own_episodes(monkeypatch):
    recipe = recipes.SOLVINGS["local_random_go_to_local_s7n5"]
    assert sampling.shard(recipe, 3)[0] == "identical"
    content = records.read(recipe.path())
    content["values"]["length"][160] -= 1
    monkeypatch.setattr(records, "read", lambda path: content)
    monkeypatch.setattr(judging, "rounds_alike", lambda content: True)
    assert sampling.shard(recipe, 3)[0] == "not reproduced"
    assert sampling.shard(recipe, 2)[0] == "identical"


def test_played_evidence_that_names_no_machine_is_a_finding():
    recipe = recipes.SOLVINGS["local_leap_go_to_local_s7n5_published"]
    content = records.read(recipe.path())
    assert list(check_evidence.check_file(recipe, content)) == []
    del content["made"]["machine"]
    content["made"]["sha256"] = records.sealed(content)
    (found,) = check_evidence.check_file(recipe, content)
    assert found.startswith("results/solved/local_leap_go_to_local_s7n5_published.json names no machine")


def test_a_finding_ends_the_check_with_1_and_is_named(monkeypatch, capsys):
    pieces = [Piece("pictures/one", 1.0, lambda: (judging.BAD, "painted over"))]
    monkeypatch.setattr(check_evidence, "check_static", lambda: iter([("files", [])]))
    monkeypatch.setattr(check_evidence, "pieces", lambda dice: pieces)
    with pytest.raises(PipelineError, match="pictures/one: painted over"):
        check_evidence.main(seed=3)
    said = capsys.readouterr().out
    assert "--seed 3" in said and "wrong: pictures/one: painted over" in said


@pytest.fixture(scope="module")
def found(tmp_path_factory) -> dict[str, tuple[str, str]]:
    """What finds some forgeries that need no playing to be found, by name: `doit`, and the check of a minute."""
    cheap = (
        "five returns, +3000, beyond the first shard",
        "a comparison",
        "a published checkpoint's score, played by nobody",
        "a number in a template",
        "a published figure that is repeated",
    )
    folder = tmp_path_factory.mktemp("forgeries")
    done = forgeries.run_in_copy(["--static", *cheap], folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in done.stdout.splitlines() if line.startswith("| ")]
    found = {name: (doit, check) for name, doit, check, _ in rows[1:]}
    assert found.keys() == set(cheap)
    return found


def test_forgeries_that_need_no_playing_to_be_found_are_found_by_the_check(found):
    assert {name for name, (_, check) in found.items() if check != "always"} == set()


def test_a_result_of_a_published_checkpoint_that_nobody_played_stops_doit(found):
    assert found["a published checkpoint's score, played by nobody"][0] == "always"


def published(**made) -> dict:
    """Evidence of a published checkpoint as it should be, but for what is given."""
    inputs = {name: "1" * 64 for name in HUB.inputs}
    content = {
        "run": records.fields(HUB.run),
        "made": {"holds": [], "inputs": inputs, "sources": {"pipeline.measures.evaluate": "2" * 64}, "versions": {}, **made},
        "values": records.plain(summaries.summarize_returns(HUB.run, [4000.0, 4100.0])),
    }
    content["made"] = {"fingerprint": fingerprints.fingerprint(HUB, content["made"]), **content["made"]}
    content["made"]["sha256"] = records.sealed(content)
    return content


def test_a_published_checkpoints_result_stands_only_with_digests_of_its_own():
    assert plan.unsound(HUB, published()) is None
    assert plan.unsound(HUB, published(fingerprint="0" * 64)) == "its digests are not its own"
    assert plan.unsound(HUB, published(inputs={})) == "it does not say what it was made from"
    forged = published()
    forged["values"]["score_mean"] = 99.9
    assert plan.unsound(HUB, forged) == "its digests are not its own"
    forged["made"]["sha256"] = records.sealed(forged)
    assert "does not" in plan.unsound(HUB, forged)
    assert plan.unsound(HUB, {"run": {}, "made": {}, "values": {}}) is not None


def test_a_row_of_a_published_checkpoint_stands_without_its_origin_where_nothing_was_fetched():
    results = json.loads(json.dumps(tabulate.results()))
    results.pop("fetched", None)
    results["evaluations"][HUB.name] = published()
    assert "4050" in tabulate.render("sources", results)


def test_returns_that_are_not_their_logs_own_are_found(monkeypatch):
    assert not list(check_evidence.check_asked())
    name, targets = next(iter(studies.QUANTILES.items()))
    monkeypatch.setitem(studies.QUANTILES, name, (*targets[:4], 5000.0))
    monkeypatch.setitem(studies.BEYOND, name, 5000.0)
    said = list(check_evidence.check_asked())
    assert [each.startswith(f"studies.{kind} of {name}") for each, kind in zip(said, ("QUANTILES", "BEYOND"), strict=True)] == [
        True
    ] * 2


@pytest.mark.parametrize(
    ("card", "found"),
    [
        ("| loss | updates |\n| ---: | ---: |\n| 0.5 | 2 |\n| 0.25 | 4 |\n", False),  # columns in another order
        ("| updates |\n| ---: |\n| 4 |\n", False),  # some columns, and the last point alone
        ("| updates | loss |\n| ---: | ---: |\n| 2 | 0.5 |\n", True),  # it ends before the last
        ("| updates | loss |\n| ---: | ---: |\n| 2 | 0.5 |\n| 3 | 0.75 |\n", True),
        ("| updates | loss |\n| ---: | ---: |\n| 2 | 0.5 |\n| 3 | 0.75 |\n| 4 | 0.25 |\n", False),
        ("| updates | loss |\n| ---: | ---: |\n| 4 | 0.25 |\n| 3 | 0.75 |\n", True),
        ("| updates | loss |\n| ---: | ---: |\n| 2 | 0.4 |\n| 4 | 0.25 |\n", True),
        ("No curve.\n", True),
    ],
)
def test_a_card_shows_points_of_its_learning_curve_the_last_among_them(card, found, tmp_path, monkeypatch):
    recipe = next(iter(recipes.TRAININGS.values()))
    monkeypatch.setattr(check_evidence.files, "ROOT", tmp_path)
    folder = tmp_path / "checkpoints" / recipe.name
    folder.mkdir(parents=True)
    (folder / "README.md").write_text(card)
    monkeypatch.setattr(check_evidence, "place", str)
    values = {"curve": [{"updates": 2, "loss": 0.5}, {"updates": 3, "loss": 0.75}, {"updates": 4, "loss": 0.25}]}
    assert bool(list(check_evidence.check_card(recipe, values))) == found

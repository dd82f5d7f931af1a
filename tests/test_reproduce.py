"""Verdicts on reproduced results: each of them can be reached, and a changed result cannot pass."""

import dataclasses
import json

import pytest

from pipeline import files, fingerprints, recipes, reproduce

RETURNS = [4700.0, 4750.0, 4800.0, 4650.0, 4725.0, 4775.0, 4690.0, 4810.0, 4740.0, 4760.0]
PUBLISHED = {"seeds": list(range(100, 110)), "returns": RETURNS}


def again(returns):
    return {"seeds": list(range(100, 100 + len(returns))), "returns": returns, "return_mean": sum(returns) / len(returns)}


def test_the_same_returns_are_identical():
    assert reproduce.judge_returns(PUBLISHED, again(RETURNS[:5]))[0] == "identical"


def test_returns_of_the_same_distribution_are_compatible():
    assert reproduce.judge_returns(PUBLISHED, again([value + 20 for value in RETURNS[:5]]))[0] == "statistically compatible"


def test_other_returns_are_not_reproduced():
    assert reproduce.judge_returns(PUBLISHED, again([value - 400 for value in RETURNS[:5]]))[0] == "not reproduced"


def test_a_result_that_cannot_be_made_again_says_why():
    recipe = dataclasses.replace(recipes.EVALUATIONS["local_random_halfcheetah"], verb="pipeline.nothing")
    with pytest.raises(Exception, match="could not be made again: .*No module named pipeline.nothing"):
        reproduce.again(recipe, every_shard=False)


def test_a_short_evaluation_reproduces_its_published_returns(tmp_path, monkeypatch):
    monkeypatch.setattr(reproduce, "INTO", tmp_path)
    recipe = recipes.EVALUATIONS["local_random_halfcheetah"]
    assert reproduce.again(recipe, every_shard=False) > 0
    verdict, detail = reproduce.judge(recipe)
    assert verdict in ("identical", "statistically compatible"), detail
    path = recipe.path(tmp_path)
    content = json.loads(path.read_text(encoding="utf-8"))
    content["values"]["returns"] = [value + 5000 for value in content["values"]["returns"]]
    path.write_text(json.dumps(content))
    assert reproduce.judge(recipe)[0] == "not reproduced"
    assert fingerprints.stale(recipe, files.ROOT) is None, "what is published is left alone"


@pytest.mark.parametrize(
    ("low", "high", "verdict"), [(1.0, 3.0, "identical"), (2.5, 4.0, "statistically compatible"), (3.1, 4.0, "not reproduced")]
)
def test_intervals_that_overlap_are_compatible_wherever_they_lie_in_the_tree(low, high, verdict):
    published = {"plans": 2, "steps": [{"mean": 2.0, "low": 1.0, "high": 3.0}, {"mean": 0.0, "low": 0.0, "high": 0.0}]}
    again = {
        "plans": 2,
        "steps": [{"mean": (low + high) / 2, "low": low, "high": high}, {"mean": 0.0, "low": 0.0, "high": 0.0}],
    }
    found, detail = reproduce.judge_intervals(published, again)
    assert found == verdict and (verdict == "identical" or "steps 0" in detail)

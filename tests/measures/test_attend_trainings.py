"""Attention by training: means of each, intervals over all."""

import pytest

from pipeline.measures import attend_trainings
from pipeline.study import studies


def interval(mean):
    return {"mean": mean, "low": mean - 1, "high": mean + 1}


def test_intervals_over_contexts_become_intervals_over_trainings_wherever_they_stand():
    found = [{"a": [[interval(mean)], interval(10 * mean)], "b": {"c": mean / 2}} for mean in (1.0, 2.0, 3.0)]
    result = attend_trainings.over_trainings(found)
    half = 4.30265 / 3**0.5  # two degrees of freedom; the standard deviation of 1, 2, 3 is 1
    assert result["a"][0][0] == pytest.approx({"mean": 2.0, "low": 2 - half, "high": 2 + half}, abs=1e-4)
    assert result["a"][1] == pytest.approx({"mean": 20.0, "low": 20 - 10 * half, "high": 20 + 10 * half}, abs=1e-3)
    assert result["b"]["c"]["mean"] == 1.0
    assert attend_trainings.means(found[2]) == {"a": [[3.0], 30.0], "b": {"c": 1.5}}


def test_the_evidence_keeps_each_trainings_means_beside_the_intervals_over_all():
    run = studies.AttentionByTraining("toy", "decision_transformer", ("one", "two"))
    found = [
        {
            "contexts": 64, "uniform": {"return": 0.36}, "lag_profile": [1],
            "shares": {"return": [[interval(share)]]}, "shares_untrained": {"return": [[interval(0.3)]]},
            "action_change": {"x": interval(share)}, "action_change_untrained": {"x": interval(0.0)},
        }
        for share in (0.2, 0.6)
    ]  # fmt: skip
    values = attend_trainings.summarize(run, found)
    assert (values["trainings"], values["contexts"], values["uniform"]) == (2, 64, {"return": 0.36})
    assert values["shares"]["return"][0][0]["mean"] == pytest.approx(0.4)
    assert values["shares_untrained"]["return"][0][0] == {"mean": 0.3, "low": 0.3, "high": 0.3}
    assert [each["shares"]["return"] for each in values["by_training"]] == [[[0.2]], [[0.6]]]
    assert "lag_profile" not in values

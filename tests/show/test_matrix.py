"""The matrix as a table: by hand, with runs that are missing, and published scores beside."""

from __future__ import annotations

import pytest

from pipeline.evidence import recipes
from pipeline.show import matrix, matrix_claims
from pipeline.study import suite

SCORES = {"hopper_medium_bc_s0": 10.0, "hopper_medium_bc_s2": 13.0, "d4rl_hopper_medium_dt_s1": -0.25}


@pytest.fixture(autouse=True)
def those(monkeypatch):
    """Let three runs be there."""
    monkeypatch.setattr(matrix, "scored", lambda runs: [SCORES[run.name] for run in runs if run.name in SCORES])


def test_a_log_has_a_row_a_method_a_column_and_a_cell_its_trainings_as_far_as_they_are_there():
    entries = [run for run in suite.SMALL if run.data.startswith("suite_hopper") and run.method in ("bc", "dt")]
    assert matrix.lines(entries, {}) == [
        ["log", "bc", "dt"],
        ["suite_hopper_medium", "11.5 (10.0 to 13.0, 2)", "–"],
        ["suite_hopper_throttled", "–", "–"],
    ]


def test_what_was_published_stands_in_brackets_beside():
    entries = [run for run in suite.d4rl() if run.data == "d4rl_hopper_medium_v2" and run.method in ("dt", "tt")]
    published = {"hopper_medium": {"dt": 65.1}}
    assert matrix.lines(entries, published)[1] == ["d4rl_hopper_medium_v2", "−0.3 (−0.3 to −0.3, 1) [65.1]", "–"]


def test_every_published_score_belongs_to_a_log_and_a_method_of_the_matrix():
    published = matrix.results()["published"]["d4rl_gym"]
    runs = suite.d4rl()
    assert {f"d4rl_{log}_v2" for log in published["scores"]} <= {run.data for run in runs}
    assert published["source"].keys() == {run.method for run in runs}
    assert all(scores.keys() == published["source"].keys() for scores in published["scores"].values())


def test_the_table_is_one_of_markdown_whose_columns_stand_below_one_another():
    first, rule, *rows = matrix.table(recipes.d4rl_suite()).splitlines()
    assert len(rows) == 15 and {len(line) for line in (first, rule, *rows)} == {len(first)} and rule.startswith("| :--")


@pytest.mark.parametrize(
    ("asked", "kept", "verdict", "control"),
    [
        ((5.0, 1.0, 9.0), (4.0, 1.0, 7.0), "holds", "holds"),
        ((5.0, 1.0, 9.0), (4.0, -1.0, 9.0), "not decided", "not decided"),
        ((5.0, 1.0, 9.0), (1.9, 1.0, 3.0), "not decided", "not decided"),  # it is not above the margin
        ((0.0, -1.0, 1.0), (4.0, 1.0, 7.0), "does not hold", "holds"),
        ((-5.0, -9.0, -1.0), (4.0, 1.0, 7.0), "does not hold", "holds"),
        ((3.0, -1.0, 7.0), (4.0, 1.0, 7.0), "not decided", "holds"),
        ((3.0, -1.0, 7.0), (0.0, -1.0, 1.0), "not decided", "does not hold"),
    ],
)
def test_that_asking_pays_is_decided_where_keeping_the_best_tenth_does(asked, kept, verdict, control):
    def gain(ends: tuple[float, float, float]) -> dict:
        return dict(zip(("mean", "low", "high"), ends, strict=True))

    results = {"matrix": {"suite": {"values": {"gains": {"throttled": {"dt": gain(asked), "bc10": gain(kept)}}}}}}
    asking, keeping = matrix_claims.MATRICES
    values = asking.read(results)
    assert [value.n for value in values.values()] == [9, 9]
    assert asking.judge(values, asking.margin) == verdict
    assert keeping.judge(keeping.read(results), keeping.margin) == control

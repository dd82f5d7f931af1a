"""Tables: numbers as the page writes them, and no table that differs from the results."""

import json
import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline import files
from pipeline.evidence import records
from pipeline.show import tabulate
from pipeline.show.tabulate import TableError, fixed
from pipeline.study import runs

# tests/page has Ruby meet them
CASES = json.loads(
    (files.ROOT / "tests" / "golden" / "fixed.json").read_text(encoding="utf-8")
)  # tests/page has Ruby meet them


@pytest.mark.parametrize(("number", "decimals", "text"), CASES)
def test_numbers_are_written_as_the_page_writes_them(number, decimals, text):
    assert fixed(number, decimals) == text


def test_a_number_has_no_decimals_unless_told_and_intervals_and_shares_have_one():
    values = {"mean": 0.4256, "low": -0.0004, "high": 1.0, "score_mean": 42.06, "score_low": -1.0, "score_high": 12000.0}
    assert fixed(2.6) == "3"
    assert tabulate.interval(values) == "0.4 (0.0 to 1.0)" and tabulate.interval(values, decimals=3) == "0.426 (0.000 to 1.000)"
    assert tabulate.interval(values, "score") == "42.1 (\u22121.0 to 12\u202f000.0)"
    assert tabulate.interval(values, "score", 0) == "42 (\u22121 to 12\u202f000)"
    assert tabulate.share(values) == "42.6% (0.0 to 100.0)" and tabulate.share(values, 2) == "42.56% (\u22120.04 to 100.00)"


def test_a_share_is_multiplied_as_the_decimal_that_it_is_written_as():
    assert 100 * 0.5495 < 54.95  # in binary
    assert tabulate.percent(0.5495) == "55.0" and tabulate.percent(0.94, 0) == "94"


@pytest.mark.parametrize("value", [None, "1.0", float("nan"), float("inf"), True, [1.0]])
def test_what_is_not_a_finite_number_is_refused(value):
    with pytest.raises(TableError) as refused:
        fixed(value)
    assert str(refused.value) == f"fixed needs a finite number, not {value!r}"


@given(st.floats(-1e9, 1e9), st.integers(0, 4))
def test_a_written_number_reads_back(number, decimals):
    text = fixed(number, decimals).replace("\u202f", "").replace("\u2212", "-")
    assert float(text) == pytest.approx(number, abs=0.5 * 10**-decimals + 1e-6)


def test_every_table_says_what_the_results_say():
    assert [name for name in tabulate.NAMES if not tabulate.current(name)] == []


def test_every_row_has_as_many_cells_as_its_heading():
    blocks = [block for name in tabulate.NAMES for block in tabulate.render(name, tabulate.results()).strip().split("\n\n")]
    tables = [[line.count("|") for line in block.splitlines() if line.startswith("|")] for block in blocks]
    assert [block for block, cells in zip(blocks, tables, strict=True) if len(set(cells)) > 1] == []
    assert any(tables)


def test_a_template_that_names_what_is_not_there_fails_in_one_sentence(tmp_path, monkeypatch):
    (tmp_path / "lie.md.j2").write_text("{{ evaluations.nobody.mean }}")
    monkeypatch.setattr(tabulate, "TEMPLATES", tmp_path)
    with pytest.raises(TableError, match=r"templates/lie\.md\.j2 cannot be filled: .*nobody"):
        tabulate.render("lie", {"evaluations": {}})


def test_an_unknown_table_is_named():
    with pytest.raises(TableError, match="no table named 'nothing'"):
        tabulate.render("nothing", {})


def measured_from_the_hub() -> dict:
    """The results as if every published checkpoint had played exactly as ours did."""
    tree = {kind: dict(contents) for kind, contents in tabulate.results().items()}
    for run in runs.HUB_EVALUATIONS:
        tree["evaluations"][run.name] = tree["evaluations"][runs.untwin(run.name)]
    for run in runs.HUB_COMPARISONS:
        tree["compared"][run.name] = tree["compared"]["local_tt_k32_over_dt_halfcheetah"]
    tree["fetched"] = {
        run.name: {
            "run": records.fields(run),
            "made": {"inputs": {}, "versions": {}},
            "values": {"repository": run.repository, "commit": f"{digit}" * 40, "trained_on": run.trained_on},
        }
        for digit, run in enumerate(runs.PUBLISHED_CHECKPOINTS)
    }
    return tree


def test_published_checkpoints_have_a_row_for_every_run_beside_ours_and_say_where_they_come_from():
    text = tabulate.render("sources", measured_from_the_hub())
    rows = [line.strip("|").split("|") for line in text.splitlines() if line.startswith("| ")][1:]
    assert len(rows) == len(runs.HUB_EVALUATIONS)
    for run, (label, *cells) in zip(runs.HUB_EVALUATIONS, rows, strict=True):
        assert cells[:3] == cells[3:], "what played as ours did has the same cells"
        assert (f"{run.target_return:.0f}" if run.target_return else "Trajectory") in label.replace("\u202f", "")
    for digit, run in enumerate(runs.PUBLISHED_CHECKPOINTS):
        assert f"- `{run.repository}`, commit `{str(digit) * 12}`: trained by others on D4RL's halfcheetah-medium-v2" in text
    assert text.count(" minus `local_") == 2


def test_what_was_not_measured_has_no_row():
    tree = measured_from_the_hub()
    tree["evaluations"] = {name: content for name, content in tree["evaluations"].items() if not name.startswith("hub_tt")}
    assert "Trajectory" not in tabulate.render("sources", tree)
    ours = {name: content for name, content in tree["evaluations"].items() if not name.startswith("hub_")}
    assert tabulate.render("sources", {**tree, "evaluations": ours}).strip() == ""


def test_a_pipe_among_results_is_refused_and_not_waited_for(tmp_path):
    (tmp_path / "results").mkdir()
    os.mkfifo(tmp_path / "results" / "pipe.json")
    with pytest.raises(tabulate.TableError, match=r"pipe.json cannot be read \(it is no file\)"):
        tabulate.results.__wrapped__(tmp_path)
    with pytest.raises(records.EvidenceError, match=r"pipe.json cannot be read \(it is no file\)"):
        records.read(tmp_path / "results" / "pipe.json")


@pytest.mark.parametrize(
    ("evil", "shown"),
    [
        ("<meta http-equiv=refresh>", "&#60;meta http-equiv=refresh&#62;"),
        ("{{ site.source }}{% include x %}", "&#123;&#123; site.source &#125;&#125;&#123;% include x %&#125;"),
        ("a | b\n\n# c & d", "a &#124; b  # c &#38; d"),
        ("11th Gen Intel(R) Core(TM) i7's", "11th Gen Intel(R) Core(TM) i7's"),
    ],
)
def test_of_a_string_of_evidence_nothing_acts_on_the_page(monkeypatch, tmp_path, evil, shown):
    (tmp_path / "evil.md.j2").write_text("{% macro cell(x) %}<br>{{ x }}{% endmacro %}| {{ cell(word) }} | {{ word }} |\n")
    monkeypatch.setattr(tabulate, "TEMPLATES", tmp_path)
    monkeypatch.setattr(tabulate.provenance, "rows", lambda data: [])
    monkeypatch.setattr(tabulate.provenance, "renewed", lambda data: {})
    assert tabulate.render("evil", {"word": evil}) == f"| <br>{shown} | {shown} |\n"

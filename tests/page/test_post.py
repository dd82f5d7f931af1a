"""The post's source: it shows every image, table and result the graph makes, and nothing else; no measured number is typed."""

import re

import pytest

from pipeline import files
from pipeline.evidence import recipes
from pipeline.show import claims, predicates, tabulate
from pipeline.study import runs, studies

TEXT = (files.ROOT / "index.md").read_text(encoding="utf-8")
APPENDIX = (files.ROOT / "appendix.md").read_text(encoding="utf-8")


def used_paths() -> list[str]:
    """What every number of the prose names."""
    return sorted(set(re.findall(r"{% number ([\w.]+)", TEXT + APPENDIX)))


def test_every_picture_the_graph_makes_is_shown_and_no_other():
    shown = set(re.findall(r'{% include (?:figure|animation|wheel)\.html name="(\w+)"', TEXT + APPENDIX))
    shown |= set(re.findall(r"^  path: /images/(\w+)\.png$", TEXT, re.MULTILINE))  # where the page is shared
    assert shown == recipes.PICTURES.keys()


def test_no_picture_comes_in_by_another_door():
    assert "<img" not in TEXT + APPENDIX and not re.search(r"!\[", TEXT + APPENDIX)


def test_every_table_the_graph_fills_is_shown_and_no_other():
    assert set(re.findall(r"{% include tables/(\w+)\.md %}", TEXT + APPENDIX)) == set(tabulate.NAMES)


def test_no_number_of_the_evidence_is_written_by_hand():
    assert len(used_paths()) > 60
    assert not re.search(r"{%-? assign |\| fixed|_low\b|_high\b|\.low\b|\.high\b", TEXT + APPENDIX), (
        "numbers stand alone; drawers have intervals"
    )


def test_every_evaluation_has_its_row_in_the_score_table():
    table = tabulate.target("scores").read_text(encoding="utf-8")
    told = {name for run in studies.COMPARISONS for name in vars(run).values()}
    told |= {name for run in studies.COMPARISONS for name in getattr(run, "evaluations", ())}
    assert told.issuperset(run.name for run in studies.EVALUATIONS)
    for recipe in map(recipes.EVALUATIONS.get, (run.name for run in runs.EVALUATIONS)):
        values = tabulate.results()["evaluations"][recipe.name]["values"]
        pooled = re.sub(r"_s\d+$", "", recipe.name)
        if pooled == recipe.name:
            assert tabulate.interval(values, "return", 0) in table, recipe.name


@pytest.mark.parametrize("text", [TEXT, APPENDIX], ids=["post", "appendix"])
def test_no_decimal_number_is_typed_into_the_prose(text):
    body = text.split("## References")[0].split("---", 2)[2]
    for pattern in (r"{%.*?%}", r"{{.*?}}", r"<!--.*?-->", r"\$\$.*?\$\$", r"\$[^$]*\$", r"`[^`]*`", r"https?://\S+"):
        body = re.sub(pattern, " ", body, flags=re.DOTALL)
    allowed = {"5.0"}  # the version of transformers that dropped a class
    assert set(re.findall(r"\d+\.\d+", body)) <= allowed


@pytest.mark.parametrize("text", [TEXT, APPENDIX], ids=["post", "appendix"])
def test_the_whole_numbers_typed_into_the_prose_are_settings_years_and_small_ones(text):
    body = text.split("## References")[0].split("---", 2)[2]
    for pattern in (
        r"{%.*?%}",
        r"{{.*?}}",
        r"<!--.*?-->",
        r"```.*?```",
        r"\$\$.*?\$\$",
        r"\$[^$]*\$",
        r"`[^`]*`",
        r"https?://\S+",
    ):
        body = re.sub(pattern, " ", body, flags=re.DOTALL)
    found = {int(number.replace("\u202f", "")) for number in re.findall(r"\d[\d\u202f]*", body)}
    targets = {int(recipe.run.target_return) for recipe in recipes.EVALUATIONS.values() if recipe.run.target_return}
    settings = {
        *studies.PERCENTILES,  # of a log's returns
        95,  # percent, of all intervals, and the percentile of latencies
        100,  # an expert's score
        20, 50,  # actions a second, and the milliseconds that leaves for one
        30,  # iterations
        250,  # within which returns were meant to come near D4RL's
        68,  # pairs of episodes that tell half a point of score apart (docs/predicates.md)
        *studies.SWAPPED_RETURNS[0].steps,
    }  # fmt: skip
    assert {number for number in found if number > 10} <= targets | settings | set(range(2015, 2027))


CLAIMED = re.findall(r"{% claim ([\w-]+) ([a-z ]+?) %}", TEXT + APPENDIX)


def test_the_post_states_the_verdict_on_every_claim():
    assert {name for name, _ in CLAIMED} == {claim.id for claim in claims.CLAIMS}


def test_a_verdict_that_the_post_states_is_the_one_that_the_evidence_gives():
    found = claims.findings(tabulate.results())
    assert [(name, said, found[name]["verdict"]) for name, said in CLAIMED if said != found[name]["verdict"]] == []


def test_nothing_is_left_to_settle():
    assert not re.search(r"VERDICT|TODO|FIXME|XXX", TEXT + APPENDIX)


def test_each_heading_of_the_post_stands_once_and_in_order():
    headings = re.findall(r"^## (.+)$", TEXT, re.MULTILINE)
    expected = [
        "What is reinforcement learning",
        "What is offline reinforcement learning",
        "Transformers enter the chat: why sequence modeling for reinforcement learning",
        "Decision Transformer",
        "Trajectory Transformer",
        "Iterative Energy Minimization",
        "Models and data sets",
        "Insights",
        "Novel Insights",
        "Limitations",
        "Conclusion",
        "References",
        "How to reproduce this page",
        "Cite this",
    ]
    assert headings == expected


WORDS = ("no", "one", "two", "three", "four", "five", "six")
COUNTED = re.findall(r"{% claim ([\w-]+) [\w ]+ %}([^{]*? in (\w+) levels? of six)", TEXT)


@pytest.mark.parametrize(("claim", "sentence", "word"), COUNTED)
def test_a_sentence_says_in_how_many_levels_its_claim_holds(claim, sentence, word):
    (found,) = [each for each in claims.CLAIMS if each.id == claim]
    values = found.read(tabulate.results())
    assert len(values) == 6
    assert WORDS.index(word) == sum(predicates.above(value, found.margin) == predicates.HOLDS for value in values.values()), (
        sentence
    )


def test_levels_are_counted_somewhere():
    assert len(COUNTED) == 3


def test_budgets_are_the_parts_of_the_published_ones_that_the_post_says():
    trained, published = tabulate.results()["training"], tabulate.results()["published"]
    recipe = published["trajectory_transformer"]
    tokens = recipe["updates"] * recipe["batch_size"] * recipe["sequence_tokens"]
    assert "about a fiftieth of the published training tokens" in TEXT
    assert tokens / trained["local_tt_halfcheetah"]["values"]["tokens_seen"] == pytest.approx(50, rel=0.1)
    assert "a tenth of the published updates" in TEXT
    assert published["decision_transformer"]["updates"] == 10 * trained["local_dt_halfcheetah"]["values"]["updates"]


def test_whoever_is_cited_is_listed_and_the_other_way_round():
    prose, listed = TEXT.split("## References")
    entries = set(re.findall(r"^- ([A-Z][A-Za-z-]+), .*?\(((?:19|20)\d\d[ab]?)\)", listed, re.MULTILINE))
    cited = set(re.findall(r"([A-Z][A-Za-z-]+)(?: et al\.| and [A-Z][a-z]+)?,? \(?((?:19|20)\d\d[ab]?)\b", prose + APPENDIX))
    assert cited == entries - {("Sutton", "2018")}  # and Barto, whose triad needs no year

"""What README.md and CONTRIBUTING.md claim, as far as a command can tell: names, places, commands, numbers of the evidence."""

import json
import re
import subprocess
import tomllib
from pathlib import Path

import pytest
import yaml

import locks
from pipeline import files
from pipeline.__main__ import app
from pipeline.graph.command import resolve
from tests.test_rooms import ROOMS

DOCUMENTS = ("README.md", "CONTRIBUTING.md")
ELSEWHERE = {"results/attested.json"}  # which is written when a verdict is recorded


def text(name: str) -> str:
    return (files.ROOT / name).read_text(encoding="utf-8")


def code(name: str) -> list[str]:
    """What stands in backticks, and every line of a block of code."""
    blocks = re.findall(r"^```\w*\n(.*?)^```", text(name), re.MULTILINE | re.DOTALL)
    inline = re.findall(r"`([^`\n]+)`", re.sub(r"^```.*?^```", "", text(name), flags=re.MULTILINE | re.DOTALL))
    return [*inline, *(line for block in blocks for line in block.splitlines())]


def anchors(document: str) -> set[str]:
    """The addresses of a document's headings, as GitHub makes them."""
    titles = re.findall(r"^#+ (.+)$", document, re.MULTILINE)
    return {re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("name", DOCUMENTS)
def test_every_link_leads_to_a_file_and_a_heading(name):
    links = re.findall(r"\]\(([^)]+)\)", text(name))
    assert links
    for link in links:
        path, _, anchor = link.partition("#")
        target = files.ROOT / (path or name)
        assert link.startswith("https://") or target.exists(), link
        assert not anchor or anchor in anchors(target.read_text(encoding="utf-8")), link


@pytest.mark.parametrize("name", DOCUMENTS)
def test_every_place_that_is_named_is_there(name):
    tracked = subprocess.run(["git", "ls-files"], cwd=files.ROOT, capture_output=True, text=True, check=True).stdout.split()
    known = {*tracked, *(str(parent) for path in tracked for parent in Path(path).parents)}
    tops = {path.partition("/")[0] for path in tracked}
    words = [word for each in code(name) for word in re.findall(r"[\w./*<>-]+", each)]
    places = [word for word in words if word in known or ("/" in word and word.partition("/")[0] in tops)]
    assert len(places) > 5
    for place in set(places) - ELSEWHERE:
        pattern = re.sub(r"\\\*|<\w+>|[A-Z]+_", "[^/]+", re.escape(place.rstrip("/")))
        assert any(re.fullmatch(rf"{pattern}(\.\w+)?", path) for path in known), place


@pytest.mark.parametrize("name", DOCUMENTS)
def test_every_command_that_is_named_exists(name):
    targets = set(re.findall(r"^([a-z-]+):(?!=)", text("Makefile"), re.MULTILINE))
    tasks = {*re.findall(r"^def task_(\w+)", text("dodo.py"), re.MULTILINE), "list"}
    verbs = {command.name or command.callback.__name__ for command in app.registered_commands}
    found = [each.partition("#")[0] for each in code(name)]
    made = {word for each in found if each.startswith("make ") for word in each.split()[1:] if re.fullmatch("[a-z-]+", word)}
    done = {each.split()[1] for each in found if re.match(r"doit [a-z]", each) and "=" not in each.split()[1]}
    asked = {verb for each in found for verb in re.findall(r"python -m pipeline ([a-z][\w-]*)", each)}
    assert made and made <= targets
    assert done and done <= tasks
    assert asked and asked <= verbs


def test_every_result_that_is_named_can_be_made():
    lines = code("README.md")
    named = {name for each in lines for name in re.findall(r"pipeline (?:make|explain) ([a-z]+/[a-z][\w/-]*)", each)}
    assert len(named) > 5
    for name in sorted(named):
        assert resolve(name).name


def test_the_rooms_are_those_of_the_pipeline():
    said = text("README.md").split("The rooms of `pipeline/`")[1].split("`tests/`")[0]
    assert [room for room in re.findall(r"`(\w+)`(?: \(|,)", said) if room in ROOMS] == [
        room for room in ROOMS if room != "wheel"
    ]


def value(path: str, key: str, *more: str) -> float:
    """A number of the evidence."""
    found = json.loads(text(f"results/{path}.json"))["values"][key]
    for each in more:
        found = found[each]
    return found


def per_cent(path: str) -> float:
    """How many of a hundred were solved."""
    return 100 * value(f"solved/local_leap_{path}", "success_mean")


def test_the_numbers_beside_commands_are_the_evidences():
    medium = value("datasets/local_halfcheetah_medium", "score_mean")
    scores = [value(f"evaluations/local_{name}", "score_mean") for name in ("tt_halfcheetah_k32", "dt_halfcheetah_6000")]
    told = [per_cent(f"go_to_local_{level}_published") for level in ("s7n5", "s8n7")]
    drafts = [per_cent(f"drafted_{draft}_{sweeps}") for draft in ("random", "left_to_right") for sweeps in (0, 8)]
    runs = ("dt_halfcheetah_throttled", "rvs_halfcheetah_throttled", "dt_halfcheetah_shuffled")
    slopes = [value(f"compared/local_{run}_asked", "slope", "mean") for run in runs]
    for sentence in (
        *(f"| {score:.1f} against {medium:.1f} |" for score in scores),
        "| {:.1f} % and {:.1f} % |".format(*told),
        "| {:.1f} and {:.1f} %; {:.1f} and {:.1f} % |".format(*(round(each + 1e-9, 1) for each in drafts)),
        "| {:.2f}, {:.2f}, {:.2f} |".format(*slopes).replace("-", "\u2212"),
    ):
        assert sentence in text("README.md")


def test_the_share_of_mistakes_that_tests_notice_is_that_of_the_newest_trial():
    (said,) = re.findall(r"\[(\d+) % are noticed\]", text("README.md"))
    assert re.search(rf"\b{said}(\.\d)? %", text("benchmarks/mutants.md"))


def test_what_is_said_of_torchs_builds_is_what_the_lock_file_holds():
    (linux,) = [sums for each, sums in locks.locked(locks.CPU).items() if "+cpu" in each]
    assert len(linux) == 1  # or README.md is to name the others
    assert "so far only that for Linux on x86-64 and Python 3.11" in text("README.md")


def test_the_version_is_one_everywhere():
    version = tomllib.loads(text("pyproject.toml"))["project"]["version"]
    assert json.loads(text("package.json"))["version"] == version
    assert yaml.safe_load(text("CITATION.cff"))["version"] == version
    assert re.search(r"^## (\S+)", text("CHANGELOG.md"), re.MULTILINE)[1] == version


def test_the_preview_is_where_it_is_said_to_be():
    assert f"http://127.0.0.1:4000{yaml.safe_load(text('_config.yml'))['baseurl']}/" in text("README.md")


def test_the_development_container_has_every_program_that_set_up_asks_for():
    asked = re.findall(r"have \S+ ([a-z][\w-]*)", text("Makefile")) + re.findall(
        r"missing\+=\(([a-z][^)]+)\)", text("Makefile")
    )
    container = text(".devcontainer/Dockerfile").split()
    assert {"jekyll", "chromium", "libosmesa6"} <= {name for each in asked for name in each.split()} <= set(container)
    described = json.loads(text(".devcontainer/devcontainer.json"))
    assert (files.ROOT / ".devcontainer" / described["build"]["dockerfile"]).exists()
    assert f"USER {described['remoteUser']}" in text(".devcontainer/Dockerfile")


@pytest.mark.parametrize("name", ["fault", "result"])
def test_a_template_for_issues_is_a_form_that_github_takes(name):
    form = yaml.safe_load(text(f".github/ISSUE_TEMPLATE/{name}.yml"))
    assert form.keys() == {"name", "description", "body"} and len(form["description"]) < 200
    names = [field["id"] for field in form["body"]]
    assert len(set(names)) == len(names)
    for field in form["body"]:
        assert field["type"] in {"input", "textarea"} and field["attributes"]["label"]

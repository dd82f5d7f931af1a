"""Workflows: what they may do, by whose code, and in which order. They are read here, not run."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from pipeline import files

FOLDER = files.ROOT / ".github" / "workflows"
NAMES = sorted(path.stem for path in FOLDER.glob("*.yml"))
MAY_WRITE = {
    ("pages", "deploy"): {"pages", "id-token"},
    ("reproduce", "attest"): {"id-token", "attestations"},
}  # and nothing else may


JUDGES = {
    "zizmor": ("--offline", "--no-progress", "--persona=pedantic", "--strict-collection", ".github"),
    "actionlint": ("-shellcheck=", "-pyflakes=", "-no-color"),  # by itself alone, whatever else is installed
}


def judged(judge: str, folder: Path) -> subprocess.CompletedProcess:
    """What a judge of workflows says of those below a folder, asking nobody."""
    words = [Path(sys.executable).parent / judge, *JUDGES[judge]]
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("GH_", "GITHUB_", "ZIZMOR_"))}
    return subprocess.run(words, cwd=folder, env=environment, capture_output=True, encoding="utf-8")


def workflow(name: str) -> dict:
    return yaml.safe_load((FOLDER / f"{name}.yml").read_text(encoding="utf-8"))


def triggers(name: str) -> dict:
    return workflow(name)[True]  # YAML 1.1 takes the key `on` for a truth value


@pytest.mark.parametrize("judge", JUDGES)
def test_a_judge_of_workflows_finds_nothing(judge):
    found = judged(judge, files.ROOT)
    assert found.returncode == 0, found.stdout + found.stderr


@pytest.mark.parametrize(
    ("judge", "right", "wrong", "sentence"),
    [
        ("zizmor", "@3d3c42e5aac5ba805825da76410c181273ba90b1 #", "@v7 #", "unpinned-uses"),
        ("zizmor", "default-days: 7", "default-days: 0", "dependabot-cooldown"),
        ("zizmor", "contents: read", "contents: write", "excessive-permissions"),
        ("actionlint", "needs: test", "needs: tests", 'needs job "tests" which does not exist'),
        ("actionlint", "vars.PIP_EXTRA_INDEX_URL", "var.PIP_EXTRA_INDEX_URL", 'undefined variable "var"'),
    ],
)
def test_a_judge_of_workflows_has_been_seen_to_find_something(judge, right, wrong, sentence, tmp_path):
    shutil.copytree(FOLDER.parent, tmp_path / ".github")
    (tmp_path / ".git").mkdir()  # by which actionlint knows a project
    for path in (tmp_path / ".github").rglob("*.yml"):
        path.write_text(path.read_text(encoding="utf-8").replace(right, wrong), encoding="utf-8")
    found = judged(judge, tmp_path)
    assert found.returncode != 0 and sentence in found.stdout


@pytest.mark.parametrize("name", NAMES)
def test_a_workflow_uses_only_this_repositorys_code_or_a_commit_of_anothers(name):
    for job in workflow(name)["jobs"].values():
        for used in [job.get("uses"), *(step.get("uses") for step in job.get("steps", ()))]:
            assert used is None or re.fullmatch(r"\./\.github/workflows/\w+\.yml|[\w./-]+@[0-9a-f]{40}", used), used


@pytest.mark.parametrize("name", NAMES)
def test_every_job_reads_and_the_few_that_write_write_what_is_named_here(name):
    found = workflow(name)
    assert found["permissions"] == {"contents": "read"}
    for job, content in found["jobs"].items():
        rights = content.get("permissions", {})
        assert {right for right, level in rights.items() if level != "read"} == MAY_WRITE.get((name, job), set()), job


@pytest.mark.parametrize("name", NAMES)
def test_no_step_puts_what_others_wrote_into_a_command_and_no_token_is_left_behind(name):
    for job in workflow(name)["jobs"].values():
        for step in job.get("steps", ()):
            assert "${{" not in step.get("run", "")
            if "actions/checkout" in step.get("uses", ""):
                assert step["with"]["persist-credentials"] is False


def test_pull_requests_and_pushes_are_tested_and_nothing_is_published_that_was_not():
    assert {"pull_request", "push", "workflow_call"} <= triggers("ci").keys()
    assert any(".ci/run" in step.get("run", "") for step in workflow("ci")["jobs"]["test"]["steps"])
    pages = workflow("pages")["jobs"]
    assert pages["test"]["uses"] == "./.github/workflows/ci.yml"
    assert pages["build"]["needs"] == "test" and pages["deploy"]["needs"] == "build"


def test_evidence_is_made_again_every_week_and_only_a_sum_reaches_the_job_that_signs():
    assert triggers("reproduce").keys() == {"schedule", "workflow_dispatch"}
    (step,) = workflow("reproduce")["jobs"]["attest"]["steps"]
    assert step["with"].keys() == {"subject-name", "subject-digest"}


def test_what_workflows_and_the_page_use_is_kept_new_but_not_on_the_day_it_appears():
    updates = yaml.safe_load((FOLDER.parent / "dependabot.yml").read_text(encoding="utf-8"))["updates"]
    assert {each["package-ecosystem"] for each in updates} == {"github-actions", "npm"}
    assert all(each["cooldown"]["default-days"] >= 7 for each in updates)

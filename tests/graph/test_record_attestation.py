"""A file of verdicts is kept where GitHub's program says that GitHub attests it, and in no other case."""

import hashlib
import json
import re
import shlex

import pytest

from pipeline import files
from pipeline.evidence import recipes, records
from pipeline.graph import judging, record_attestation, reproduce
from pipeline.graph.record_attestation import AttestationError
from pipeline.show import provenance, tabulate

REPOSITORY, COMMIT, RUN = "some/name", "c0ffee" + "0" * 34, "https://github.com/some/name/actions/runs/7/attempts/1"
VERDICTS = [
    {"result": "evaluations/one", "verdict": "identical", "detail": "", "seconds": 1.5, "sha256": "1" * 64},
    {"result": "evaluations/two", "verdict": "not reproduced", "detail": "", "seconds": 1.5, "sha256": "2" * 64},
    {"result": "tables/scores", "verdict": "identical", "detail": "filled anew"},
]


def digest(path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def told(sha256: str, *moments: str, commit: str = COMMIT) -> dict:
    """One attestation as `gh attestation verify --format json` prints it, of a file that was signed at these moments."""
    certificate = {
        "sourceRepositoryURI": f"https://github.com/{REPOSITORY}",
        "sourceRepositoryDigest": commit,
        "runInvocationURI": RUN,
        "runnerEnvironment": "github-hosted",
    }
    return {
        "attestation": {"bundle": {}},
        "verificationResult": {
            "statement": {"subject": [{"name": "verdict.json", "digest": {"sha256": sha256}}]},
            "signature": {"certificate": certificate},
            "verifiedTimestamps": [{"type": "Tlog", "uri": "https://log", "timestamp": moment} for moment in moments],
        },
    }


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A folder with a file of verdicts, to which a record of attestation would be written, and no program but those in it."""
    files.write_json(tmp_path / "verdict.json", VERDICTS)
    monkeypatch.setattr(files, "ROOT", tmp_path)
    monkeypatch.setattr(record_attestation, "RECORD", tmp_path / "results" / "attested.json")
    monkeypatch.setenv("PATH", str(tmp_path / "programs"))
    return tmp_path


def put_gh(place, answer: str, code: int = 0, complaint: str = "") -> None:
    """A program `gh` that keeps the words it was called with, answers and complains."""
    program = place / "programs" / "gh"
    program.parent.mkdir()
    lines = ("#!/bin/sh", f'echo "$@" > {shlex.quote(str(place / "asked"))}', f"echo {shlex.quote(answer)}")
    program.write_text("\n".join([*lines, f"echo {shlex.quote(complaint)} >&2", f"exit {code}"]))
    program.chmod(0o755)


def record(place, monkeypatch, repository: str = REPOSITORY) -> dict:
    record_attestation.main(place / "verdict.json", repository)
    return json.loads(record_attestation.RECORD.read_text(encoding="utf-8"))


def test_an_attested_file_is_kept_whole_with_repository_commit_date_and_run(place, monkeypatch):
    path = place / "verdict.json"
    put_gh(place, json.dumps([told(digest(path), "2026-11-30T03:20:00Z")]))
    kept = record(place, monkeypatch)
    assert kept == {
        "repository": "some/name",
        "commit": COMMIT,
        "date": "2026-11-30",
        "run": RUN,
        "verdict": path.read_text(encoding="utf-8"),
    }
    assert hashlib.sha256(kept["verdict"].encode()).hexdigest() == digest(path)
    assert (place / "asked").read_text(encoding="utf-8").split() == [
        *("attestation", "verify", str(path), "--repo", "some/name"),
        *("--signer-workflow", "some/name/.github/workflows/reproduce.yml", "--deny-self-hosted-runners", "--format", "json"),
    ]


def test_the_workflow_that_is_asked_for_is_the_one_that_attests():
    assert "actions/attest@" in (files.ROOT / record_attestation.WORKFLOW).read_text(encoding="utf-8")


def test_without_gh_one_sentence_says_where_it_is_had(place, monkeypatch):
    with pytest.raises(AttestationError, match=r"gh, which checks attestations, is missing: see https://cli\.github\.com$"):
        record(place, monkeypatch)
    assert not record_attestation.RECORD.exists()


@pytest.mark.parametrize(
    ("answer", "code", "complaint", "said"),
    [
        ("", 1, "Error: verifying\nfailed", r"verdict\.json is not attested by .* of some/name \(Error: verifying failed\)$"),
        ("", 4, "", r"is not attested by .* \(gh gives no reason\)$"),
        ("", 0, "no attestations found", r"gh says of .*verdict\.json nothing that can be read \(no attestations found\)$"),
        ("[]", 0, "", "names no attestation of these bytes"),
        ("{}", 0, "", "names no attestation of these bytes"),
        ("7", 0, "", "names no attestation of these bytes"),
        (json.dumps([told("0" * 64, "2026-11-30T03:20:00Z")]), 0, "", "names no attestation of these bytes"),
        (json.dumps([{"verificationResult": None}]), 0, "", "names no attestation of these bytes"),
    ],
)  # fmt: skip
def test_what_gh_does_not_confirm_is_not_recorded(place, monkeypatch, answer, code, complaint, said):
    put_gh(place, answer, code, complaint)
    with pytest.raises(AttestationError, match=said) as error:
        record(place, monkeypatch)
    assert "\n" not in str(error.value) and not record_attestation.RECORD.exists()


@pytest.mark.parametrize("moments", [(), ("yesterday",)])
def test_an_attestation_without_a_witnessed_time_is_not_recorded(place, monkeypatch, moments):
    put_gh(place, json.dumps([told(digest(place / "verdict.json"), *moments)]))
    with pytest.raises(AttestationError, match="names no attestation of these bytes"):
        record(place, monkeypatch)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "holds no verdicts of `make reproduce`"),
        ("{}", "no verdict that names the digest"),
        ("7", "holds no verdicts"),
        ('[{"sha256": "1"}]', "holds no verdicts"),
        ('[{"result": "evaluations/one", "verdict": "identical"}]', "no verdict that names the digest"),
        ("\x80", "holds no verdicts"),
    ],
)
def test_a_file_that_holds_no_verdicts_is_refused_before_gh_is_asked(place, monkeypatch, content, said):
    (place / "verdict.json").write_bytes(content.encode("latin-1"))
    with pytest.raises(AttestationError, match=said):
        record(place, monkeypatch)
    assert not record_attestation.RECORD.exists()


@pytest.mark.parametrize("repository", ["name", "--bundle", "some/name/more", "https://github.com/some/name"])
def test_a_repository_is_named_by_owner_and_name(place, monkeypatch, repository):
    with pytest.raises(AttestationError, match=f"OWNER/NAME, not '{re.escape(repository)}'"):
        record_attestation.main(place / "verdict.json", repository)


def test_the_earliest_moment_of_the_first_attestation_counts_as_a_date_in_universal_time():
    late = told("d", "2026-12-02T00:00:00Z", commit="late")
    early = told("d", "2026-12-01T06:00:00.5Z", "2026-11-30T23:30:00-05:00", commit="early")  # the second is 04:30 the next day
    other = told("e", "2026-01-01T00:00:00Z", commit="other")
    found = record_attestation.attestation([late, early, other], "d")
    assert (found["commit"], found["date"]) == ("early", "2026-12-01")


# What a reproduction says of what it judged


def test_verdicts_that_count_are_all_those_of_reproduction_but_the_bad_one():
    assert [judging.severity((verdict, "")) for verdict in (*provenance.REPRODUCED, judging.BAD)] == [0, 1, 2, 3]


def test_a_reproduction_names_the_digest_of_the_evidence_that_it_judges():
    recipe = recipes.EVALUATIONS["local_random_halfcheetah"]
    content = records.read(recipe.path())
    assert reproduce.judged(recipe) == {"sha256": content["made"]["sha256"]}
    named = {entry["result"]: entry.get("sha256") for entry in reproduce.trained()}
    made = records.read(recipes.TRAININGS["local_bc_halfcheetah_s0"].path())["made"]
    assert named["training/local_bc_halfcheetah_s0"] == made["sha256"]


def test_evidence_that_is_missing_or_none_has_no_digest_to_name(tmp_path, monkeypatch):
    recipe = recipes.EVALUATIONS["local_random_halfcheetah"]
    monkeypatch.setattr(recipes.Recipe, "path", lambda recipe: tmp_path / "evidence.json")
    assert reproduce.judged(recipe) == {}
    (tmp_path / "evidence.json").write_text('{"run": {}, "made": [], "values": {}}')
    assert reproduce.judged(recipe) == {}


def test_a_record_that_is_no_json_is_named_with_the_cure(tmp_path):
    (tmp_path / "results").mkdir()
    (tmp_path / "results" / "attested.json").write_text("{")
    with pytest.raises(tabulate.TableError, match="restore it with `git checkout -- results/attested.json`"):
        tabulate.results(tmp_path)

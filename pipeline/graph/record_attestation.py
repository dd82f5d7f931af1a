"""Record which results GitHub attests: what a run of the workflow `reproduce` found, into `results/attested.json`.

    gh run download RUN --name verdict
    python -m pipeline attested verdict.json --repository OWNER/NAME

GitHub's program `gh` checks that the file is, byte for byte, what the repository's workflow `reproduce` found on a machine of
GitHub's. The file is kept whole, with its repository, commit and date; the page then says of each result whether it is attested
(`doit` fills the table). A result that was made again since does not count: verdicts name the digest of what they judged.
"""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
from datetime import UTC, datetime
from pathlib import Path

from pipeline import PipelineError, files
from pipeline.show import provenance

HOST = "https://github.com/"
WORKFLOW = ".github/workflows/reproduce.yml"
RECORD = files.ROOT / "results" / "attested.json"


class AttestationError(PipelineError):
    """Verdicts that are not attested, or not verdicts."""


def verify(path: Path, repository: str) -> list[dict]:
    """What `gh attestation verify` found of a file: one entry for each attestation that holds, as parsed JSON.

    Raises:
        AttestationError: there is no `gh`, no attestation of that workflow holds, or `gh` answers in another form.
    """
    options = ["--repo", repository, "--signer-workflow", f"{repository}/{WORKFLOW}", "--deny-self-hosted-runners"]
    words = ["gh", "attestation", "verify", str(path), *options, "--format", "json"]
    try:
        done = subprocess.run(words, capture_output=True, text=True, encoding="utf-8", errors="replace", check=False)
    except FileNotFoundError:
        raise AttestationError(
            "GitHub's program gh, which checks attestations, is missing: see https://cli.github.com"
        ) from None
    said = " ".join(done.stderr.split())[-200:] or "gh gives no reason"
    if done.returncode:
        raise AttestationError(f"{path} is not attested by the workflow reproduce of {repository} ({said})")
    try:
        return json.loads(done.stdout)
    except (ValueError, RecursionError):  # gh before 2.67 succeeds without a word where nothing of the kind is attested
        raise AttestationError(f"gh says of {path} nothing that can be read ({said})") from None


def attestation(found: list[dict], digest: str) -> dict[str, str]:
    """Repository, commit, date (UTC, as 2026-11-30) and address of the run that attested a file first.

    Args:
        found: what `verify` gives, each entry as `gh attestation verify --format json` has it: the certificate that signed,
            what was signed, and times that a log or an authority witnessed.
        digest: SHA-256 of the file's bytes.

    Raises:
        AttestationError: no entry is of that file, or an entry has another form.
    """
    signed = []
    try:
        for entry in found:
            result = entry["verificationResult"]
            certificate, moments = result["signature"]["certificate"], result["verifiedTimestamps"]
            if any(subject["digest"]["sha256"] == digest for subject in result["statement"]["subject"]):
                first = min(datetime.fromisoformat(moment["timestamp"]).astimezone(UTC) for moment in moments)
                signed.append((first, certificate))
        moment, certificate = min(signed, key=lambda each: each[0])
        return {
            "repository": certificate["sourceRepositoryURI"].removeprefix(HOST),
            "commit": certificate["sourceRepositoryDigest"],
            "date": moment.date().isoformat(),
            "run": certificate["runInvocationURI"],
        }
    except (AttributeError, LookupError, TypeError, ValueError) as error:
        raise AttestationError(f"gh names no attestation of these bytes in a form that is known ({error!r})") from None


def read_verdicts(path: Path) -> str:
    """The text of a file that `make reproduce` wrote.

    Raises:
        AttestationError: it is no such file, or judges nothing that has a digest.
        OSError: it cannot be read.
    """
    try:
        text = files.read_text(path)
        known = provenance.verdicts(text)
    except (AttributeError, LookupError, TypeError, ValueError, RecursionError) as error:
        raise AttestationError(f"{path} holds no verdicts of `make reproduce` ({error!r})") from None
    if not known:
        raise AttestationError(f"{path} holds no verdict that names the digest of what it judged")
    return text


def main(verdict: Path, repository: str) -> None:
    """Check the file of verdicts of a repository's workflow and keep it, with what attests it.

    Raises:
        AttestationError: something is wrong with it; nothing is written.
    """
    if not re.fullmatch(r"[\w.-]+/[\w.-]+", repository):
        raise AttestationError(f"a repository is named as OWNER/NAME, not {repository!r}")
    text = read_verdicts(verdict)
    found = attestation(verify(verdict, repository), hashlib.sha256(text.encode()).hexdigest())
    files.write_json(RECORD, {**found, "verdict": text})
    print(f"{RECORD.relative_to(files.ROOT)} is written: `doit` shows it on the page; commit both")

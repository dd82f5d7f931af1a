"""Record what the hub has now: the commit of every published checkpoint and the sha256 of its files, into `hub.lock`.

    python -m pipeline lock-hub

Needs a network. What is recorded is downloaded and read first, so nothing unusable is ever recorded; a commit that moved is
named, old and new. Look at the change, and commit hub.lock.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline import files
from pipeline.hub import client, published
from pipeline.hub.client import HubError
from pipeline.study import runs

if TYPE_CHECKING:
    from pipeline.study.trainings import PublishedCheckpoint


def resolve(run: PublishedCheckpoint) -> dict:
    """A lock's entry for a published checkpoint as the hub has it now.

    Raises:
        HubError: it cannot be had, or cannot be used; it is then removed from the cache.
    """
    commit, known = client.newest(run)
    paths = {name: client.fetch_file(run, commit, name) for name in run.files}
    sums = {name: files.sha256(path) for name, path in paths.items()}
    for name, path in paths.items():
        if known[name] not in (None, sums[name]):
            client.discard(path)
            raise HubError(f"{name} of {run.repository} is not what the hub says it sent; {client.AGAIN}")
    try:
        published.read(run, paths)
    except HubError:
        for path in paths.values():
            client.discard(path)
        raise
    return {"commit": commit, "sha256": sums}


def say(run: PublishedCheckpoint, before: dict | None, after: dict) -> str:
    """What changed, in one line."""
    commit = after["commit"]
    if before == after:
        return f"{run.repository}: unchanged, {commit}"
    if before is None:
        return f"{run.repository}: recorded, {commit}"
    return f"{run.repository}: moved, {before.get('commit')} → {commit}"


def main() -> None:
    """Look up, check and record every published checkpoint; all of them or none."""
    before = client.read_lock()["checkpoints"]
    after = {run.repository: resolve(run) for run in runs.PUBLISHED_CHECKPOINTS}
    for run in runs.PUBLISHED_CHECKPOINTS:
        client.record("checkpoints", run.repository, after[run.repository])
        print(say(run, before.get(run.repository), after[run.repository]))
    print("hub.lock is written: look at what changed in it, and commit it")

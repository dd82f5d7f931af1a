"""The Hugging Face hub as a source: published files at the commit, and with the bytes, that `hub.lock` records.

The lock is written by `make lock-hub` alone, by someone with a network who looks at what changed, and it is in git: what a
branch of the hub points at today decides nothing. Files lie in the hub client's own cache (`HF_HOME`), so a machine without a
network can be handed one. What does not have the recorded bytes is removed from that cache and never read.
"""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from huggingface_hub import HfApi, constants, errors, hf_hub_download

from pipeline import PipelineError, files

LOCK = files.ROOT / "hub.lock"
FILL = "python -m pipeline make fetched"
RELOCK = "`make lock-hub` records what is there now"
AGAIN = "give the same command again"
BRANCH = "main"
HEXADECIMAL = set("0123456789abcdef")

# The client keeps whole chunks of a download that breaks; its own 10 MB are more than either checkpoint has.
constants.DOWNLOAD_CHUNK_SIZE = 1 << 20


class HubError(PipelineError):
    """Something published that cannot be had, or cannot be trusted; the message names it and the cure."""


@dataclass(frozen=True)
class Pin:
    """What `hub.lock` says of one repository: the commit, and the SHA-256 of each file by its name."""

    commit: str
    sha256: dict[str, str]


def is_digest(text, length: int) -> bool:
    """Whether something is a lower-case hexadecimal number of that many digits."""
    return isinstance(text, str) and len(text) == length and set(text) <= HEXADECIMAL


def read_lock(path: Path | None = None) -> dict:
    """The lock: `checkpoints` by repository, `datasets` by name; both are empty where nothing was ever recorded.

    Raises:
        HubError: it is missing or not of that form.
    """
    path = path or LOCK
    try:
        lock = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise HubError(f"{path} is missing: restore it with `git checkout -- {path.name}`") from None
    except (OSError, ValueError, RecursionError) as error:
        raise HubError(f"{path} cannot be read ({error}): restore it with `git checkout -- {path.name}`") from None
    if not isinstance(lock, dict) or not all(isinstance(lock.get(kind), dict) for kind in ("checkpoints", "datasets")):
        raise HubError(f"{path} must hold `checkpoints` and `datasets`: restore it with `git checkout -- {path.name}`")
    spoilt = [name for name, entry in lock["datasets"].items() if not (isinstance(entry, dict) and "sha256" in entry)]
    if spoilt:
        raise HubError(f"{path} gives no sha256 for {spoilt[0]}: restore it with `git checkout -- {path.name}`")
    return lock


def record(kind: str, name: str, entry: dict, path: Path | None = None) -> None:
    """Write one entry into the lock, whole or not at all; the others stay."""
    path = path or LOCK
    lock = read_lock(path)
    lock[kind] = dict(sorted({**lock[kind], name: entry}.items()))
    files.write_json(path, lock)


def pin(checkpoint) -> Pin:
    """What the lock says of a published checkpoint.

    Raises:
        HubError: nothing, or nothing usable.
    """
    entry = read_lock()["checkpoints"].get(checkpoint.repository)
    if entry is None:
        raise HubError(
            f"hub.lock records no commit of {checkpoint.repository} yet: run `make lock-hub` where the hub can be reached, "
            "look at what it records, and commit hub.lock"
        )
    sums = entry.get("sha256") if isinstance(entry, dict) else None
    sound = isinstance(sums, dict) and all(is_digest(sums.get(name), 64) for name in checkpoint.files)
    if not sound or not is_digest(entry.get("commit"), 40):
        raise HubError(f"hub.lock says of {checkpoint.repository} no commit with a sha256 for every file: {RELOCK}")
    return Pin(entry["commit"], sums)


def download(checkpoint) -> dict[str, Path]:
    """A published checkpoint's files by name, in the client's cache, each with the bytes that the lock records.

    Raises:
        HubError: with the file and the cure.
    """
    pinned = pin(checkpoint)
    found = {}
    for name in checkpoint.files:
        path = fetch_file(checkpoint, pinned.commit, name)
        if (digest := files.sha256(path)) != pinned.sha256[name]:
            done = "was removed from the cache" if discard(path) else f"cannot be removed from {constants.HF_HUB_CACHE}"
            raise HubError(
                f"{name} of {checkpoint.repository} has sha256 {digest[:12]}… where hub.lock records "
                f"{pinned.sha256[name][:12]}…, and {done}: {AGAIN}, and do not trust a file that differs twice"
            )
        found[name] = path
    return found


def fetch_file(checkpoint, commit: str, name: str) -> Path:
    """One file of a repository at one commit, downloaded unless the client's cache holds it.

    The repositories are public, so no token is sent. A connection that breaks is taken up where it broke, by the client; a
    download that its process does not survive begins anew.

    Raises:
        HubError: it cannot be had.
    """
    where = f"{name} of {checkpoint.repository} at {commit[:12]}"
    try:
        path = Path(hf_hub_download(checkpoint.repository, name, revision=commit, token=False))
    except Exception as error:  # the client has many ways of failing, none of which is this project's to mend
        raise HubError(f"{where} cannot be had: {reason(error, checkpoint.name)}") from None
    if path.parent.name != commit:
        discard(path)
        (path.parents[2] / "refs" / commit).unlink(missing_ok=True)  # the client's note that the one stands for the other
        raise HubError(f"{where} cannot be had: the hub answered with commit {path.parent.name[:12]} in its place; {AGAIN}")
    return path


def newest(checkpoint) -> tuple[str, dict[str, str | None]]:
    """The commit that the hub's branch points at, and the SHA-256 the hub itself knows of each file (None for small ones).

    Raises:
        HubError: the hub does not say.
    """
    try:
        info = HfApi().model_info(checkpoint.repository, revision=BRANCH, files_metadata=True, token=False)
    except Exception as error:  # as above
        raise HubError(f"{checkpoint.repository} cannot be looked up: {reason(error, checkpoint.name)}") from None
    if not is_digest(info.sha, 40):
        raise HubError(f"{checkpoint.repository} cannot be looked up: the hub named no commit; {AGAIN}")
    sums = {file.rfilename: file.lfs.sha256 if file.lfs else None for file in info.siblings or ()}
    missing = [name for name in checkpoint.files if name not in sums]
    if missing:
        raise HubError(f"{checkpoint.repository} holds no {missing[0]} at {info.sha[:12]}: it is not as published")
    return info.sha, sums


def discard(path: Path) -> bool:
    """Remove a file from the client's cache, where a name is a link to the bytes, with every link on the way; returns whether
    that could be done.
    """
    chain = [path]
    while chain[-1].is_symlink():
        chain.append(chain[-1].parent / chain[-1].readlink())
    try:
        for link in chain:
            link.unlink(missing_ok=True)
    except OSError:
        return False
    return True


def causes(error: BaseException | None) -> Iterator[BaseException]:
    """An error and what it came from, to the first."""
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def reason(error: Exception, name: str) -> str:
    """Why the hub's client failed and what helps, in one clause; `name` is the checkpoint's."""
    return next((said for each in causes(error) if (said := one_reason(each, name))), None) or (
        f"{' '.join(str(error).split())[:160] or type(error).__name__}; {AGAIN}"
    )


def one_reason(error: BaseException, name: str) -> str | None:
    """What one error says for itself; None where it is only what another one led to."""
    if getattr(error, "errno", None) in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        return f"no room is left in {constants.HF_HUB_CACHE}; make some and {AGAIN}"
    if isinstance(error, OSError) and str(error.filename or "").startswith((constants.HF_HOME, constants.HF_HUB_CACHE)):
        return f"the hub client's folder cannot be used ({error.filename}: {error.strerror}); set HF_HOME to one that can"
    if isinstance(error, errors.OfflineModeIsEnabled):
        return f"HF_HUB_OFFLINE is set and the cache does not hold it; `{FILL}/{name}` fills it where the hub can be reached"
    if isinstance(error, errors.RevisionNotFoundError):
        return f"the hub no longer has this commit, so the repository was rewritten; {RELOCK}"
    if isinstance(error, errors.HfHubHTTPError):
        return http_reason(error.response.status_code)
    if isinstance(error, OSError) and "Consistency check failed" in str(error):
        return f"it came incomplete; {AGAIN}"
    if type(error).__name__ in ("ConnectError", "ConnectTimeout", "ReadTimeout", "ProxyError"):
        said = " ".join(str(error).split()) or type(error).__name__
        return f"{constants.ENDPOINT} cannot be reached{through_proxy()} ({said}); {AGAIN} later"
    if type(error).__name__ in ("RemoteProtocolError", "ReadError"):
        return f"the connection broke off; {AGAIN}"
    return None


def through_proxy() -> str:
    """Which variable names a proxy, in words, but not the proxy: it may hold a password."""
    names = ("HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY")
    found = [name for each in names for name in (each, each.lower()) if os.environ.get(name)]
    return f" through the proxy that {found[0]} names" if found else ""


def http_reason(status: int) -> str:
    """What a status of the hub means."""
    if status == 404:
        return "the hub has no such file (HTTP 404)"
    if status in (401, 403):
        return f"the hub does not give it to the public (HTTP {status})"
    return f"the hub is out of order (HTTP {status}); {AGAIN} later"

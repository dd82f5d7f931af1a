"""Large files by HTTP: with progress, taken up where a broken connection or a killed process left them, whole at the end.

What has arrived lies beside its place as `.<name>.download`, and what the server called it (its ETag) beside that: a download
is only taken up where the server still has the same file.
"""

from __future__ import annotations

import http.client
import re
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import IO

from tqdm import tqdm

from pipeline import PipelineError, files

TRIES = 5  # without a byte in between
CHUNK = 1 << 20
PAUSE = 0.5  # seconds before the first of these tries, doubled before each other
PASSING = (408, 425, 429)  # statuses below 500 that another try may mend: too slow, too early, too often
SECONDS = 30  # of silence, after which a connection counts as broken


class DownloadError(PipelineError):
    """A file that cannot be had; the message names its address and the cure."""


def arrived(path: Path) -> Path:
    """Where the beginning of a file lies until it is whole."""
    return path.with_name(f".{path.name}.download")


def tag(path: Path) -> Path:
    """Where the name lies that the server gave to the bytes that have arrived."""
    return path.with_name(f".{path.name}.tag")


def download(address: str, path: Path) -> None:
    """Have the file at `address` lie at `path`, whole; what is there is taken as it is.

    Raises:
        DownloadError: it cannot be had now; what has arrived is kept for the next try.
    """
    if path.exists():
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    failed = 0
    while True:
        before = size(arrived(path))
        try:
            take_up(address, path)
            break
        except urllib.error.HTTPError as error:
            if error.code < 500 and error.code not in PASSING:
                raise DownloadError(f"{address} cannot be had (HTTP {error.code} {error.reason})") from None
            said = f"HTTP {error.code} {error.reason}"
        except (urllib.error.URLError, http.client.HTTPException, TimeoutError, ConnectionError) as error:
            said = " ".join(str(getattr(error, "reason", error)).split()) or type(error).__name__
        failed = 0 if size(arrived(path)) > before else failed + 1
        if failed == TRIES:
            kept = f"; {size(arrived(path)):,} bytes are kept" if size(arrived(path)) else ""
            raise DownloadError(f"{address} cannot be had ({said}){kept}: give the same command again later")
        time.sleep(PAUSE * 2**failed if failed else 0)
    files.write_whole(path, lambda temporary: arrived(path).rename(temporary))
    tag(path).unlink(missing_ok=True)


def size(path: Path) -> int:
    """Bytes of a file; 0 where there is none."""
    return path.stat().st_size if path.exists() else 0


def request(address: str, path: Path) -> urllib.request.Request:
    """A request for the bytes that have not arrived yet, if the server still has the same file."""
    known = tag(path).read_text(encoding="utf-8") if tag(path).exists() else ""
    have = size(arrived(path)) if known else 0
    return urllib.request.Request(address, headers={"Range": f"bytes={have}-", "If-Range": known} if have else {})


def take_up(address: str, path: Path) -> None:
    """Ask for what is missing and append it.

    Raises:
        URLError, HTTPException, TimeoutError, ConnectionError: the connection broke, or the server failed.
        DownloadError: the server has less of the file than has arrived.
    """
    asked = request(address, path)
    try:
        response = urllib.request.urlopen(asked, timeout=SECONDS)
    except urllib.error.HTTPError as error:
        error.close()
        if error.code == 416 and error.headers.get("Content-Range") == f"bytes */{size(arrived(path))}":
            return  # all had arrived when the last try ended
        if error.code == 416:
            arrived(path).unlink(missing_ok=True)
            raise ConnectionError("the server has another file now") from None
        raise
    with response:
        append(response, path)


def write(file: IO[bytes], chunk: bytes, path: Path) -> None:
    """Write bytes; a full disk's error names the file, which the system's does not."""
    try:
        while chunk:
            chunk = chunk[file.write(chunk) :]
    except OSError as error:
        error.filename = str(arrived(path))
        raise


def append(response: http.client.HTTPResponse, path: Path) -> None:
    """Write a response's bytes where they belong: after those that have arrived, or, where it is the whole file, anew."""
    begins = re.match(r"bytes (\d+)-", response.headers.get("Content-Range") or "")
    first = int(begins[1]) if response.status == 206 and begins else 0
    if first not in (0, size(arrived(path))):
        raise ConnectionError("the server sent another part than was asked for")
    length = response.headers.get("Content-Length")
    whole = first + int(length) if length else None
    files.write_text(tag(path), response.headers.get("ETag") or response.headers.get("Last-Modified") or "")
    with (
        open(arrived(path), "ab" if first else "wb", buffering=0) as file,
        tqdm(total=whole, initial=first, unit="B", unit_scale=True, desc=path.name) as bar,
    ):
        while chunk := response.read(CHUNK):
            write(file, chunk, path)
            bar.update(len(chunk))
    if whole is not None and size(arrived(path)) < whole:
        raise ConnectionError(f"the connection broke after {size(arrived(path)):,} of {whole:,} bytes")

"""Files that are whole or absent: written beside their place, flushed, and renamed."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

from pipeline.evidence import processes

ROOT = Path(__file__).resolve().parent.parent


def sha256(path: Path) -> str:
    """Hexadecimal SHA-256 of a file's bytes."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def read_text(path: Path) -> str:
    """UTF-8 text of a file.

    Raises:
        OSError: it cannot be read, or is something else, such as a pipe, which would have its reader wait for ever.
    """
    if path.exists() and not path.is_file() and not path.is_dir():
        raise OSError(errno.EINVAL, "it is no file", str(path))
    return path.read_text(encoding="utf-8")


def temporary_path(path: Path) -> Path:
    """This process's temporary name beside `path`: hidden, and ending unlike anything that is read."""
    return path.with_name(f".{path.name}.part{os.getpid()}")


def sweep(path: Path) -> None:
    """Remove temporaries of `path` that processes left which are no more."""
    for left in processes.left_behind(path):
        remove(left)


def remove(path: Path) -> None:
    """Remove a file, or a folder with all it holds, where there is one."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def write_whole(path: Path, write: Callable[[Path], None]) -> None:
    """Call `write(temporary)` on a name beside `path`, flush it to disk, and rename it into place.

    Whatever happens in between, `path` holds either its old bytes or all of the new ones, and two processes that write it
    at once do not meet. A temporary file left by a killed process is removed by the next write.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    sweep(path)
    temporary = temporary_path(path)
    try:
        write(temporary)
        with open(temporary, "rb+") as file:
            os.fsync(file.fileno())
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        os.replace(temporary, path)
    except BaseException as error:
        if isinstance(error, OSError) and error.errno and error.filename in (None, str(temporary)):
            error.filename = str(path)  # the system names no file where a disk is full
        temporary.unlink(missing_ok=True)
        raise


def write_bytes(path: Path, content: bytes) -> None:
    """Write bytes whole or not at all."""
    write_whole(path, lambda temporary: temporary.write_bytes(content))


def write_text(path: Path, content: str) -> None:
    """Write UTF-8 text whole or not at all."""
    write_bytes(path, content.encode())


def write_json(path: Path, content) -> None:
    """Write JSON whole or not at all; NaN and infinities are refused with ValueError."""
    write_text(path, json.dumps(content, indent=1, allow_nan=False, ensure_ascii=False) + "\n")

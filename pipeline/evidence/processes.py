"""Other processes: whether one lives, what it locks, and what it left behind. Nothing here reads or writes what is computed."""

from __future__ import annotations

import errno
import fcntl
import glob
import os
import time
from collections.abc import Iterable
from pathlib import Path
from typing import IO


def alive(process: int) -> bool:
    """Whether a process of that number exists and has not ended; one that nobody has buried yet, a zombie, has."""
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    try:
        state = Path(f"/proc/{process}/stat").read_bytes().rpartition(b")")[2].split()[0]
    except (OSError, IndexError):
        return True  # a system without /proc
    return state not in (b"Z", b"X")


def take_lock(file: IO, operation: int) -> bool:
    """Lock an open file as `fcntl.flock` does; False where its file system knows no locks.

    Raises:
        BlockingIOError: another process holds the lock, and `operation` says not to wait.
    """
    try:
        fcntl.flock(file, operation)
    except OSError as error:
        if error.errno not in (errno.ENOLCK, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP):
            raise
        return False
    return True


def left_behind(path: Path) -> list[Path]:
    """Temporaries of `path` (see `pipeline.files.temporary_path`) of processes which are no more."""
    found = path.parent.glob(f".{glob.escape(path.name)}.part*")
    numbers = ((left, left.name.rpartition(".part")[2]) for left in found)
    return [left for left, number in numbers if number.isdigit() and not alive(int(number))]


def remove_unused(paths: Iterable[Path], days: float) -> None:
    """Remove files that were neither written nor touched for so many days."""
    for path in paths:
        if time.time() - path.lstat().st_mtime > days * 86_400:
            path.unlink(missing_ok=True)

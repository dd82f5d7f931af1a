"""The pipeline behind the post: `python -m pipeline` says what it can make.

What must be settled before a library is first imported is settled here: one thread per process, memory that is kept for the
next array, and progress bars that refresh often on a terminal and twice a minute in a log.
"""

import ctypes
import hashlib
import os
import signal
import sys
import threading
from collections.abc import Iterable
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")
os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
os.environ.setdefault("TQDM_MININTERVAL", "0.2" if sys.stderr.isatty() else "30")


if "PIPELINE_PARENT" in os.environ and threading.current_thread() is threading.main_thread():
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # whoever started this process is interrupted too, and says so


def keep_freed_memory() -> None:
    """Have glibc keep freed memory: to return it and fault it in again takes a third of a batched forward."""
    trim_threshold, mmap_threshold = -1, -3  # malloc.h
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None and sys.platform == "linux":
        mallopt(mmap_threshold, 2**30)
        mallopt(trim_threshold, 2**30)


keep_freed_memory()


def source_sums(paths: Iterable[Path]) -> dict[Path, str]:
    """SHA-256 of files' bytes."""
    return {path: hashlib.sha256(path.read_bytes()).hexdigest() for path in paths}


# This project's code before any of it was imported, so that whoever writes results can tell whether it is what computed them.
_root = Path(__file__).resolve().parent.parent
SOURCE = source_sums(
    path for folder in ("pipeline", "figures") for path in (_root / folder).rglob("*.*") if path.suffix in (".py", ".c")
)


class PipelineError(Exception):
    """Something a user can mend; the message is one sentence that names the file and the cure."""

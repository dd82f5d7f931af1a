"""A dask cluster on the loopback for benchmarks: scheduler, workers and clients as processes of checkouts, and what they use.

`benchmarks.cluster` times them, `benchmarks.refusals` breaks them. All end with the block that began them.
"""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import hashlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import psutil

from pipeline import PipelineError, files

PATIENCE = 1200  # seconds after which a client is ended, and said to wait
HERE = "127.0.0.1"


class Ended(NamedTuple):
    """How a command ended: its exit code (None: it still waited), what it said, its wall and processor time in seconds."""

    code: int | None
    said: str
    seconds: float
    processor: float


def variables(**more: str) -> dict[str, str]:
    """An environment for one more process: one thread of arithmetic, this process's PYTHONPATH forgotten."""
    return {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": "", **more}


def checkout(folder: Path) -> Path:
    """A clone of the last commit. Raises PipelineError where git fails."""
    words = ["git", "clone", "--quiet", "--local", str(files.ROOT), str(folder)]
    if subprocess.run(words, check=False).returncode:
        raise PipelineError("git clone fails")
    return folder


def replace(path: Path, old: str, new: str) -> None:
    """Replace the first place where a file holds a text. Raises ValueError where it does not."""
    text = path.read_text(encoding="utf-8")
    if old not in text:
        raise ValueError(f"{path} does not hold {old!r}")
    path.write_text(text.replace(old, new, 1), encoding="utf-8")


def sums(folder: Path) -> dict[str, str]:
    """SHA-256 of the results and pictures below a folder, by name."""
    found = (path for name in ("results", "images") for path in (folder / name).rglob("*.*") if ".part" not in path.name)
    return {path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in found}


def certificate(folder: Path, name: str) -> list[str]:
    """A certificate as docs/cluster.md makes one, as options."""
    key, pem = folder / f"{name}.key", folder / f"{name}.pem"
    words = ["openssl", "req", "-x509", "-newkey", "rsa:3072", "-nodes", "-days", "30", "-subj", "/CN=cluster"]
    subprocess.run([*words, "-keyout", key, "-out", pem], check=True, capture_output=True)
    return ["--tls-ca-file", str(pem), "--tls-cert", str(pem), "--tls-key", str(key)]


def held(into: Path) -> list[str]:
    """The locks below a folder that some process holds."""
    found = []
    for path in (into / "locks").glob("*"):
        with open(path, "a", encoding="utf-8") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                found.append(path.name)
    return sorted(found)


def unfinished(into: Path) -> list[str]:
    """Files below a folder that are no results: of work begun, and temporaries."""
    found = [path.relative_to(into) for path in into.rglob("*") if path.is_file()]
    return sorted(path.as_posix() for path in found if "work" in path.parts or ".part" in path.name)


def adopt_orphans() -> None:
    """Have processes whose parent ends become this one's children, so that they can be counted (Linux)."""
    child_subreaper = 36  # PR_SET_CHILD_SUBREAPER of prctl(2)
    ctypes.CDLL(None).prctl(child_subreaper, 1)


def used(process: subprocess.Popen) -> float:
    """Seconds of processor time of a living process, of those below it, and of those that they waited for."""
    with contextlib.suppress(psutil.NoSuchProcess):
        tree = [psutil.Process(process.pid), *psutil.Process(process.pid).children(recursive=True)]
        return sum(sum(each.cpu_times()[:4]) for each in tree if each.is_running())
    return 0.0


def peak(process: int) -> float:
    """The most memory, in MB, that a process has had resident since `forget_peak`."""
    lines = Path(f"/proc/{process}/status").read_text(encoding="utf-8").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 1024


def forget_peak(process: int) -> None:
    """Begin to count anew what `peak` tells."""
    Path(f"/proc/{process}/clear_refs").write_text("5", encoding="utf-8")


def end(process: subprocess.Popen) -> None:
    """End a process with its group, at once."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


@dataclass
class Loopback:
    """A folder, and the processes that were started in it, each with its group and a log of its own."""

    folder: Path
    started: list[subprocess.Popen] = field(default_factory=list)
    logs: dict[int, Path] = field(default_factory=dict)

    def start(self, *words: str, root: Path = files.ROOT, **more: str) -> subprocess.Popen:
        """Start `python -m <words>` in a checkout, temporary files below this folder."""
        log = self.folder / f"log_{len(self.started)}"
        temporary = self.folder / "tmp"
        temporary.mkdir(exist_ok=True)
        with open(log, "wb") as file:
            options = {"stdout": file, "stderr": subprocess.STDOUT, "process_group": 0}
            environment = variables(TMPDIR=str(temporary), **more)
            process = subprocess.Popen([sys.executable, "-m", *words], cwd=root, env=environment, **options)
        self.started.append(process)
        self.logs[process.pid] = log
        return process

    def said(self, process: subprocess.Popen) -> str:
        """What a process has printed so far; nothing of one without a log."""
        log = self.logs.get(process.pid)
        return log.read_text(encoding="utf-8", errors="replace") if log else ""

    def scheduler(self, *words: str, port: int = 0, root: Path = files.ROOT) -> tuple[subprocess.Popen, str]:
        """A scheduler as docs/cluster.md starts it, and its address."""
        told = self.folder / f"scheduler_{len(self.started)}.json"
        place = ["--host", HERE, "--port", str(port), "--dashboard-address", f"{HERE}:0", "--scheduler-file", str(told)]
        many = {"DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES": "20"}
        process = self.start("distributed.cli.dask_scheduler", *place, *words, root=root, **many)
        wait_until(lambda: told.exists() and told.read_text(encoding="utf-8").endswith("}"), process)
        return process, json.loads(told.read_text(encoding="utf-8"))["address"]

    def workers(self, address: str, count: int, *words: str, root: Path = files.ROOT, **more: str) -> subprocess.Popen:
        """Workers of a checkout as docs/cluster.md starts them; they come by and by."""
        usual = ["--nworkers", str(count), "--nthreads", "1", "--memory-limit", "0", "--no-dashboard", "--host", HERE]
        return self.start("distributed.cli.dask_worker", address, *usual, *words, root=root, **more)

    def client(self, into: Path, names: Iterable[str], *words: str, **more: str) -> subprocess.Popen:
        """Start `distribute` of these results into a folder; words: the scheduler's address, and options."""
        only = [word for name in names for word in ("--only", name)]
        return self.start("pipeline", "distribute", *words, "--into", str(into), *only, **more)

    def ended(self, process: subprocess.Popen, began: float, patience: float = PATIENCE) -> Ended:
        """Wait for a process that was started at a moment of `time.perf_counter`; one that waits for too long is ended."""
        pid = 0
        while not pid and time.perf_counter() - began < patience:
            time.sleep(0.05)
            pid, status, usage = os.wait4(process.pid, os.WNOHANG)
        seconds = time.perf_counter() - began
        if not pid:
            end(process)
            return Ended(None, plain(self.said(process)), seconds, 0.0)
        process.returncode = os.waitstatus_to_exitcode(status)
        return Ended(process.returncode, plain(self.said(process)), seconds, usage.ru_utime + usage.ru_stime)

    def ask(self, into: Path, names: Iterable[str], *words: str, patience: float = PATIENCE, **more: str) -> Ended:
        """Run `distribute` to its end."""
        began = time.perf_counter()
        return self.ended(self.client(into, names, *words, **more), began, patience)

    def orphans(self, patience: float = 10) -> tuple[float, list[str]]:
        """Processor time of orphans (see `adopt_orphans`) that end within some seconds, and the command lines of the others."""
        known, began, seconds = {process.pid for process in self.started if process.returncode is None}, time.time(), 0.0
        while left := [child for child in psutil.Process().children() if child.pid not in known]:
            for child in left:
                pid, _, usage = os.wait4(child.pid, os.WNOHANG)
                seconds += usage.ru_utime + usage.ru_stime if pid else 0
            if time.time() - began > patience:
                break
            time.sleep(0.1)
        return seconds, [" ".join(child.cmdline()) for child in left if child.is_running()]


def plain(said: str) -> str:
    """What a client said, without its bar of progress."""
    lines = (line.strip() for line in said.replace("\r", "\n").splitlines())
    return "\n".join(line for line in lines if line and "piece/s" not in line and "s/piece" not in line)


def wait_until(true, process: subprocess.Popen, patience: float = 600) -> None:
    """Wait until something is true. Raises PipelineError where the process ends before, or it takes too long."""
    began = time.monotonic()
    while not true():
        if process.poll() is not None or time.monotonic() - began > patience:
            raise PipelineError(f"{' '.join(process.args[2:4])} does not come up")
        time.sleep(0.05)


@contextlib.contextmanager
def loopback() -> Iterator[Loopback]:
    """A folder for a cluster; what was started in it ends with the block."""
    adopt_orphans()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that the block is left in order
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        cluster = Loopback(Path(folder))
        try:
            yield cluster
        finally:
            for process in cluster.started:
                end(process)
            cluster.orphans()

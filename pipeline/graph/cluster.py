"""A dask cluster, as `distribute` knows it: where it is, who may connect, and pieces as its tasks.

Of the pipeline, this module and `pipeline.graph.workers` alone know of dask, which is imported where it is needed.
"""

from __future__ import annotations

import contextlib
import ipaddress
import logging
import os
import shlex
import shutil
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from pipeline import PipelineError, files
from pipeline.evidence import fingerprints
from pipeline.graph import workers

QUEUES = {"slurm": "SLURMCluster", "pbs": "PBSCluster", "lsf": "LSFCluster", "sge": "SGECluster"}  # dask-jobqueue's
JOBS = 10  # of a batch system at most, where its file does not say
MARGIN = 0.9  # of a job's walltime, after which its workers take no more pieces and end
DEATHS = 20  # of workers while a piece is theirs, after which it is given up: one that is killed counts against all it had
PATIENCE = 30  # seconds for a scheduler to answer
SETTINGS = {
    "distributed.scheduler.allowed-failures": DEATHS,
    "distributed.admin.large-graph-warning-threshold": "1GB",  # files that a worker lacks travel with the piece
}


@dataclass(frozen=True)
class Asked:
    """Where pieces are to be made.

    scheduler: its address, or None. queue: a file that says which batch system starts the workers, or None. workers: without
    either, how many of this machine's own; None is one a core. without_tls: whether the network may be trusted. tls: files of
    certificates, as `distributed.Security` calls them. gpus: whether what is trained goes to workers alone that said
    `--resources GPU=1`.
    """

    scheduler: str | None = None
    queue: Path | None = None
    workers: int | None = None
    without_tls: bool = False
    tls: dict[str, str] = field(default_factory=dict)
    gpus: bool = False


class Tasks:
    """Pieces as tasks of a cluster: `submit` and `receive` of `drive`."""

    def __init__(self, client, gpus: bool = False):
        from distributed import as_completed

        self.client, self.gpus, self.completed = client, gpus, as_completed(loop=client.loop)
        self.names: dict = {}  # of pieces, by future
        self.count = 0

    def submit(self, name: str, asked: dict, given: dict[str, bytes]) -> None:
        """Have a worker answer; its task's name is the piece's with its fingerprint, so that two clients share it."""
        self.count += bool(given)
        key = f"piece-{name}-{fingerprints.values_digest(asked)[:16]}" + (f"-{os.getpid()}-{self.count}" if given else "")
        needs = {"resources": {"GPU": 1}} if self.gpus and "seconds" in asked else {}
        future = self.client.submit(workers.answer, asked, given, key=key, pure=False, **needs)
        self.names[future] = name
        self.completed.add(future)

    def receive(self) -> tuple[str, dict]:
        """The next piece that has come back.

        Raises:
            PipelineError: the scheduler is gone.
        """
        future = next(self.completed)
        name = self.names.pop(future)
        if future.status == "finished":
            return name, future.result()
        if future.status != "error":
            raise PipelineError("the scheduler is gone; what is finished is kept, and the same command goes on from there")
        error = future.exception()
        return name, {"refused": said(error), "worker": getattr(getattr(error, "last_worker", None), "address", "its worker")}


def said(error: BaseException) -> str:
    """Why dask had no answer."""
    if isinstance(error, ImportError | AttributeError) or "deserialization" in str(error):
        return "it, or the scheduler, was not started in a checkout of this commit"
    if type(error).__name__ == "KilledWorker":
        return f"workers ended {DEATHS + 1} times while this was theirs"
    return workers.sentence(error)


def checked(address: str, without_tls: bool) -> str:
    """A scheduler's address, which has TLS or is this machine's own, unless the network is to be trusted.

    Raises:
        PipelineError: it is none of these.
    """
    scheme, given, rest = address.rpartition("://")
    if given and scheme not in ("tcp", "tls"):
        raise PipelineError(f"{address!r} is no scheduler's address, such as tcp://127.0.0.1:8786 or tls://10.0.0.5:8786")
    host = rest.rpartition(":")[0].strip("[]") or rest
    with contextlib.suppress(ValueError):
        host = "localhost" if ipaddress.ip_address(host).is_loopback else host
    if scheme != "tls" and host != "localhost" and not without_tls:
        raise PipelineError(
            f"{address} has no TLS, so that whoever reaches it can run programs on its workers: use tls:// (docs/cluster.md), "
            "or say --without-tls where that network is trusted"
        )
    return address


def read_queue(path: Path) -> tuple[str, int, dict]:
    """What a file says of a batch system: its name, the most jobs at once, and dask-jobqueue's options for a job.

    A job's workers begin in this checkout, and end before its walltime does.

    Raises:
        PipelineError: it cannot be read, or names no batch system that is known.
    """
    try:
        told = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise PipelineError(f"{path} is no TOML file ({error})") from None
    system, most, job = told.pop("system", None), told.pop("jobs", JOBS), told.pop("job", {})
    if system not in QUEUES:
        raise PipelineError(f"{path} is to name the batch system, system = {' or '.join(map(repr, QUEUES))}, not {system!r}")
    if told or not isinstance(job, dict) or type(most) is not int or most < 1:
        raise PipelineError(f"{path} is to hold system, jobs (a count) and [job], and nothing else")
    extra = list(job.get("worker_extra_args", []))
    if "walltime" in job and "--lifetime" not in extra:
        extra += ["--lifetime", f"{MARGIN * walltime(job['walltime'], system):.0f}s", "--lifetime-stagger", "30s"]
    begun = [*job.get("job_script_prologue", []), f"cd {shlex.quote(str(files.ROOT))}"]
    return system, most, {**job, "worker_extra_args": extra, "job_script_prologue": begun}


def walltime(text: str, system: str) -> int:
    """Seconds of a walltime: HH:MM:SS, perhaps after a count of days and a dash; of LSF, HH:MM.

    Raises:
        PipelineError: it is none.
    """
    days, _, rest = f"0-{text}".rpartition("-")
    parts = [*rest.split(":"), *["0"] * (system == "lsf")]
    days = days.rpartition("-")[2]
    if len(parts) != 3 or not all(part.isdecimal() for part in (days, *parts)):
        raise PipelineError(f"{text!r} is no walltime of {system}, such as {'02:00' if system == 'lsf' else '02:00:00'}")
    hours, minutes, seconds = map(int, parts)
    return ((24 * int(days) + hours) * 60 + minutes) * 60 + seconds


def batch_system(asked: Asked):
    """Dask's cluster of a batch system, whose jobs come and go with the work; its scheduler runs here.

    Raises:
        PipelineError: the file cannot be used, the network would not be encrypted, or the batch system is not there.
    """
    import dask_jobqueue
    import distributed

    system, most, job = read_queue(asked.queue)
    security = distributed.Security(**asked.tls)  # or of dask's own settings
    if not (encrypted := bool(security.tls_ca_file)) and not asked.without_tls:
        raise PipelineError(
            "jobs run on other machines, and whoever reaches the scheduler can run programs on them: name certificates by "
            "--tls-ca-file, --tls-cert and --tls-key (docs/cluster.md), or say --without-tls where that network is trusted"
        )
    kind = getattr(dask_jobqueue, QUEUES[system])
    if shutil.which(submit := kind.job_cls.submit_command.split()[0]) is None:
        raise PipelineError(f"{submit} of {system} is not found on this machine")
    options = {"scheduler_options": {"dashboard_address": "127.0.0.1:0"}, **job}
    try:
        cluster = kind(**options, **({"security": security, "protocol": "tls://"} if encrypted else {}))
    except (OSError, TypeError, ValueError) as error:
        raise PipelineError(f"{asked.queue}: {' '.join(str(error).split())}") from None
    cluster.adapt(maximum_jobs=most)
    return cluster


def check_gpus(asked: Asked, present: dict[str, dict]) -> None:
    """See that, where what is trained is to go to GPUs alone, one of the workers that are there has one.

    Args:
        asked: whether it is.
        present: what dask knows of the workers that are there, by address; of a batch system's there may be none yet.

    Raises:
        PipelineError: none has, so that trainings would wait for ever.
    """
    if asked.gpus and present and not any("GPU" in each.get("resources", {}) for each in present.values()):
        raise PipelineError("no worker that is there has said --resources GPU=1, and --gpus leaves trainings to those alone")


@contextlib.contextmanager
def connected(asked: Asked) -> Iterator:
    """A client of the scheduler, or of workers of this machine's own, which end with it.

    Raises:
        PipelineError: dask is not installed, or the scheduler cannot be reached.
    """
    try:
        import dask
        import distributed
    except ImportError:
        raise PipelineError("the extra `cluster` is not installed: pip install distributed") from None
    logging.getLogger("distributed.client").setLevel(logging.CRITICAL)  # what it would log at length is said in a sentence
    with dask.config.set(SETTINGS), contextlib.ExitStack() as stack:
        if asked.queue:
            yield stack.enter_context(distributed.Client(stack.enter_context(batch_system(asked))))
            return
        if asked.scheduler is None:
            count, host = asked.workers or os.cpu_count() or 1, "127.0.0.1"
            options = {"n_workers": count, "threads_per_worker": 1, "memory_limit": None, "silence_logs": logging.CRITICAL}
            options |= {"resources": {"GPU": 1}} if asked.gpus else {}  # all share those of this machine
            cluster = distributed.LocalCluster(host=host, dashboard_address=f"{host}:0", **options)
            yield stack.enter_context(distributed.Client(stack.enter_context(cluster)))
            return
        address, secure = checked(asked.scheduler, asked.without_tls), asked.scheduler.startswith("tls://")
        try:
            security = distributed.Security(**asked.tls, require_encryption=True) if secure else None
            client = distributed.Client(address, security=security, timeout=PATIENCE)
        except (OSError, ValueError, TypeError) as error:
            raise PipelineError(f"the scheduler at {address} cannot be reached ({error})") from None
        yield stack.enter_context(client)

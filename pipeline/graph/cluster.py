"""A dask cluster, as `distribute` knows it: where it is, who may connect, and pieces as its tasks.

Of the pipeline, this module, `pipeline.graph.jobs` and `pipeline.graph.workers` alone know of dask, which is imported where it
is needed.
"""

from __future__ import annotations

import contextlib
import ipaddress
import logging
import os
import shlex
import shutil
import signal
import time
import tomllib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from pipeline import PipelineError, files
from pipeline.evidence import fingerprints
from pipeline.graph import jobs, workers

QUEUES = {"slurm": "SLURMCluster", "pbs": "PBSCluster", "lsf": "LSFCluster", "sge": "SGECluster"}  # dask-jobqueue's
JOBS = 10  # of a batch system at most, where its file does not say
MARGIN = 0.9  # of a job's walltime, after which its workers take no more pieces and end
STAGGER = 30  # seconds at most, sooner or later, so that not all end at once; never more than a third of what is left
DEATHS = 20  # of workers while a piece is theirs, after which it is given up: one that is killed counts against all it had
PATIENCE = 30  # seconds for a scheduler to answer
LOOK = 5.0  # seconds between two looks at whether workers are there
LOGS = files.ROOT / "build" / "jobs"  # where jobs' own messages lie, unless their file says otherwise
OUTSIDE = "it, or the scheduler, was not started in a checkout of this commit"
SOURCE = f"""
def answer(asked, given):
    try:
        from pipeline.graph import workers
    except ImportError:
        from distributed import get_worker
        return dict(refused={OUTSIDE!r}, unfit=True, worker=get_worker().address)
    return workers.answer(asked, given)
"""  # in a worker, wherever it was started
WITHOUT_GPUS = "no worker that is there has said --resources GPU=1"
ROLES = ("client", "scheduler", "worker")  # in which dask takes certificates
SETTINGS = {
    "distributed.scheduler.allowed-failures": DEATHS,
    "distributed.admin.large-graph-warning-threshold": "1GB",  # files that a worker lacks travel with the piece
    # by default a worker looks at itself fifty times a second, which costs the pieces beside it a twentieth of their core
    "distributed.admin.tick.interval": "1s",
    "distributed.admin.tick.limit": "1h",
    "distributed.admin.system-monitor.interval": "5s",
    "distributed.worker.profile.enabled": False,
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

    def __init__(self, client, gpus: bool = False, known: jobs.Jobs | None = None, tell: Callable[[str], object] = print):
        """Take a client.

        Args:
            client: dask's.
            gpus: whether what is trained goes to workers alone that have said so.
            known: of a batch system's jobs, where one starts the workers.
            tell: how a sentence is said while pieces are waited for.
        """
        from distributed import as_completed

        self.client, self.gpus, self.known, self.tell = client, gpus, known, tell
        self.completed = as_completed(loop=client.loop)
        self.names: dict = {}  # of pieces, by future
        self.asked: dict[str, tuple] = {}  # and what is asked, with the files given
        self.refused: dict[str, set[str]] = {}  # by piece, the workers that cannot make it
        self.unfit: set[str] = set()  # all of these
        self.among: dict = {}  # by future, the workers one of which a piece is for, where not all are
        self.count = 0
        self.there = self.looked = time.monotonic()  # when a worker was there, when that was looked for
        self.told: str | None = None

    def submit(self, name: str, asked: dict, given: dict[str, bytes], among: Sequence[str] = ()) -> None:
        """Have a worker answer; its task's name is the piece's with its fingerprint, so that two clients share it.

        Args:
            name: the piece's.
            asked: what is asked of the worker.
            given: files that workers lacked.
            among: addresses of workers, one of which it is to be; by default all.
        """
        self.asked[name] = asked, given
        self.count += bool(given or among)
        key = f"piece-{name}-{fingerprints.values_digest(asked)[:16]}"
        key += f"-{self.client.id}-{self.count}" if given or among else ""
        needs = self.needs(asked) | ({"workers": list(among)} if among else {})
        future = self.client.submit(*task(asked, given), key=key, pure=False, **needs)
        if among:
            self.among[future] = set(among)
        self.names[future] = name
        self.completed.add(future)

    def receive(self) -> tuple[str, dict]:
        """The next piece that has come back.

        Raises:
            PipelineError: the scheduler is gone, or no worker will come.
        """
        while True:
            future = self.next_future()
            self.among.pop(future, None)
            name = self.names.pop(future, None)
            if name is None:  # it was asked anew, since all workers that it was for are gone
                continue
            if future.status not in ("finished", "error"):
                raise PipelineError("the scheduler is gone; what is finished is kept, and the same command goes on from there")
            if future.status == "error":
                error = future.exception()
                worker = getattr(getattr(error, "last_worker", None), "address", "its worker")
                answer = {"refused": said(error), "worker": worker}
            else:
                answer = future.result()
            if not answer.get("unfit") or not self.ask_another(name, answer):
                del self.asked[name]
                self.refused.pop(name, None)
                return name, answer

    def next_future(self):
        """The next future that has come back; meanwhile it is looked at, now and then, who is there."""
        while not self.completed.has_ready():
            with self.completed.thread_condition:
                self.completed.thread_condition.wait(timeout=0.1)
            if time.monotonic() >= self.looked + LOOK:
                with contextlib.suppress(OSError):  # a scheduler that is gone has its futures say so
                    self.look(self.client.scheduler_info()["workers"], time.monotonic())
        return next(self.completed)

    def ask_another(self, name: str, answer: dict) -> bool:
        """Ask another worker for a piece that one cannot make; whether one is there that has not refused it yet."""
        self.refused.setdefault(name, set()).add(answer["worker"])
        present, needs = self.client.scheduler_info()["workers"], self.needs(self.asked[name][0])
        others = {address for address, each in present.items() if not needs or not lack_gpus({address: each})}
        others -= self.refused[name]
        if others:
            self.submit(name, *self.asked[name], among=sorted(others))
            if answer["worker"] not in self.unfit:
                self.tell(f"{answer['worker']}: {answer['refused']} (another worker is asked)")
                self.unfit.add(answer["worker"])
        return bool(others)

    def ask_anew(self, present: dict[str, dict]) -> None:
        """Ask whoever is there for what was for workers that all have gone."""
        for future in [each for each, places in self.among.items() if present and places.isdisjoint(present)]:
            del self.among[future]
            name = self.names.pop(future)
            self.submit(name, *self.asked[name])

    def needs(self, asked: dict) -> dict:
        """The resources that a piece takes."""
        return {"resources": {"GPU": 1}} if self.gpus and "seconds" in asked else {}

    def look(self, present: dict[str, dict], now: float) -> None:
        """Say once why nothing comes, where no worker is there that could make it.

        Args:
            present: what dask knows of the workers that are there.
            now: seconds of a clock.

        Raises:
            PipelineError: none will come.
        """
        self.ask_anew(present)
        self.looked, lack = now, "no worker is there"
        if self.gpus and lack_gpus(present):
            present, lack = {}, WITHOUT_GPUS
        elif present:
            self.there = now
        told = lack if not self.known and now - self.there >= jobs.PATIENCE else None
        if self.known and not present:
            told = self.known.told(now - self.there)
        if told and told != self.told:
            self.tell(f"{told} (waiting goes on; docs/cluster.md says how workers are started)")
        self.told = told


def task(asked: dict, given: dict[str, bytes]) -> tuple:
    """What a worker is to call, and with what: `workers.answer`, imported when it is called, so that a worker which cannot says
    so and does not end. It is sent as source, since bytecode is of one Python alone.
    """
    return eval, "[exec(source), answer(asked, given)][1]", {"source": SOURCE, "asked": asked, "given": given}


def said(error: BaseException) -> str:
    """Why dask had no answer."""
    if isinstance(error, ImportError | AttributeError) or "deserialization" in str(error):
        return OUTSIDE
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
    if "walltime" in job and not any(word.split("=")[0] == "--lifetime" for word in extra):
        seconds = walltime(job["walltime"], system)
        stagger = min(STAGGER, (1 - MARGIN) * seconds / 3)
        extra += ["--lifetime", f"{MARGIN * seconds:.0f}s", "--lifetime-stagger", f"{stagger:.0f}s"]
    begun = [*job.get("job_script_prologue", []), f"cd {shlex.quote(str(files.ROOT))}"]
    return system, most, {"log_directory": str(LOGS), **job, "worker_extra_args": extra, "job_script_prologue": begun}


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


def certificates(tls: dict[str, str]):
    """Dask's `Security` of the certificates that are named, or that its settings name, for the client and, since they are
    started from here, for the scheduler and the workers; None where it would not be complete.

    Raises:
        PipelineError: a file is missing.
    """
    import distributed

    every = {name.replace("client", role): path for role in ROLES for name, path in tls.items()}
    security = distributed.Security(**every, require_encryption=True)
    held = [security.get_tls_config_for_role(role)[part] for role in ROLES for part in ("ca_file", "cert", "key")]
    for path in held:
        if path and not Path(path).is_file():
            raise PipelineError(f"there is no file {path}, which is to hold a certificate or its key")
    return security if all(held) else None


def batch_system(asked: Asked) -> tuple:
    """Dask's cluster of a batch system, whose jobs come and go with the work, and what is known of them; it schedules here.

    Raises:
        PipelineError: the file cannot be used, the network would not be encrypted, or the batch system is not there.
    """
    interrupted = signal.getsignal(signal.SIGINT)
    try:
        import dask_jobqueue
    except ImportError:
        raise PipelineError("the extra `cluster` is not installed: pip install dask-jobqueue") from None
    signal.signal(signal.SIGINT, interrupted)  # dask-jobqueue's would end this process as if all were made
    system, most, job = read_queue(asked.queue)
    security = certificates(asked.tls)
    if not security and not asked.without_tls:
        raise PipelineError(
            "jobs run on other machines, and whoever reaches the scheduler can run programs on them: name certificates by "
            "--tls-ca-file, --tls-cert and --tls-key (docs/cluster.md), or say --without-tls where that network is trusted"
        )
    if asked.gpus and not any("GPU" in word for word in job["worker_extra_args"]):
        raise PipelineError(f'--gpus wants worker_extra_args = ["--resources", "GPU=1"] in [job] of {asked.queue}')
    kind = getattr(dask_jobqueue, QUEUES[system])
    if shutil.which(submit := kind.job_cls.submit_command.split()[0]) is None:
        raise PipelineError(f"{submit} of {system} is not found on this machine")
    known = jobs.Jobs(system, job["log_directory"])
    secure = {"security": security, "protocol": "tls://"} if security else {}
    seen = {"dashboard_address": "127.0.0.1:0", **job.pop("scheduler_options", {})}
    try:
        cluster = kind(job_cls=jobs.watched(kind.job_cls, known), scheduler_options=seen, **job, **secure)
    except (OSError, RuntimeError, TypeError, ValueError) as error:
        raise PipelineError(f"{asked.queue}: {' '.join(str(cause(error)).split())}") from None
    adaptive = jobs.policy(known, cluster._dummy_job.worker_processes)
    cluster.adapt(Adaptive=adaptive, maximum_jobs=most, wait_count=jobs.IDLE)
    return cluster, known


def cause(error: BaseException) -> BaseException:
    """The error that another one came of."""
    while below := error.__cause__ or error.__context__:
        error = below
    return error


def check_gpus(asked: Asked, present: dict[str, dict]) -> None:
    """See that, where what is trained is to go to GPUs alone, one of the workers that are there has one.

    Args:
        asked: whether it is.
        present: what dask knows of the workers that are there, by address; of a batch system's there may be none yet.

    Raises:
        PipelineError: none has, so that trainings would wait for ever.
    """
    if asked.gpus and lack_gpus(present):
        raise PipelineError(f"{WITHOUT_GPUS}, and --gpus leaves trainings to those alone")


def lack_gpus(present: dict[str, dict]) -> bool:
    """Whether workers are there, and none that has a GPU."""
    return bool(present) and not any(each.get("resources", {}).get("GPU") for each in present.values())


@contextlib.contextmanager
def connected(asked: Asked) -> Iterator[Tasks]:
    """Tasks of the scheduler, or of workers of this machine's own or of a batch system, which end with it.

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
            stack.enter_context(dask.config.set({"distributed.dashboard.link": "http://127.0.0.1:{port}/status"}))
            cluster, known = batch_system(asked)
            yield Tasks(stack.enter_context(distributed.Client(stack.enter_context(cluster))), asked.gpus, known)
            return
        if asked.scheduler is None:
            count, host = asked.workers or os.cpu_count() or 1, "127.0.0.1"
            options = {"n_workers": count, "threads_per_worker": 1, "memory_limit": None, "silence_logs": logging.CRITICAL}
            options |= {"resources": {"GPU": 1}} if asked.gpus else {}  # all share those of this machine
            cluster = distributed.LocalCluster(host=host, dashboard_address=f"{host}:0", **options)
            yield Tasks(stack.enter_context(distributed.Client(stack.enter_context(cluster))), asked.gpus)
            return
        address, secure = checked(asked.scheduler, asked.without_tls), asked.scheduler.startswith("tls://")
        try:
            security = distributed.Security(**asked.tls, require_encryption=True) if secure else None
            client = distributed.Client(address, security=security, timeout=PATIENCE)
        except (OSError, ValueError, TypeError) as error:
            raise PipelineError(f"the scheduler at {address} cannot be reached ({error})") from None
        yield Tasks(stack.enter_context(client), asked.gpus)

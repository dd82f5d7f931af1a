"""A dask cluster, as `distribute` knows it: where it is, who may connect, and pieces as its tasks.

Of the pipeline, this module and `pipeline.graph.workers` alone know of dask, which is imported where it is needed.
"""

from __future__ import annotations

import contextlib
import ipaddress
import logging
import os
from collections.abc import Iterator
from dataclasses import dataclass, field

from pipeline import PipelineError
from pipeline.evidence import fingerprints
from pipeline.graph import workers

DEATHS = 20  # of workers while a piece is theirs, after which it is given up: one that is killed counts against all it had
PATIENCE = 30  # seconds for a scheduler to answer
SETTINGS = {
    "distributed.scheduler.allowed-failures": DEATHS,
    "distributed.admin.large-graph-warning-threshold": "1GB",  # files that a worker lacks travel with the piece
}


@dataclass(frozen=True)
class Asked:
    """Where pieces are to be made: a scheduler's address, or None for so many workers of this machine's own (None: one a
    core); whether a network may be trusted without TLS; files of certificates, as `distributed.Security` calls them; whether
    what is trained goes to workers alone that said `--resources GPU=1`.
    """

    scheduler: str | None = None
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
        if asked.scheduler is None:
            count, host = asked.workers or os.cpu_count() or 1, "127.0.0.1"
            options = {"n_workers": count, "threads_per_worker": 1, "memory_limit": None, "silence_logs": logging.CRITICAL}
            cluster = distributed.LocalCluster(host=host, dashboard_address=f"{host}:0", **options)
            yield stack.enter_context(distributed.Client(stack.enter_context(cluster)))
            return
        if asked.workers:
            raise PipelineError("--workers is for this machine's own; those of a scheduler are started beside it")
        address, secure = checked(asked.scheduler, asked.without_tls), asked.scheduler.startswith("tls://")
        try:
            security = distributed.Security(**asked.tls, require_encryption=True) if secure else None
            client = distributed.Client(address, security=security, timeout=PATIENCE)
        except (OSError, ValueError, TypeError) as error:
            raise PipelineError(f"the scheduler at {address} cannot be reached ({error})") from None
        yield stack.enter_context(client)

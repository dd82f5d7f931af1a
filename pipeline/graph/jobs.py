"""Jobs of a batch system for `distribute`: how many there are, which are replaced, and what is said where none begins.

dask-jobqueue submits jobs and cancels them. How many there should be, dask would decide by seconds that it guesses, and by
workers alone: it cancels a job of which some workers are still to come, closes workers that are at work, never replaces a job
that started several workers or that ended before any came, and is silent where the batch system takes none. Here there are as
many as pieces wait or are made, in whole jobs; a job ends when all of its workers have been idle for a while; and one that was
refused or has ended is submitted again.
"""

from __future__ import annotations

import shlex
import time
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field

from pipeline import PipelineError

LISTED = {"slurm": "squeue --me --noheader --format %i"}  # what lists one's jobs that wait or run; of others it is not asked
LOOK = 20.0  # seconds between two looks at that list
GONE = 15.0  # seconds without a worker after which a job that had some is replaced: one that was killed is begun again in it
AGAIN = 60.0  # seconds after which what the batch system refused is submitted again
IDLE = 30  # seconds that all of a job's workers have nothing to do, after which it ends
FUTILE = 3  # jobs in a row that end before a worker comes, after which there is no use in more
PATIENCE = 60.0  # seconds without a worker after which that is said


@dataclass
class Jobs:
    """What is known of the jobs that were submitted.

    system: the batch system. logs: where a job's own messages lie. taken: how many it has taken. refused: why it took none,
    where that was its latest answer. waiting: of the jobs no worker of which has come, the batch system's names by dask's.
    ended: how many of such have ended in a row. without: when a worker of each job was there last, or when it was refused.
    """

    system: str
    logs: str
    taken: int = 0
    refused: str | None = None
    waiting: dict[str, str] = field(default_factory=dict)
    ended: int = 0
    without: dict[str, float] = field(default_factory=dict)

    def refuse(self, error: BaseException) -> None:
        """Remember why a job was refused: the batch system's last line."""
        said = [line.strip() for line in str(error).splitlines() if line.strip()]
        self.refused = said[-1] if said else type(error).__name__

    def lost(self, submitted: dict[str, str | None], here: Collection[str], listed: Collection[str] | None, now: float) -> list:
        """The jobs that are to be forgotten, so that others are submitted in their place.

        Args:
            submitted: the batch system's names of jobs, by dask's; None of one that was refused.
            here: dask's names of jobs of which workers are there.
            listed: the batch system's names of jobs that wait or run; None where it was not asked.
            now: seconds of a clock.
        """
        gone = []
        for name, job in submitted.items():
            if name in here:
                self.waiting.pop(name, None)
                self.without[name], self.ended = now, 0
            elif name in self.without:  # of a job that had workers, or was refused: since when there are none
                gone += [name] * (now - self.without[name] >= (GONE if job else AGAIN))
            elif job is None:
                self.without[name] = now
            elif name in self.waiting and listed is not None and job not in listed:
                gone.append(name)
                self.ended += 1
            else:
                self.waiting[name] = job
        for name in {*self.waiting, *self.without} - (submitted.keys() - set(gone)):
            self.waiting.pop(name, None)
            self.without.pop(name, None)
        return gone

    def told(self, seconds: float) -> str | None:
        """What there is to say, in a sentence, when no worker has been there for so long.

        Raises:
            PipelineError: waiting is of no use.
        """
        if self.refused and not self.taken:
            raise PipelineError(f"{self.system} takes no job: {self.refused}")
        if self.ended >= FUTILE:
            raise PipelineError(f"{self.ended} jobs of {self.system} ended before a worker came; why, {self.logs} may say")
        if seconds < PATIENCE:
            return None
        if self.refused:
            return f"no worker is there, and {self.system} takes no job now, which is tried again: {self.refused}"
        names = ", ".join(sorted(self.waiting.values(), key=lambda name: (len(name), name))) or "none"
        ended = "" if self.system in LISTED else f", or have ended, which {self.logs} would tell"
        return f"no worker is there; jobs that wait in {self.system}'s queue{ended}: {names}"


def whole(pieces: int, processes: int) -> int:
    """How many workers are wanted for as many pieces, where a job starts `processes` of them."""
    return -(-pieces // processes) * processes


def job_of(worker: str, processes: int) -> str:
    """Dask's name of the job that a worker of that name is of."""
    return worker.rpartition("-")[0] if processes > 1 else worker


def idle(working: Iterable[tuple[str, bool]], target: int, processes: int) -> list[str]:
    """Workers of jobs that make nothing, as many as are beyond a target.

    Args:
        working: workers' names, and whether each makes a piece or has one waiting.
        target: how many are to be left.
        processes: how many a job starts.
    """
    working = list(working)
    busy = {job_of(name, processes) for name, works in working if works}
    free = sorted({job_of(name, processes) for name, _ in working} - busy)
    closed = set(free[: max(0, len(working) - target) // processes])
    return [name for name, _ in working if job_of(name, processes) in closed]


def watched(kind: type, known: Jobs) -> type:
    """dask-jobqueue's class of a job, which remembers what the batch system answered."""

    class Job(kind):
        async def _submit_job(self, script):
            try:
                answer = await super()._submit_job(script)
            except RuntimeError as error:
                known.refuse(error)
                return ""
            known.taken, known.refused = known.taken + 1, None
            return answer

        def _job_id_from_submit_output(self, answer):
            return super()._job_id_from_submit_output(answer) if answer else None

    return Job


def policy(known: Jobs, processes: int) -> type:
    """Dask's class that decides how many workers there are, for jobs that start `processes` of them each."""
    from distributed.deploy import Adaptive

    class WholeJobs(Adaptive):
        looked = 0.0

        async def target(self) -> int:
            """As many as there are pieces, those that are lost forgotten, each second."""
            await self.forget_lost()
            state = self.cluster.scheduler
            made = sum(len(worker.processing) for worker in state.workers.values())
            return whole(len(state.queued) + len(state.unrunnable) + made, processes)

        async def workers_to_close(self, target: int) -> list[str]:
            workers = self.cluster.scheduler.workers.values()
            return idle([(worker.name, bool(worker.processing)) for worker in workers], target, processes)

        async def forget_lost(self) -> None:
            jobs = {name: job for name, job in self.cluster.workers.items() if name in self.cluster.worker_spec}
            submitted = {name: job.job_id for name, job in jobs.items()}
            listed = await self.listed(next(iter(jobs.values()), None))
            here = {job_of(worker.name, processes) for worker in self.cluster.scheduler.workers.values()}
            for name in known.lost(submitted, here, listed, time.monotonic()):
                if job := self.cluster.workers.pop(name, None):
                    await job.close()

        async def listed(self, job) -> set[str] | None:
            """The jobs that wait or run, from time to time."""
            if job is None or known.system not in LISTED or time.monotonic() < self.looked + LOOK:
                return None
            self.looked = time.monotonic()
            try:
                return set((await job._call(shlex.split(LISTED[known.system]))).split())
            except (RuntimeError, OSError):
                return None

    return WholeJobs

"""`distribute` on a real Slurm: the same bytes where jobs are cancelled, reach their walltime or never begin.

    apt-get install slurmctld slurmd slurm-client munge    # Debian 12; as root, in a container or elsewhere
    python -m benchmarks.slurm                             all drills
    python -m benchmarks.slurm works refused --results 3   two of them, on three results
    python -m benchmarks.slurm --folder DIR                what was made alone, to compare with, is kept there for the next time

munged, slurmctld and two slurmd, of two processors each, listen on the loopback, keep their files in a temporary folder, and
end with the command; a Slurm that this machine has is not touched. Each drill prints a row of a table when it ends.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

from benchmarks.loopback import certificate, sums
from pipeline import PipelineError, files
from pipeline.graph import command
from tests import toy as toys

MEMBERS = tuple(f"evaluations/local_bc_halfcheetah_s{seed}" for seed in range(5))
RESULTS = (
    "pictures/RL",
    "evaluations/local_random_halfcheetah",
    "pictures/dt_tokens",
    "evaluations/local_behaviour_halfcheetah_mode",
    "pictures/methods",
    *MEMBERS,
    "pooled/local_bc_halfcheetah",
    "evaluations/local_bc10_halfcheetah_s0",
    "rollouts/local_random_halfcheetah",
    "pictures/stitching",
    "evaluations/local_bc10_halfcheetah_s1",
)
LONGER = (  # minutes of two cores, so that jobs reach their walltime
    *(f"evaluations/local_rvs_halfcheetah_{log}_q{percent}" for log in ("throttled", "replay") for percent in (25, 50, 75, 99)),
    *(f"evaluations/local_dt_halfcheetah_{target}" for target in (1200, 2400, 3600, 4800)),
)
TRAINING = "training/local_dt_halfcheetah"  # in a toy of the project
UPDATES = ("updates=15, warmup_updates=2, interval_updates=5", "updates=150, warmup_updates=2, interval_updates=5")
POLL = 0.5  # seconds between two looks at the queue
SETTLED = 120  # seconds for daemons to answer, and for a queue to become empty
FREE = 17000  # ports from here on are Slurm's

CONFIGURATION = """
ClusterName=drill
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={port}
SlurmctldPidFile={folder}/slurmctld.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdPidFile={folder}/%n.pid
SlurmdLogFile={folder}/%n.log
SlurmdSpoolDir={folder}/%n
StateSaveLocation={folder}/state
SlurmUser=root
AuthInfo=socket={folder}/munge.socket
CommunicationParameters=NoCtldInAddrAny,NoInAddrAny
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
SwitchType=switch/none
MpiDefault=none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
SlurmdParameters=config_overrides
ReturnToService=2
KillWait=5
NodeName=node[1-2] NodeHostname={host} NodeAddr=127.0.0.1 Port=[{first}-{last}] CPUs=2 RealMemory=8000 State=UNKNOWN
PartitionName=normal Nodes=ALL Default=YES MaxTime=INFINITE State=UP
"""

QUEUE = """
system = "slurm"
jobs = 2

[job]
queue = "{queue}"
cores = 1
processes = 1
memory = "3GB"
walltime = "{walltime}"
log_directory = "{folder}/logs"
job_script_prologue = ["{prologue}"]
{more}
"""


@dataclass
class Drill:
    """A Slurm at work.

    folder: of the daemons' files and logs. kept: of what was made alone. names: results to be made. walltime: of jobs that
    are to end by it. environment: in which Slurm's programs find it. tls: certificates, as options.
    """

    folder: Path
    kept: Path
    names: tuple[str, ...]
    walltime: str
    environment: dict[str, str]
    tls: list[str]

    def ask(self, *words: str) -> str:
        """What a program of Slurm's prints."""
        return subprocess.run(words, env=self.environment, capture_output=True, text=True, check=False).stdout

    def queue(self) -> dict[str, str]:
        """The states of jobs that are not over, by their names."""
        return dict(line.split() for line in self.ask("squeue", "--noheader", "--format", "%i %T").splitlines())

    def write_queue(self, name: str, **told: str) -> Path:
        """A file for `--cluster`; jobs have the priority that this command's session has."""
        path = self.folder / f"{name}.toml"
        usual = {"queue": "normal", "walltime": "00:30:00", "folder": self.folder, "prologue": same_priority(), "more": ""}
        files.write_text(path, QUEUE.format(**{**usual, **told}))
        return path

    def words(self, queue: Path, into: Path | None, names: tuple[str, ...], secure: bool = True) -> list[str]:
        """The command that is drilled."""
        tls = self.tls if secure else []
        only = [word for name in names for word in ("--only", name)]
        place = ["--into", str(into)] if into else []
        return [sys.executable, "-m", "pipeline", "distribute", "--cluster", str(queue), *tls, *place, *only]

    def empty(self) -> float:
        """Seconds until no job is left in the queue.

        Raises:
            PipelineError: some are, after long.
        """
        begun = time.monotonic()
        while left := self.queue():
            if time.monotonic() > begun + SETTLED:
                raise PipelineError(f"jobs are left in the queue: {left}")
            time.sleep(POLL)
        return time.monotonic() - begun


def same_priority() -> str:
    """A line of a job's script that gives it this session's place among sessions, which a new session would not have."""
    path = Path("/proc/self/autogroup")
    nice = path.read_text(encoding="utf-8").split()[-1] if path.exists() else "0"
    return f"echo {nice} > {path} || true"


@dataclass
class Outcome:
    """What became of a command: its exit code and last line, seconds, jobs seen, most at once, and those left at its end."""

    code: int
    said: str
    seconds: float
    seen: set[str] = field(default_factory=set)
    most: int = 0
    left: dict[str, str] = field(default_factory=dict)


Meanwhile = Callable[[dict[str, str], subprocess.Popen], object]  # is given the queue and the command, time and again


def run(
    drill: Drill, words: list[str], folder: Path = files.ROOT, meanwhile: Meanwhile = lambda queue, process: None
) -> Outcome:
    """Run a command to its end, and look at the queue meanwhile."""
    begun, seen, most = time.monotonic(), set(), 0
    with open(drill.folder / "said", "w+", encoding="utf-8") as said:
        process = subprocess.Popen(words, cwd=folder, env=drill.environment, stdout=said, stderr=said)
        while process.poll() is None:
            queue = drill.queue()
            seen, most = seen | queue.keys(), max(most, len(queue))
            meanwhile(queue, process)
            time.sleep(POLL)
        said.seek(0)
        lines = [line.strip() for line in re.split(r"[\r\n]+", said.read()) if line.strip()]
    return Outcome(process.returncode, lines[-1] if lines else "", time.monotonic() - begun, seen, most, drill.queue())


def alone(drill: Drill) -> Path:
    """Where `make` has made each result by itself."""
    folder = drill.kept / "alone"
    for name in drill.names:
        command.run_verb(["pipeline", "make", name, "--into", str(folder)], f"{name} alone")
    return folder


def compared(drill: Drill, into: Path, outcome: Outcome) -> str:
    """How what was made compares with what was made alone, of the files that both have, and how long it took."""
    wanted, found = sums(drill.kept / "alone"), sums(into)
    same = sum(wanted.get(name) == content for name, content in found.items())
    asked = sum(f"results/{name}.json" in found for name in drill.names)
    ended = "" if outcome.code == 0 else f"exit code {outcome.code} ({outcome.said}); "
    left = f"{len(outcome.left)} left" if outcome.left else "none left"
    jobs = f"{len(outcome.seen)} jobs, {outcome.most} at once at most, {left}"
    return (
        f"{ended}{asked} of {len(drill.names)} results, {same} of {len(found)} files identical; {outcome.seconds:.0f} s; {jobs}"
    )


def fresh(drill: Drill, name: str) -> Path:
    """An empty folder to make results into."""
    files.remove(into := drill.folder / name)
    return into


def works(drill: Drill) -> str:
    """Undisturbed."""
    into = fresh(drill, "works")
    outcome = run(drill, drill.words(drill.write_queue("works"), into, drill.names))
    return compared(drill, into, outcome)


def cancelled(drill: Drill) -> str:
    """One job is cancelled as soon as a result is there."""
    into, gone = fresh(drill, "cancelled"), []

    def cancel(queue: dict[str, str], process: subprocess.Popen) -> None:
        running = sorted(job for job, state in queue.items() if state == "RUNNING")
        if not gone and running and sums(into):
            gone.append(running[0])
            drill.ask("scancel", running[0])

    outcome = run(drill, drill.words(drill.write_queue("cancelled"), into, drill.names), meanwhile=cancel)
    return f"cancelled {len(gone)}; {compared(drill, into, outcome)}"


def walltime(drill: Drill) -> str:
    """Jobs that end at their walltime, on results that take longer together."""
    drill, into = replace(drill, names=LONGER), fresh(drill, "walltime")
    alone(drill)
    queue = drill.write_queue("walltime", walltime=drill.walltime)
    return compared(drill, into, run(drill, drill.words(queue, into, drill.names)))


def slices(drill: Drill) -> str:
    """A training in slices as short as can be, whose job is cancelled three times, each when it has come further."""
    toy = toys.Toy(drill.kept / "toy")
    before = trained(toy)
    for path in (*toy.root.glob("checkpoints/local_dt_halfcheetah/*"), toy.root / f"results/{TRAINING}.json"):
        path.unlink(missing_ok=True)
    progress = toy.root / "build/training/local_dt_halfcheetah.safetensors"
    marks: dict[str, set[int]] = {}  # of the progress that was seen here while a job ran: when it was written
    gone: list[str] = []

    def cancel(queue: dict[str, str], process: subprocess.Popen) -> None:
        for job in (job for job, state in queue.items() if state == "RUNNING" and job not in gone):
            with contextlib.suppress(OSError):  # there is none yet
                marks.setdefault(job, set()).add(progress.stat().st_mtime_ns)
            if len(marks[job]) > 1 and len(gone) < 3:
                gone.append(job)
                drill.ask("scancel", job)

    drill.environment |= {name: toy.environment()[name] for name in ("TMPDIR", "PYTHONPATH", "PYTHONDONTWRITEBYTECODE")}
    outcome = run(drill, drill.words(drill.write_queue("slices"), None, (TRAINING,)), toy.root, cancel)
    same = sum(before.get(name) == digest for name, digest in toy.snapshot().items())
    ended = "" if outcome.code == 0 else f"exit code {outcome.code} ({outcome.said}); "
    jobs = f"{len(outcome.seen)} jobs, {len(set().union(*marks.values()))} slices seen"
    return f"{ended}cancelled {len(gone)} times; {same} of {len(before)} files identical; {outcome.seconds:.0f} s; {jobs}"


def trained(toy: toys.Toy) -> dict[str, str]:
    """The digests of a toy's files, trained without a disturbance; it is built where there is none."""
    undisturbed = toys.Toy(toy.root.parent / "undisturbed")
    if not undisturbed.root.exists():
        files.remove(toy.root)
        toys.RUNS = toys.RUNS.replace(*UPDATES)
        toys.build(toy.root)
        toy.edit("pipeline/graph/pieces.py", "SLICE = 60.0", "SLICE = 0.0")
        command.run_verb(["doit", "train"], "the toy", toy.root)
        toy.copy(undisturbed.root)
    return undisturbed.snapshot()


def interrupted(drill: Drill) -> str:
    """Ctrl-C as soon as a result is there; then the same command."""
    into = fresh(drill, "interrupted")
    sent: list[float] = []

    def interrupt(queue: dict[str, str], process: subprocess.Popen) -> None:
        if not sent and sums(into):
            sent.append(time.monotonic())
            process.send_signal(signal.SIGINT)

    words = drill.words(drill.write_queue("interrupted"), into, drill.names)
    outcome = run(drill, words, meanwhile=interrupt)
    ended, made = time.monotonic() - sent[0], len(sums(into))
    first = f"exit code {outcome.code} after {ended:.0f} s, queue empty {drill.empty():.0f} s later, {made} files there"
    return f"{first}; again: {compared(drill, into, run(drill, words))}"


def refused(drill: Drill) -> str:
    """What cannot work: what is said, and after how long."""
    cases = {
        "no certificates": (drill.write_queue("insecure"), False),
        "an option that is none": (drill.write_queue("option", more='color = "red"'), True),
        "a partition that is none": (drill.write_queue("partition", queue="none"), True),
        "jobs that end at once": (drill.write_queue("ending", prologue="exit 1"), True),
    }
    told = []
    for name, (queue, secure) in cases.items():
        outcome = run(drill, drill.words(queue, fresh(drill, "refused"), drill.names[:1], secure))
        said = outcome.said.replace(str(drill.folder), "…")
        told.append(f"{name}: exit code {outcome.code} after {outcome.seconds:.0f} s, `{said}`")
    return "; ".join(told)


DRILLS = {drill.__name__: drill for drill in (works, cancelled, walltime, slices, interrupted, refused)}


@contextlib.contextmanager
def daemon(*words: str, folder: Path, environment: dict[str, str]) -> Iterator[None]:
    """A program that runs until this ends."""
    with open(folder / f"{Path(words[0]).name}.out", "a", encoding="utf-8") as out:
        process = subprocess.Popen(words, env=environment, stdout=out, stderr=out, start_new_session=True)
        try:
            yield
        finally:
            process.terminate()
            process.wait()


def ports(count: int) -> int:
    """The first of so many ports in a row that nobody listens on."""
    for first in range(FREE, FREE + 1000, count):
        with contextlib.suppress(OSError), contextlib.ExitStack() as stack:
            for port in range(first, first + count):
                stack.enter_context(socket.socket()).bind(("127.0.0.1", port))
            return first
    raise PipelineError("no ports are free for Slurm")


@contextlib.contextmanager
def slurm(folder: Path) -> Iterator[dict[str, str]]:
    """Slurm at work below a folder; yields the variables by which its programs find it.

    Raises:
        PipelineError: it does not answer.
    """
    port, environment = ports(3), {**os.environ, "SLURM_CONF": str(folder / "slurm.conf")}
    host = socket.gethostname().partition(".")[0]
    told = {"folder": folder, "host": host, "port": port, "first": port + 1, "last": port + 2}
    files.write_text(folder / "slurm.conf", CONFIGURATION.format(**told))
    files.write_bytes(folder / "munge.key", os.urandom(128))
    (folder / "munge.key").chmod(0o400)
    for name in ("state", "node1", "node2"):
        (folder / name).mkdir()
    munge = [
        f"--{name}={folder}/munge.{name.removesuffix('-file')}" for name in ("key-file", "socket", "pid-file", "seed-file")
    ]
    programs = [["munged", "--foreground", "--force", *munge, f"--log-file={folder}/munged.log"], ["slurmctld", "-D"]]
    with contextlib.ExitStack() as stack:
        for words in (*programs, *(["slurmd", "-D", "-N", node] for node in ("node1", "node2"))):
            stack.enter_context(daemon(*words, folder=folder, environment=environment))
            time.sleep(1)
        answered(environment, folder)
        yield environment


def answered(environment: dict[str, str], folder: Path) -> None:
    """Wait until both nodes are there."""
    until, words = time.monotonic() + SETTLED, ["sinfo", "--noheader", "--format", "%T %D"]
    while subprocess.run(words, env=environment, capture_output=True, text=True, check=False).stdout.strip() != "idle 2":
        if time.monotonic() > until:
            raise PipelineError(f"Slurm does not answer; {folder} has its logs")
        time.sleep(POLL)


def main() -> None:
    """Run the drills that are named, or all."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.slurm", description=__doc__.splitlines()[0])
    parser.add_argument("drills", nargs="*", choices=[[], *DRILLS], metavar="DRILL", help=", ".join(DRILLS))
    parser.add_argument("--results", type=int, default=len(RESULTS), help="of how many results")
    parser.add_argument(
        "--walltime", default="00:01:00", help="of jobs that are to end by it; longer where the machine is busy"
    )
    parser.add_argument("--folder", type=Path, help="where what was made alone is kept")
    told = parser.parse_args()
    for name in ("munged", "slurmctld", "slurmd", "sbatch", "openssl"):
        if shutil.which(name) is None:
            raise PipelineError(f"{name} is not installed: apt-get install slurmctld slurmd slurm-client munge openssl")
    with tempfile.TemporaryDirectory() as place, slurm(folder := Path(place)) as environment:
        kept, names = (told.folder or folder / "kept").resolve(), RESULTS[: told.results]
        drill = Drill(folder, kept, names, told.walltime, environment, certificate(folder, "cluster"))
        if set(told.drills or DRILLS) - {"slices", "refused", "walltime"}:
            alone(drill)
        try:
            for name in told.drills or DRILLS:
                print(f"| {name} | {DRILLS[name](drill)} |", flush=True)
        finally:
            drill.ask("scancel", "--me")
            drill.empty()


if __name__ == "__main__":
    command.run(main)

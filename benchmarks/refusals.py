"""What `distribute` says of a cluster that is broken, in all ways that docs/cluster.md names: `benchmarks.cluster refusals`.

Every case has a scheduler, workers and clients of its own on the loopback. Of each are told: what was done, what the client
said, its exit code, and how many of the results asked for were there at the end, with the bytes that an unbroken cluster gives.
"""

from __future__ import annotations

import contextlib
import functools
import itertools
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil

from benchmarks.loopback import (
    Ended,
    Loopback,
    certificate,
    checkout,
    end,
    held,
    loopback,
    replace,
    sums,
    unfinished,
    wait_until,
)
from pipeline import files

GRIDS = ("go_to_local_s7n5", "go_to_local_s8n7", "go_to_obj_maze_s4_open", "pickup_loc", "go_to_obj_maze_s4r2_closed")
SOLVED = [f"solved/local_random_{grid}" for grid in GRIDS]
CLONED = [f"solved/local_cloning_{grid}" for grid in GRIDS]
ROLLED, MODEL = "rollouts/local_td3bc_halfcheetah_s0", "checkpoints/local_td3bc_halfcheetah_s0/model.safetensors"
CHANGED = (
    "pipeline/measures/solve.py",
    'played["length"].tolist()',
    '(played["length"] + 1).tolist()',
)  # a line of a module that solved levels stand on
REFERENCE: dict[str, str] = {}  # sha256 of what an unbroken cluster gives, by name
NUMBERS = itertools.count()


def folder(here: Loopback) -> Path:
    """A folder for results that nobody has used."""
    return here.folder / f"into_{next(NUMBERS)}"


def tell(done: str, ended: Ended, into: Path, names: list[str]) -> None:
    """Print a row of the table."""
    made = {name: digest for name, digest in sums(into).items() if name.removeprefix("results/").removesuffix(".json") in names}
    others = [name for name, digest in made.items() if REFERENCE.setdefault(name, digest) != digest]
    lines = [line for line in ended.said.splitlines() if not line.startswith("results:") and "workers now" not in line]
    said = f"{lines[0]} (… {len(lines) - 2} more) {lines[-1]}" if len(lines) > 2 else " ".join(lines)
    code = "waits" if ended.code is None else ended.code
    bad = f", **{len(others)} with other bytes**" if others else ""
    print(f"| {done} | {said or 'nothing'} | {code} | {len(made)} of {len(names)}{bad} | {ended.seconds:.0f} s |", flush=True)


@functools.cache
def right() -> Path:
    """A checkout at the same commit, for workers."""
    return checkout(Path(tempfile.mkdtemp()) / "checkout")


def differing(here: Loopback) -> Path:
    """A checkout at another commit, whose solved levels differ in one line."""
    root = checkout(here.folder / f"checkout_{next(NUMBERS)}")
    replace(root / CHANGED[0], *CHANGED[1:])
    named = ["-c", "user.name=A", "-c", "user.email=a@example.org"]
    subprocess.run(["git", *named, "commit", "--quiet", "--all", "-m", "Change a line"], cwd=root, check=True)
    return root


def unbroken(here: Loopback, into: Path) -> None:
    """The reference: workers at the same commit; what is there already is not made again."""
    _, address = here.scheduler()
    here.workers(address, 2, root=right())
    names = [*SOLVED, *CLONED, ROLLED]
    tell("two workers at the same commit", here.ask(into, names, address), into, names)


def another_commit(here: Loopback) -> None:
    """One line of a module changed: what stands on it is refused, what does not is made."""
    _, address = here.scheduler()
    here.workers(address, 1, root=differing(here))
    into, names = folder(here), [SOLVED[0], ROLLED]
    tell("a worker at a commit that changes a line of `measures/solve.py`", here.ask(into, names, address), into, names)


def another_commit_beside_the_right_one(here: Loopback) -> None:
    """What one worker refuses another could make; then the same command again, when the first has gone."""
    _, address = here.scheduler()
    here.workers(address, 1, root=right())
    other = here.workers(address, 1, root=differing(here))
    wait_until(lambda: "Registered to" in here.said(other), other)
    into = folder(here)
    names = [*SOLVED, *CLONED]
    tell("that worker beside one at the right commit", here.ask(into, names, address), into, names)
    end(other)
    tell("it is ended; the same command again", here.ask(into, names, address), into, names)


def another_version(here: Loopback) -> None:
    """A package that says another version, in a folder that comes before the others."""
    overlay = here.folder / "overlay" / "mujoco-9.9.9.dist-info"
    files.write_text(overlay / "METADATA", "Metadata-Version: 2.1\nName: mujoco\nVersion: 9.9.9\n")
    _, address = here.scheduler()
    here.workers(address, 1, root=right(), PYTHONPATH=str(overlay.parent))
    into, names = folder(here), [SOLVED[0], ROLLED]
    tell("a worker whose MuJoCo says it is 9.9.9", here.ask(into, names, address), into, names)


def no_checkout(here: Loopback) -> None:
    """A worker, and then a scheduler, begun in an empty folder."""
    empty = here.folder / "empty"
    empty.mkdir()
    _, address = here.scheduler()
    hosts = here.workers(address, 1, root=empty)
    into = folder(here)
    tell("a worker begun outside a checkout", here.ask(into, [ROLLED], address), into, [ROLLED])
    end(hosts)
    _, address = here.scheduler(root=empty)
    here.workers(address, 1, root=right())
    tell("a scheduler begun outside a checkout", here.ask(into, [ROLLED], address), into, [ROLLED])


def another_checkpoint(here: Loopback) -> None:
    """Files that a worker lacks, or has with other bytes, are sent; its checkout stays as it was."""
    for done, change in (
        ("a worker without a checkpoint's weights", lambda path: path.unlink()),
        ("a worker whose checkpoint has one byte more", lambda path: path.write_bytes(path.read_bytes() + b"\0")),
    ):
        _, address = here.scheduler()
        root = checkout(here.folder / f"checkout_{next(NUMBERS)}")
        change(root / MODEL)
        state = subprocess.check_output(["git", "status", "--short"], cwd=root)
        hosts, into = here.workers(address, 1, root=root), folder(here)
        tell(done, here.ask(into, [ROLLED], address), into, [ROLLED])
        end(hosts)
        if subprocess.check_output(["git", "status", "--short"], cwd=root) != state:
            print("**the worker's checkout was changed**")


@contextlib.contextmanager
def small_disk(here: Loopback, megabytes: int) -> Iterator[Path]:
    """A disk of so many MB, in memory; needs root's rights."""
    place = here.folder / f"disk_{next(NUMBERS)}"
    place.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "none", place], check=True)
    try:
        yield place
    finally:
        subprocess.run(["umount", "--lazy", place], check=True)


def fill(place: Path) -> Path:
    """A file that leaves no room on a disk."""
    filler = place / "filler"
    with contextlib.suppress(OSError), open(filler, "wb", buffering=0) as file:
        while True:
            file.write(bytes(4096))
    return filler


def full_disk(here: Loopback) -> None:
    """A disk too small for the copy of the checkout; one that is full when a piece is made; and when it has room again."""
    root = right()
    into = folder(here)
    with small_disk(here, 1) as place:
        _, address = here.scheduler()
        hosts = here.workers(address, 1, "--local-directory", str(place), root=root)
        tell("a worker with 1 MB of disk", here.ask(into, SOLVED, address), into, SOLVED)
        here.workers(address, 1, root=root)
        tell("that worker, and then one with room", here.ask(into, SOLVED, address), into, SOLVED)
        end(hosts)
    into = folder(here)
    with small_disk(here, 256) as place:
        _, address = here.scheduler()
        hosts = here.workers(address, 1, "--local-directory", str(place), root=root)
        tell("a worker with 256 MB", here.ask(into, SOLVED[:1], address), into, SOLVED[:1])
        filler, names = fill(place), [SOLVED[0], ROLLED]
        tell("which are full by now", here.ask(into, names, address), into, names)
        filler.unlink()
        tell("which have room again; the same command", here.ask(into, names, address), into, names)
        end(hosts)


def under_way(here: Loopback, into: Path, address: str, results: int = 2) -> tuple[subprocess.Popen, float]:
    """A client that has been started, at that moment, and has written some results by now."""
    began = time.perf_counter()
    client = here.client(into, SOLVED, address)
    wait_until(lambda: len(sums(into)) >= results, client, 200)
    return client, began


def killed_scheduler(here: Loopback) -> None:
    """A scheduler that is killed midway; another at the same address, and the same command."""
    root, into = right(), folder(here)
    scheduler, address = here.scheduler()
    hosts = here.workers(address, 1, root=root)
    client, began = under_way(here, into, address)
    end(scheduler)
    tell("the scheduler killed after two results", here.ended(client, began), into, SOLVED)
    here.scheduler(port=int(address.rpartition(":")[2]))
    with contextlib.suppress(subprocess.TimeoutExpired):
        hosts.wait(60)
    alive = hosts.poll() is None
    if not alive:
        here.workers(address, 1, root=root)
    done = f"a new one there, the workers {'still there' if alive else 'begun again'}; the same command"
    tell(done, here.ask(into, SOLVED, address), into, SOLVED)


def killed_client(here: Loopback) -> None:
    """A client that is killed midway; the same command at once."""
    into = folder(here)
    _, address = here.scheduler()
    here.workers(address, 1, root=right())
    client, began = under_way(here, into, address)
    client.kill()
    tell("the client killed after two results", here.ended(client, began), into, SOLVED)
    tell("at once the same command", here.ask(into, SOLVED, address), into, SOLVED)
    print(f"left: locks held {held(into)}, unfinished {unfinished(into)}")


def makers(hosts: subprocess.Popen) -> list[psutil.Process]:
    """The processes of a worker that make pieces: the one that others are forked from, and, while a piece is made, the one that
    makes it and the one that waits for the next.
    """
    with contextlib.suppress(psutil.NoSuchProcess):
        below = psutil.Process(hosts.pid).children(recursive=True)
        return sorted(
            (each for each in below if "pipeline.graph.workers" in each.cmdline()), key=lambda each: each.create_time()
        )
    return []


def killed_maker(here: Loopback) -> None:
    """The process of a piece killed, as a kernel does that is short of memory; then the one that it was forked from."""
    into = folder(here)
    _, address = here.scheduler()
    hosts = here.workers(address, 1, root=right())
    for done, which in (
        ("the process that makes a piece is killed", 1),
        ("the same command; the process before it is killed", 0),
    ):
        began = time.perf_counter()
        client = here.client(into, SOLVED, address)
        wait_until(lambda: len(makers(hosts)) == 3, client, 200)
        makers(hosts)[which].kill()
        tell(done, here.ended(client, began), into, SOLVED)
    tell("the same command", here.ask(into, SOLVED, address), into, SOLVED)


def encrypted(here: Loopback) -> None:
    """Clients and workers with the cluster's certificate, without any, and with one of their own."""
    own, others, root = certificate(here.folder, "cluster"), certificate(here.folder, "other"), right()
    _, address = here.scheduler("--protocol", "tls", *own)
    plain = address.replace("tls://", "tcp://")
    for done, where, told in (("none", address, []), ("another", address, others), ("none, by tcp", plain, [])):
        hosts = here.workers(where, 1, *told, "--death-timeout", "10", root=root)
        with contextlib.suppress(subprocess.TimeoutExpired):
            hosts.wait(60)
        joined = "joined" if "Registered to" in here.said(hosts) else "did not join"
        print(f"| TLS: a worker with certificate: {done} | (it {joined}) | {hosts.poll()} | | |", flush=True)
        end(hosts)
    here.workers(address, 1, *own, root=root)
    for done, where, told in (
        ("none", address, []),
        ("another", address, others),
        ("none, by tcp", plain, []),
        ("the cluster's", address, own),
    ):
        into = folder(here)
        tell(f"TLS: a client with certificate: {done}", here.ask(into, SOLVED[:1], where, *told), into, SOLVED[:1])


CASES: tuple[Callable[[Loopback], None], ...] = (
    another_commit,
    another_commit_beside_the_right_one,
    another_version,
    no_checkout,
    another_checkpoint,
    full_disk,
    killed_scheduler,
    killed_client,
    killed_maker,
    encrypted,
)


def main(only: list[str], into: Path) -> None:
    """Go through the cases, or those named, after an unbroken one, whose results are kept below a folder."""
    print("| what was done | what the client said | exit code | results | |\n|:--|:--|--:|--:|--:|", flush=True)
    with loopback() as here:
        unbroken(here, into / "reference")
    for case in CASES:
        if case is full_disk and (os.geteuid() or not shutil.which("mount")):
            print("| full disk: not tried, for it takes root's rights to make one | | | | |")
        elif not only or case.__name__ in only:
            with loopback() as here:
                case(here)
    shutil.rmtree(right().parent)

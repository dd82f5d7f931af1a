"""A worker's side of `distribute`: it makes a piece as `python -m pipeline make` does, and gives back bytes.

A worker is a checkout at the same commit, which it never writes to. It makes a copy of it in its own folder: code copied,
evidence and checkpoints by links. In the copy a process is at work that has loaded the libraries; for each piece it first looks
whether its own fingerprint is the one it is told, then has a process that was forked from it make the piece, begun as if it
were alone. So loading is paid once, and no piece knows of those before it; the fork for the next is made while one is at work.
What is trained is stopped when, after about a minute, it has kept its progress, which is given back. Files that the checkout
lacks, or has with other bytes, are asked for by their sha256, checked on arrival, and kept, the latest 2 GiB of them.

dask is not imported here but where a worker is asked for its folder.
"""

from __future__ import annotations

import contextlib
import errno
import importlib
import json
import os
import select
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import IO, NamedTuple

from pipeline import PipelineError, files
from pipeline.evidence import fingerprints, machines, records
from pipeline.evidence.records import Recipe
from pipeline.graph import answers, command, pieces

COPIED = ("pipeline", "figures", "wheel", "assets")  # all that finds the project's folder by where it lies itself
LINKED = ("checkpoints", "results", "data")  # file by file, so that one can be another
LEFT = ("build", "_site")  # and what is hidden
BOUND = 2 * 2**30  # bytes of received files that are kept
LACKS = {getattr(errno, name) for name in ("ENOSPC", "EDQUOT", "EROFS", "EIO", "EMFILE", "ENFILE", "ENOMEM")}  # of a machine
MACHINE = "machine.json"  # beside unfinished work: who began it
POLL = 0.2  # seconds between two looks at what training keeps
MAKERS: dict[str, Maker] = {}  # of this process's workers, by dask's name for each
LOCK = threading.Lock()


def answer(asked: dict, given: dict[str, bytes]) -> dict:
    """What dask has a worker do for a piece, asked for as `pieces.asked` says.

    Args:
        asked: what is wanted.
        given: bytes of files that workers lacked, by sha256.

    Returns:
        `lacks`, the sha256 of files that are to be given; or `refused`, a sentence, and `unfit`, whether another worker may do
        better; or `progress`, bytes of the files of unfinished work by name; or `found`, files' bytes by name, and of a shard
        the `machine` that played it.
    """
    from distributed import get_worker

    worker = get_worker()
    with LOCK:  # one piece at a time, whatever threads a worker has
        try:
            if worker.id not in MAKERS:
                MAKERS[worker.id] = Maker(Path(worker.local_directory) / "pieces")
            return {**MAKERS[worker.id].answer(asked, given), "worker": worker.address}
        except (PipelineError, OSError) as error:
            return {**refusal(error), "worker": worker.address}


class UnfitError(PipelineError):
    """This worker cannot make a piece that another might."""


def refusal(error: BaseException) -> dict:
    """The answer that an error is, see `answer`: what a worker's checkout or disk lacks, another's need not."""
    unfit = isinstance(error, UnfitError | shutil.Error) or isinstance(error, OSError) and error.errno in LACKS
    return {"refused": sentence(error), "unfit": unfit}


def copy_checkout(root: Path, folder: Path) -> None:
    """Copy a checkout so that code in the copy is of the copy; of all else there are links."""
    folder.mkdir(parents=True)
    for path in root.iterdir():
        if path.name in COPIED:
            shutil.copytree(path, folder / path.name, ignore=shutil.ignore_patterns("__pycache__", ".*"))
        elif path.name in LINKED:
            shutil.copytree(path, folder / path.name, copy_function=os.symlink)
        elif path.name not in LEFT and not path.name.startswith("."):
            (folder / path.name).symlink_to(path)


class Maker:
    """A copy of the checkout, files received, and the process that makes pieces in the copy."""

    def __init__(self, folder: Path, root: Path = files.ROOT):
        self.root, self.copy, self.store, self.into = root, *(folder / name for name in ("checkout", "received", "made"))
        files.remove(folder)
        copy_checkout(root, self.copy)
        self.store.mkdir()
        self.process: subprocess.Popen | None = None  # from the first piece on
        self.errors, self.answered = folder / "errors", False  # what it complains of, whether it has ever answered

    def answer(self, asked: dict, given: dict[str, bytes]) -> dict:
        """See `answer` above.

        Raises:
            PipelineError: the piece is refused, or failed; UnfitError where another worker may do better.
        """
        files.remove(self.into)
        for digest, content in given.items():
            answers.check_bytes(content, digest, f"a file for {asked['result']}")
            files.write_bytes(self.store / digest, content)
        self.forget({*asked["reads"].values(), *asked["kept"].values()})
        workshop = self.copy / "build" if asked["here"] else self.into
        for left in ("work", "training", "locks"):
            files.remove(workshop / left)
        base = self.into if asked["below"] else self.copy
        places = [(base / name, name, digest) for name, digest in asked["reads"].items()]
        places += [(workshop / name, f"build/{name}", digest) for name, digest in asked["kept"].items()]
        if lacking := {digest for place, name, digest in places if not self.provide(place, name, digest)}:
            return {"lacks": sorted(lacking)}
        told = self.say({**asked, "into": str(self.copy if asked["here"] else self.into)})
        if "refused" in told:
            raise (UnfitError if told["unfit"] else PipelineError)(told["refused"])
        found = {name: Path(path).read_bytes() for name, path in told["files"].items()}
        files.remove(self.into)
        return {"progress": found} if told["unfinished"] else {"found": found, "machine": told["machine"]}

    def provide(self, place: Path, name: str, digest: str) -> bool:
        """Have a file of that sha256 lie at a place: as the checkout has it, or received; whether there is one."""
        for path in (place, self.root / name, self.store / digest):
            if path.is_file() and fingerprints.file_sum(path) == digest:
                if path != place:
                    place.parent.mkdir(parents=True, exist_ok=True)
                    place.unlink(missing_ok=True)
                    place.symlink_to(path)
                return True
        return False

    def forget(self, needed: set[str]) -> None:
        """Remove the files that were received first, down to the bound, but those needed now."""
        kept = sorted(self.store.iterdir(), key=lambda path: path.stat().st_mtime_ns)
        over = sum(path.stat().st_size for path in kept) - BOUND
        for path in kept:
            if over > 0 and path.name not in needed:
                over -= path.stat().st_size
                path.unlink()

    def say(self, asked: dict) -> dict:
        """Ask the process, begun where there is none, and return its answer.

        Raises:
            PipelineError: it has ended; for the next piece there will be another. UnfitError where none has ever answered.
        """
        if self.process is None:
            words, variables = [sys.executable, "-m", "pipeline.graph.workers"], {command.PARENT: str(os.getpid())}
            pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
            with open(self.errors, "wb") as errors:
                self.process = subprocess.Popen(words, cwd=self.copy, env={**os.environ, **variables}, stderr=errors, **pipes)
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.write(json.dumps(asked) + "\n")
            self.process.stdin.flush()
        if line := self.process.stdout.readline():
            self.answered = True
            return json.loads(line)
        said = self.errors.read_text(encoding="utf-8", errors="replace").split("\n")
        why = next((f": {text.strip()[:300]}" for text in reversed(said) if text.strip()), "")
        error = PipelineError if self.answered else UnfitError
        raise error(f"the process that makes pieces ended with {self.close()}{why}")

    def close(self) -> int | None:
        """End the process, since nobody can ask it any more; what it ended with."""
        process, self.process = self.process, None
        if process is None:
            return None
        with contextlib.suppress(BrokenPipeError):
            process.stdin.close()
        process.stdout.close()
        return process.wait()


def load_libraries() -> None:
    """Import what most pieces need, as far as no variable decides what is imported, or how."""
    import scipy.stats  # noqa: F401
    import torch  # noqa: F401
    from transformers import AutoModel, DecisionTransformerModel, PreTrainedModel  # noqa: F401


def differs(asked: dict, into: Path) -> str | None:
    """The sentence that refuses a piece which this checkout would make otherwise; None where it would not."""
    try:
        recipe = command.resolve(asked["result"])
        changed = fingerprints.changes(recipe, {"run": asked["run"], "made": asked["made"]}, into)
    except PipelineError as error:
        return f"this checkout cannot make {asked['result']}: {error}"
    named = ", ".join(changed[:3]) + (", …" if changed[3:] else "")
    return f"this checkout would make {asked['result']} otherwise, by its {named}" if changed else None


def make(asked: dict) -> dict:
    """Make a piece below its folder; where its `files` lie, by name, and, of a shard, the `machine` that played it."""
    into, recipe = Path(asked["into"]), command.resolve(asked["result"])
    if isinstance(asked["part"], int):
        name = pieces.kept_shard(recipe, asked["part"], into).name
        machine = machines.of(asked["made"]).get("machine", {})
        files.write_json(into / name, play(recipe, asked["part"]))
        return {"files": {name: str(into / name)}, "machine": machine, "unfinished": False}
    if "seconds" in asked:
        go_on(recipe, into, machines.of(asked["made"]).get("machine", {}))
    command.make_one(recipe, into, {"shards": 1} if asked["part"] == pieces.FIRST else {})
    return whole(recipe, into)


def whole(recipe: Recipe, into: Path) -> dict:
    """Where the files of a result that was made lie."""
    names = (pieces.evidence(recipe), *recipe.outputs, *pieces.beside(recipe))
    return {"files": {name: str(into / name) for name in names}, "machine": {}, "unfinished": False}


def go_on(recipe: Recipe, into: Path, machine: dict) -> None:
    """Have a verb take unfinished work for its own, unless another machine than this would have gone on otherwise.

    Args:
        recipe: what is made.
        into: the folder below which it is written.
        machine: this one (see `evidence.machines`), which is kept beside the work that it begins.

    Raises:
        PipelineError: work was begun on a machine that rounds otherwise.
    """
    files.write_text(command.lock_of(recipe, into), records.fingerprint(recipe, into))  # what work was begun from
    place = recipe.work(into) / MACHINE
    if not place.exists():
        files.write_json(place, machine)
    elif any(json.loads(place.read_text(encoding="utf-8")).get(key) != machine[key] for key in machine if key != "processor"):
        raise PipelineError(f"{pieces.result(recipe)} was begun on a machine that rounds otherwise than this worker's")


def left(asked: dict) -> dict:
    """Where the files of unfinished work lie that a killed process left, or of the result, if that was whole by then."""
    recipe, into = command.resolve(asked["result"]), Path(asked["into"])
    if fingerprints.stale(recipe, into) is None:
        return whole(recipe, into)
    kept = pieces.progress(recipe, into)
    return {"files": {name: str(path) for name, path in kept.items()}, "machine": {}, "unfinished": True}


def play(recipe: Recipe, shard: int):
    """What the verb plays of one shard, on one thread, by a policy that has played nothing else."""
    import torch

    from pipeline.methods import policies

    torch.set_num_threads(1)
    return importlib.import_module(recipe.verb).play_shard(policies.load(recipe.run), recipe.run, shard, lambda: None)


def sentence(error: BaseException) -> str:
    """What an error says, as the command line would say it."""
    if isinstance(error, SystemExit):
        return str(error.code).removeprefix("error: ")
    if isinstance(error, shutil.Error) and error.args and isinstance(error.args[0], list):
        return f"this checkout cannot be copied: {error.args[0][0][2].partition(': ')[0]}"  # the first of many files
    if isinstance(error, OSError):
        return f"{error.filename or 'the system'}: {error.strerror or error}"
    said = " ".join(str(error).split())
    return said if isinstance(error, PipelineError) else f"{type(error).__name__}: {said[:300]}"


class Forked(NamedTuple):
    """A process forked from this one that waits for a piece: its id, where it is told what is asked, and where it answers."""

    process: int
    asked: IO
    answers: IO

    def close(self) -> None:
        """Have it know that nobody will ask it."""
        self.asked.close()
        self.answers.close()


def fork(other: int) -> Forked:
    """Fork a process that makes one piece when it is told which, without the file of descriptor `other`."""
    (telling, told), (reading, writing) = reversed(os.pipe()), os.pipe()
    process = os.fork()
    if not process:
        for left in (other, telling, reading):
            os.close(left)
        become(told, writing)
    os.close(told)
    os.close(writing)
    return Forked(process, open(telling, "w", encoding="utf-8"), open(reading, encoding="utf-8"))


def become(told: int, answers: int) -> None:
    """Make a piece in this process, just forked, write what `make` returns or the sentence that refuses it, and end."""
    os.environ[command.PARENT] = str(os.getppid())
    command.end_with_parent()
    nothing = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(nothing, stream)
    with open(told, encoding="utf-8") as file:
        line = file.readline()
    if not line:
        os._exit(0)
    try:
        found = make(json.loads(line))
    except BaseException as error:
        found = refusal(error)
    with os.fdopen(answers, "w", encoding="utf-8") as file:
        json.dump(found, file)
    os.nice(19)  # to give back its memory, for which nobody waits
    os._exit(0)


class Forks:
    """Makes pieces in processes forked from this one, each before it is needed, so that a piece waits for no fork."""

    def __init__(self, other: int):
        """Fork the first, and all, without the file of descriptor `other`."""
        self.other, self.ended = other, list[int]()
        self.waits: Forked | None = fork(other)

    def make(self, asked: dict) -> dict:
        """What `make` returns, or the sentence that refuses the piece, or `left` at the end of a slice."""
        if self.waits and os.waitpid(self.waits.process, os.WNOHANG)[0]:  # it was killed while it waited
            self.waits.close()
            self.waits = None
        works = self.waits or fork(self.other)
        with contextlib.suppress(BrokenPipeError), works.asked:
            works.asked.write(json.dumps(asked) + "\n")
        self.waits = None
        with contextlib.suppress(OSError):  # so many processes may not be: then one is forked when it is needed
            self.waits = fork(self.other)
        self.ended = [each for each in self.ended if not os.waitpid(each, os.WNOHANG)[0]]
        with works.answers as file:
            sliced = "seconds" in asked and slice_ended(asked, file)
            if sliced:
                os.kill(works.process, signal.SIGKILL)
            text = file.read()
        if text and "seconds" not in asked:  # what was trained may hold a GPU, and is waited for
            self.ended.append(works.process)
            return json.loads(text)
        ended = os.waitstatus_to_exitcode(os.waitpid(works.process, 0)[1])
        if text:
            return json.loads(text)
        told = f"the process that made {asked['result']} ended with {ended}"
        return left(asked) if sliced else {"refused": told, "unfit": False}

    def close(self) -> None:
        """Have the one that waits end, since nobody will ask it."""
        if self.waits:
            self.waits.close()
            os.waitpid(self.waits.process, 0)


def slice_ended(asked: dict, answers: IO) -> bool:
    """Wait for an answer, or, from the piece's `seconds` on, for the next progress that is kept; whether that came first."""
    recipe, into = command.resolve(asked["result"]), Path(asked["into"])
    until, before = time.monotonic() + asked["seconds"], None
    while not select.select([answers], [], [], POLL)[0]:
        if time.monotonic() >= until:
            now = {name: fingerprints.mark(path) for name, path in pieces.progress(recipe, into).items()}
            if before is not None and any(mark and mark != before.get(name) for name, mark in now.items()):
                return True
            before = now
    return False


def served(asked: dict, forks: Forks) -> dict:
    """The answer of the process that makes pieces: what making one gives, or the sentence that refuses it."""
    refused = differs(asked, Path(asked["into"]))
    return {"refused": refused, "unfit": True} if refused else forks.make(asked)


def serve() -> None:
    """Make what is asked for, one line each, until nobody can ask any more."""
    command.end_with_parent()
    with open(os.dup(1), "w", encoding="utf-8") as answers:
        os.dup2(2, 1)  # whatever else is printed is no answer
        load_libraries()
        forks = Forks(answers.fileno())
        for line in sys.stdin:
            print(json.dumps(served(json.loads(line), forks)), file=answers, flush=True)


if __name__ == "__main__":
    serve()

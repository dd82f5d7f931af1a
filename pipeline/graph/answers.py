"""What comes back from the workers of `distribute`: whether it is what was asked for, and writing it.

A worker is believed nothing that can be computed again here: sums, digests, fingerprints, what follows from what was played.
"""

from __future__ import annotations

import hashlib
import json
import tempfile
from pathlib import Path

from pipeline import PipelineError, files
from pipeline.evidence import fingerprints, machines, records
from pipeline.evidence.records import Recipe
from pipeline.graph import pieces


def check_bytes(content: bytes, digest: str, name: str) -> None:
    """See that bytes are those of a sha256.

    Raises:
        PipelineError: they are others.
    """
    if hashlib.sha256(content).hexdigest() != digest:
        raise PipelineError(f"{name} arrived with other bytes than its sha256 tells, and was refused")


def check_result(recipe: Recipe, episodes: int | None, found: dict[str, bytes], into: Path) -> None:
    """See that files which came back are the result that was asked for, whole.

    Args:
        recipe: how it is made, with what it was begun from.
        episodes: how many it is to hold; None for what has none.
        found: the files' bytes by name.
        into: the folder where it will lie; what follows from other results there is computed again.

    Raises:
        PipelineError: they are not; nothing is to be written.
    """
    own, told = pieces.evidence(recipe), f"{pieces.result(recipe)} came back"
    if found.keys() != {own, *recipe.outputs, *pieces.beside(recipe)}:
        raise PipelineError(f"{told} as other files than it consists of, and was refused")
    try:
        content = json.loads(found[own])
        values, printed = content["values"], content["made"]["fingerprint"]
        sound = content["run"] == records.fields(recipe.run) and not fingerprints.tampered(content)
        sums = {name: values["sha256"][name] for name in recipe.outputs}
        held = None if episodes is None else values["episodes"]
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
        raise PipelineError(f"{told} damaged ({type(error).__name__}), and was refused") from None
    for name, digest in sums.items():
        check_bytes(found[name], digest, name)
    if pieces.beside(recipe) and found[pieces.beside(recipe)[-1]].decode(errors="replace") != sums_of(sums):
        raise PipelineError(f"{told} with sums that are not of its files, and was refused")
    if not sound or not follows(recipe, values, found, into):
        raise PipelineError(f"{told} with digests or values that are not its own, and was refused")
    if printed != records.fingerprint(recipe, into):
        raise PipelineError(f"{told} made from something else than was asked for, and was refused")
    if held != episodes:
        raise PipelineError(f"{told} with {held} episodes in place of {episodes}, and was refused")


def follows(recipe: Recipe, values: dict, found: dict[str, bytes], into: Path) -> bool:
    """Whether what should follow from what was played does, from the arrays beside it or from results in a folder."""
    with tempfile.TemporaryDirectory() as folder:
        for name in recipe.outputs:
            files.write_bytes(Path(folder) / name, found[name])
        try:
            return fingerprints.follows(recipe, values, into if recipe.kind in fingerprints.FOLLOWS else Path(folder))
        except (PipelineError, ArithmeticError, AttributeError, LookupError, TypeError, ValueError):
            return False


def sums_of(sums: dict[str, str]) -> str:
    """What `SHA256SUMS` says of a checkpoint's files, of which sha256 are given by name."""
    return "".join(f"{digest}  {name.rpartition('/')[2]}\n" for name, digest in sorted(sums.items()))


def write_result(recipe: Recipe, found: dict[str, bytes], into: Path) -> None:
    """Write a result's files, each whole, the evidence last; unfinished work is forgotten."""
    for name in (*recipe.outputs, *pieces.beside(recipe), pieces.evidence(recipe)):
        files.write_bytes(into / name, found[name])
    for left in recipe.progress(into):
        files.remove(left)


def write_progress(recipe: Recipe, found: dict[str, bytes], into: Path) -> None:
    """Keep unfinished work where whoever goes on with it looks for it.

    Args:
        recipe: of the result, with what it was begun from.
        found: its files' bytes, by name below the workshop.
        into: the folder below which the result is written.

    Raises:
        PipelineError: a file would lie elsewhere.
    """
    base, places = pieces.workshop(recipe, into), recipe.progress(into)
    for name in found:
        if not any((base / name).resolve().is_relative_to(place.resolve()) for place in places):
            raise PipelineError(f"unfinished work on {pieces.result(recipe)} came back as {name}, which is none of its files")
    for name, content in found.items():
        files.write_bytes(base / name, content)


def write_shard(recipe: Recipe, index: int, found: dict[str, bytes], machine: dict, into: Path) -> None:
    """Keep a shard where the verb that joins them looks for it, which looks at what it holds.

    Args:
        recipe: of the result, with what it was begun from.
        index: the shard's.
        found: its file's bytes, by name.
        machine: the one that played it (see `evidence.machines`).
        into: the folder below which the result is written.

    Raises:
        PipelineError: it is damaged, or another machine than this would play another.
    """
    path, own = pieces.kept_shard(recipe, index, into), machines.of(recipe.begun).get("machine", {})
    try:
        json.loads(found[path.name])
    except (LookupError, ValueError):
        raise PipelineError(f"a shard of {pieces.result(recipe)} came back damaged, and was refused") from None
    if any(machine.get(key) != own[key] for key in own if key != "processor"):
        raise PipelineError(f"a shard of {pieces.result(recipe)} was played on a machine that rounds otherwise than this one")
    files.write_bytes(path, found[path.name])

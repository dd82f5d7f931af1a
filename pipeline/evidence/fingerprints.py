"""Fingerprints: all that a piece of evidence depends on, and the question whether it still holds.

A fingerprint is taken over the run's fields and those of the runs it plays; the bytes of what it reads; the source of the
modules that computed it (see `evidence.source`); and the public versions of the packages that these import.
"""

from __future__ import annotations

import functools
import json
import os
from importlib import metadata
from pathlib import Path

import pipeline
from pipeline import files
from pipeline.evidence.records import (
    EvidenceError,
    Recipe,
    differences,
    fields,
    read,
    sealed,
    values_digest,
    write_sealed,
)
from pipeline.evidence.source import Tree, tree

UNFOUNDED = "what is said to follow from what was played does not"
FOLLOWS = ("pooled", "compared")  # kinds that read the results they follow from where they are written themselves


@functools.cache
def public_version(package: str) -> str:
    """A package's version without its build: 2.13.0, whether +cpu or +cu130; or that it is not installed."""
    try:
        return metadata.version(package).split("+")[0]
    except metadata.PackageNotFoundError:
        return "not installed"


def check_unedited(made: dict) -> None:
    """See that the source is what it was when this process began, and so what computed what is about to be written.

    Raises:
        EvidenceError: a file that counts was edited meanwhile.
    """
    places = [path for module in made["sources"] if (path := tree(files.ROOT).locate(module))]
    for path in [*places, *(path.with_suffix(".c") for path in places if path.with_suffix(".c").exists())]:
        if pipeline.source_sums([path]) != {path: pipeline.SOURCE.get(path)}:
            raise EvidenceError(f"{path} was edited while this ran, so nothing was written: give the same command again")


@functools.cache
def sum_of(path: Path, inode: int, bytes_: int, written: int) -> str:
    """SHA-256 of a file that was last written then, nanoseconds; read once by this process."""
    return files.sha256(path)


def file_sum(path: Path) -> str:
    """SHA-256 of a file as it lies there now."""
    now = path.stat()
    return sum_of(path, now.st_ino, now.st_size, now.st_mtime_ns)


def input_digest(name: str, root: Path) -> str:
    """SHA-256 of an input's bytes; of evidence, of its run and its values alone, so that its making may be renewed.

    The sums of files beside the evidence do not count: who reads those files names them as inputs of their own.
    """
    path = Path(root) / name
    if not path.is_file():
        return "missing"
    return said_sum(path, mark(path)) if path.suffix == ".json" and name.startswith("results/") else file_sum(path)


@functools.cache
def said_sum(path: Path, written: tuple) -> str:
    """`input_digest` of evidence, by when it was written; read once by this process."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        values = {key: value for key, value in content["values"].items() if key != "sha256"}
        return values_digest([content["run"], values])
    except (OSError, ValueError, RecursionError, AttributeError, LookupError, TypeError):
        return "unreadable"


def source_of_inputs(recipe: Recipe, root: Path) -> Path:
    """The folder that inputs are read from: what pools or compares results made into `root` reads them there, too."""
    return root if recipe.kind in FOLLOWS else files.ROOT


def depends(recipe: Recipe, root: Path = files.ROOT, source: Tree | None = None) -> dict:
    """All that a recipe's evidence depends on, beside the run's own fields.

    Args:
        root: the folder whose `results/` it is made into; what pools or compares results reads them there, too.
        source: the source that makes it, by default this checkout's.
    """
    source = source or tree(files.ROOT)
    base = source_of_inputs(recipe, root)
    return {
        "holds": [fields(run) for run in recipe.holds],
        "inputs": {name: input_digest(name, base) for name in recipe.inputs},
        "sources": source.sources(recipe.modules),
        "versions": {package: public_version(package) for package in source.distributions(recipe.modules)},
    }


def fingerprint(recipe: Recipe, made: dict) -> str:
    """One SHA-256 of the run's fields and of all that its evidence depends on; names of modules apart, which may move."""
    return told_fingerprint({"run": fields(recipe.run), "made": made})


def told_fingerprint(content: dict) -> str:
    """The fingerprint that a piece of evidence should have, by what it says of its making."""
    made = content["made"]
    return values_digest(
        [content["run"], made["holds"], made["inputs"], sorted(set(made["sources"].values())), made["versions"]]
    )


def tampered(content: dict) -> bool:
    """Whether a piece of evidence is not what its own digests say."""
    made = content["made"]
    return sealed(content) != made["sha256"] or told_fingerprint(content) != made["fingerprint"]


def follows(recipe: Recipe, values: dict, root: Path) -> bool:
    """Whether all that should follow from what was played does."""
    from pipeline.statistics import summaries  # only now: scipy takes a fifth of a second

    return summaries.derived(recipe, values, root) in (None, values)


def stale(recipe: Recipe, root: Path = files.ROOT) -> str | None:
    """Why the evidence at hand does not hold, in a few words; None where it holds.

    Asked again while no file it looks at was written, it says what it said: `doit` asks twice.
    """
    base = source_of_inputs(recipe, root)
    beside = (*(f"{root}/{name}" for name in recipe.outputs), *(f"{base}/{name}" for name in recipe.inputs))
    return judged(recipe, Path(root), Path(root) == files.ROOT, tuple(map(mark, (recipe.path(root), *beside))))


def mark(path: Path | str) -> tuple[int, int, int] | None:
    """What tells a file from what it was: its inode, bytes and time of writing; None where there is none."""
    try:
        now = os.stat(path)
    except OSError:
        return None
    return now.st_ino, now.st_size, now.st_mtime_ns


@functools.cache
def judged(recipe: Recipe, root: Path, whole: bool, marks: tuple) -> str | None:
    """`stale`, remembered by the marks of the files it looks at; whole: whether a part of the episodes is not enough."""
    try:
        content = read(recipe.path(root))
        if tampered(content):
            return "it was changed by hand"
        for output in recipe.outputs:
            path = Path(root) / output
            if not path.is_file() or file_sum(path) != content["values"]["sha256"].get(output):
                return f"{output} is missing or was changed by hand"
        held, wanted = content["values"].get("episodes", 0), getattr(recipe.run, "episodes", 0)
        if whole and 0 < held < wanted:
            return f"it holds {held} of {wanted} episodes"
        changed = changes(recipe, content, root)
        if changed:
            return f"changed: {', '.join(changed)}"
        return None if follows(recipe, content["values"], root) else UNFOUNDED
    except EvidenceError as error:
        return "missing" if "is missing" in str(error) else str(error)
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError):
        return "it does not say what it was made from, or what was found"


def derive_again(recipe: Recipe, root: Path = files.ROOT) -> bool:
    """Where nothing is wrong with evidence but what should follow from what was played, write that anew; whether it was so."""
    from pipeline.statistics import summaries

    if stale(recipe, root) != UNFOUNDED:
        return False
    content = read(recipe.path(root))
    write_sealed(recipe.path(root), {**content, "values": summaries.derived(recipe, content["values"], root)})
    return True


def changes(recipe: Recipe, content: dict, root: Path = files.ROOT) -> list[str]:
    """What has changed, of all that a recipe's evidence depends on, since it was made; each in a few words."""
    then, now = content["made"], depends(recipe, root)
    changed = [f"run's {key}" for key, _, _ in differences(content["run"], fields(recipe.run))]
    if then["holds"] != now["holds"]:
        pairs = zip(then["holds"], now["holds"], strict=False)
        names = [f"{new['name']}'s {key}" for old, new in pairs for key, _, _ in differences(old, new)]
        changed += names or ["the runs it plays"]
    changed += changed_sources(then["sources"], now["sources"])
    changed += [key for key, _, _ in differences(then["inputs"], now["inputs"])]
    changed += [f"{key} {old} → {new}" for key, old, new in differences(then["versions"], now["versions"])]
    return changed


def changed_sources(then: dict[str, str], now: dict[str, str]) -> list[str]:
    """The modules that differ, but for those that differ only by what they import."""
    old, new, source = set(then.values()), set(now.values()), tree(files.ROOT)
    if old == new:
        return []
    other = {module for module, digest in now.items() if digest not in old}
    source.closure(tuple(other))
    first = [module for module in other if not {source.target(each) for each in source.imports[module]} & other]
    gone = [module for module, digest in then.items() if digest not in new and module not in now]
    return [f"source of {module}" for module in sorted(first) or sorted(gone) or ["modules no longer imported"]]

"""Evidence: results that carry their making.

A file under `results/` is `{"run": ..., "made": ..., "values": ...}`: the run's own fields, what it was made from (see
`pipeline.evidence.fingerprints`, which also tells whether it still holds), and what was found.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from pipeline import PipelineError, files
from pipeline.study import runs

if TYPE_CHECKING:
    from pipeline.study.run import Run


class EvidenceError(PipelineError):
    """A file under `results/` that cannot be used."""


@dataclass(frozen=True)
class Recipe:
    """How one piece of evidence is made.

    name: the run's name, which is also the file's and the task's. kind: its folder under `results/`. verb: the module whose
    `make(recipe, into)` finds the values; of a picture, a script of its own. modules: where the source that matters begins;
    what they import from this project follows. inputs: files, relative to the repository, whose bytes matter. outputs: files
    made beside the evidence, likewise relative. holds: runs that this one plays, whose fields matter as its own. seconds:
    about how long it takes on one core. about: one line for `doit list --all`. begun: what it depended on when work on it
    began, while it is being made (see `pipeline.graph.command.begin`).
    """

    name: str
    kind: str
    verb: str
    run: object
    modules: tuple[str, ...]
    inputs: tuple[str, ...] = ()
    outputs: tuple[str, ...] = ()
    holds: tuple = ()
    seconds: float = 1.0
    about: str = ""
    begun: dict | None = field(default=None, compare=False, repr=False)

    def path(self, root: Path = files.ROOT) -> Path:
        """Where the evidence lies."""
        return Path(root) / "results" / self.kind / f"{self.name}.json"

    def targets(self, root: Path = files.ROOT) -> list[Path]:
        """The evidence and all files made beside it."""
        return [self.path(root), *(Path(root) / output for output in self.outputs)]

    def work(self, root: Path = files.ROOT) -> Path:
        """Where unfinished work is kept: another folder for other code, other inputs or other settings."""
        return workshop(root) / self.kind / f"{self.name}_{fingerprint(self, root)[:12]}"

    def progress(self, root: Path = files.ROOT) -> list[Path]:
        """Where unfinished work may lie; that of training lies under the run's name alone, whatever it was begun from."""
        training = workshop(root).parent / "training"
        places = [training / f"{self.name}.safetensors", training / self.name] if self.kind == "training" else []
        return [self.work(root), *places]


class Found(NamedTuple):
    """What a verb found: values, arrays to be written beside them by name, what else the evidence says of its making, and files
    that are to be removed when it is written.
    """

    values: dict
    arrays: dict[str, np.ndarray] = {}
    about: dict | None = None
    left: tuple[Path, ...] = ()


def workshop(root: Path = files.ROOT) -> Path:
    """Where all unfinished work is kept."""
    return Path(root) / "build" / "work" if Path(root) == files.ROOT else Path(root) / "work"


def fingerprint(recipe: Recipe, root: Path = files.ROOT) -> str:
    """One SHA-256 of all that a recipe's evidence depends on; while it is being made, of what it was begun from."""
    from pipeline.evidence import fingerprints  # which reads evidence, too

    return fingerprints.fingerprint(recipe, recipe.begun or fingerprints.depends(recipe, root))


def fields(run: Run) -> dict:
    """A run's fields as JSON would give them back."""
    return json.loads(json.dumps(asdict(run)))


def values_digest(values) -> str:
    """SHA-256 of values in one canonical writing."""
    return hashlib.sha256(json.dumps(values, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def sealed(content: dict) -> str:
    """SHA-256 of a whole piece of evidence, but for the place where that is written."""
    made = {key: value for key, value in content["made"].items() if key != "sha256"}
    return values_digest([content["run"], made, content["values"]])


def plain(values, digits: int = 4):
    """Numbers as Jekyll can read them: rounded, and without exponents, which YAML 1.1 takes for text."""
    if isinstance(values, dict):
        return {str(key): plain(value, digits) for key, value in values.items()}
    if isinstance(values, list | tuple):
        return [plain(value, digits) for value in values]
    if hasattr(values, "tolist"):
        return plain(values.tolist(), digits)
    if isinstance(values, float):
        return round(values, digits) + 0.0
    return values


def write(recipe: Recipe, values: dict, root: Path = files.ROOT, about: dict | None = None) -> Path:
    """Write evidence whole or not at all, with all it depends on and a digest of everything in it. Returns its path.

    Raises:
        EvidenceError: the source was edited since this process began, so that nobody can tell what computed the values.
    """
    from pipeline.evidence import fingerprints  # which reads evidence, too

    sums = {output: files.sha256(Path(root) / output) for output in recipe.outputs}
    values = plain({**values, "sha256": sums} if sums else values)
    depends = recipe.begun or fingerprints.depends(recipe, root)
    fingerprints.check_unedited(depends)
    made = {"fingerprint": fingerprints.fingerprint(recipe, depends), **(about or {}), **depends}
    write_sealed(recipe.path(root), {"run": fields(recipe.run), "made": made, "values": values})
    return recipe.path(root)


def write_sealed(path: Path, content: dict) -> None:
    """Write a file of evidence whole, with the digest of everything in it."""
    files.write_json(path, {**content, "made": {**content["made"], "sha256": sealed(content)}})


def read(path: Path) -> dict:
    """Read a file of evidence.

    Raises:
        EvidenceError: it is missing, not JSON, or not of the form run, made, values.
    """
    try:
        content = json.loads(files.read_text(Path(path)))
    except FileNotFoundError:
        raise EvidenceError(f"{path} is missing: `doit` makes it") from None
    except IsADirectoryError:
        raise EvidenceError(f"{path} is a directory where evidence should be: `doit` mends it") from None
    except OSError as error:
        raise EvidenceError(f"{path} cannot be read ({error.strerror})") from None
    except (ValueError, RecursionError) as error:
        raise EvidenceError(f"{path} is not valid JSON ({error}): `doit` mends it") from None
    if not isinstance(content, dict) or not {"run", "made", "values"} <= content.keys():
        raise EvidenceError(f"{path} is not evidence (run, made, values): `doit` mends it")
    return content


def differences(old: dict, new: dict) -> list[tuple[str, object, object]]:
    """Keys under which two dictionaries differ, with both values."""
    return [(key, old.get(key), new.get(key)) for key in sorted(old.keys() | new.keys()) if old.get(key) != new.get(key)]


def trained_otherwise(old: dict, run: Run) -> list[tuple[str, object, object]]:
    """The fields, with both values, that make a training another than the one of fields `old`: not what `--from` is told."""
    return [each for each in differences(old, fields(run)) if not each[0].startswith(runs.FURTHER)]

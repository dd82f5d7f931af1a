"""Evidence: results that carry their making, and the question whether they still hold.

A file under `results/` is `{"run": ..., "made": ..., "values": ...}`: the run's own fields, what it was made from, and what was
found. Evidence holds as long as everything it was made from is what it was: the run's fields, the bytes of its inputs, the
source of the modules that computed it (docstrings, comments and layout apart) and the public versions of the packages named.
"""

from __future__ import annotations

import ast
import functools
import hashlib
import json
import re
from dataclasses import asdict, dataclass, field
from importlib import metadata
from pathlib import Path

from pipeline import PipelineError, files, runs

# Modules that decide where results are kept and when they are made, hardly what they are; or that only read and check bytes
# whose sha256 the evidence names.
BOOKKEEPING = {
    "pipeline",
    "pipeline.arrays",
    "pipeline.checkpoints",
    "pipeline.command",
    "pipeline.episodes",
    "pipeline.evidence",
    "pipeline.files",
    "pipeline.recipes",
    "pipeline.runs",
    "pipeline.studies",
}


class EvidenceError(PipelineError):
    """A file under `results/` that cannot be used."""


@dataclass(frozen=True)
class Recipe:
    """How one piece of evidence is made.

    name: the run's name, which is also the file's and the task's. kind: its folder under `results/`. verb: the module run as
    `python -m <verb> <name>`. modules: where the source that matters begins; what they import from this project follows.
    inputs: files, relative to the repository, whose bytes matter. outputs: files made beside the evidence, likewise relative.
    seconds: about how long it takes on one core. about: one line for `doit list --all`. begun: what it depended on when work on
    it began, while it is being made (see `pipeline.command.find`).
    """

    name: str
    kind: str
    verb: str
    run: object
    modules: tuple[str, ...]
    inputs: tuple[str, ...] = ()
    packages: tuple[str, ...] = ()
    outputs: tuple[str, ...] = ()
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
        return workshop(root) / self.kind / f"{self.name}_{fingerprint(self)[:12]}"

    def progress(self, root: Path = files.ROOT) -> list[Path]:
        """Where unfinished work may lie; that of training lies under the run's name alone, whatever it was begun from."""
        training = workshop(root).parent / "training"
        places = [training / f"{self.name}.safetensors", training / self.name] if self.kind == "training" else []
        return [self.work(root), *places]


def workshop(root: Path = files.ROOT) -> Path:
    """Where all unfinished work is kept."""
    return Path(root) / "build" / "work" if Path(root) == files.ROOT else Path(root) / "work"


def canonical(node) -> str:
    """A syntax tree as text that does not depend on layout, nor on Python's minor version.

    Fields that are empty are left out: newer versions of Python add empty ones, such as `type_params`.
    """
    if isinstance(node, ast.AST):
        fields = ((name, getattr(node, name, None)) for name in node._fields if name not in ("ctx", "kind", "type_comment"))
        filled = ",".join(f"{name}={canonical(value)}" for name, value in fields if value not in (None, []))
        return f"{type(node).__name__}({filled})"
    if isinstance(node, list):
        return f"[{','.join(map(canonical, node))}]"
    return repr(node)


def without_docstrings(tree: ast.AST) -> ast.AST:
    """The tree less the docstrings of its module, classes and functions."""
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if (
            isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
            and ast.get_docstring(node, clean=False) is not None
        ):
            node.body = body[1:]
    return tree


def source_digest(source: str) -> str:
    """SHA-256 of what a source says to the interpreter: docstrings, comments and layout do not count."""
    return hashlib.sha256(canonical(without_docstrings(ast.parse(source))).encode()).hexdigest()


def module_path(module: str) -> Path:
    """File of a module of this project; it may not exist."""
    return files.ROOT / (module.replace(".", "/") + ".py")


def project_imports(tree: ast.AST) -> set[str]:
    """Modules of this project that a syntax tree imports, wherever the import stands."""
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return {name for name in names if name.split(".")[0] in ("pipeline", "figures") and module_path(name).is_file()}


@functools.cache
def read_module(module: str) -> tuple[str, frozenset[str]]:
    """A module's digest and the modules of this project it imports; code in C of the same name belongs to it."""
    path = module_path(module)
    tree = ast.parse(path.read_text())
    says = canonical(without_docstrings(tree))
    if path.with_suffix(".c").exists():
        says += " ".join(re.sub(r"/\*.*?\*/", "", path.with_suffix(".c").read_text(), flags=re.DOTALL).split())
    return hashlib.sha256(says.encode()).hexdigest(), frozenset(project_imports(tree))


def sources(modules: tuple[str, ...]) -> dict[str, str]:
    """Digest of each given module and of all that it imports from this project, bookkeeping apart."""
    found: dict[str, str] = {}
    waiting = list(modules)
    while waiting:
        module = waiting.pop()
        if module in found or module in BOOKKEEPING:
            continue
        found[module], imports = read_module(module)
        waiting.extend(imports)
    return dict(sorted(found.items()))


@functools.cache
def public_version(package: str) -> str:
    """A package's version without its build: 2.13.0, whether +cpu or +cu130; or that it is not installed."""
    try:
        return metadata.version(package).split("+")[0]
    except metadata.PackageNotFoundError:
        return "not installed"


def depends(recipe: Recipe) -> dict:
    """All that a recipe's evidence depends on, beside the run's fields; while it is being made, as it was at the beginning."""
    return recipe.begun or {
        "inputs": {name: file_digest(name) for name in recipe.inputs},
        "sources": sources(recipe.modules),
        "versions": {package: public_version(package) for package in recipe.packages},
    }


def file_digest(name: str) -> str:
    """SHA-256 of an input's bytes; of JSON evidence, of its values alone, so that its making may be renewed.

    The sums of files beside the evidence do not count: who reads those files names them as inputs of their own.
    """
    path = files.ROOT / name
    if not path.is_file():
        return "missing"
    if path.suffix == ".json" and path.is_relative_to(files.ROOT / "results"):
        try:
            values = json.loads(path.read_text())["values"]
            return values_digest({key: value for key, value in values.items() if key != "sha256"})
        except (OSError, ValueError, RecursionError, AttributeError, LookupError, TypeError):
            return "unreadable"
    return files.sha256(path)


def fields(run) -> dict:
    """A run's fields as JSON would give them back."""
    return json.loads(json.dumps(asdict(run)))


def values_digest(values) -> str:
    """SHA-256 of values in one canonical writing."""
    return hashlib.sha256(json.dumps(values, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


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
    """Write evidence whole or not at all, with all it depends on and a digest of its values. Returns its path."""
    sums = {output: files.sha256(Path(root) / output) for output in recipe.outputs}
    values = plain({**values, "sha256": sums} if sums else values)
    made = {"fingerprint": fingerprint(recipe), **(about or {}), **depends(recipe), "values_sha256": values_digest(values)}
    files.write_json(recipe.path(root), {"run": fields(recipe.run), "made": made, "values": values})
    return recipe.path(root)


def fingerprint(recipe: Recipe) -> str:
    """One SHA-256 of the run's fields and of all that its evidence depends on."""
    return values_digest([fields(recipe.run), depends(recipe)])


def read(path: Path) -> dict:
    """Read a file of evidence.

    Raises:
        EvidenceError: it is missing, not JSON, or not of the form run, made, values.
    """
    try:
        content = json.loads(Path(path).read_text())
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


def stale(recipe: Recipe, root: Path = files.ROOT) -> str | None:
    """Why the evidence at hand does not hold, in a few words; None where it holds."""
    try:
        content = read(recipe.path(root))
        made = content["made"]
        if values_digest(content["values"]) != made["values_sha256"]:
            return "its values were changed by hand"
        for output in recipe.outputs:
            if not (Path(root) / output).is_file() or files.sha256(Path(root) / output) != content["values"]["sha256"].get(
                output
            ):
                return f"{output} is missing or was changed by hand"
        held, wanted = content["values"].get("episodes", 0), getattr(recipe.run, "episodes", 0)
        if Path(root) == files.ROOT and 0 < held < wanted:
            return f"it holds {held} of {wanted} episodes"
        then, now = made, depends(recipe)
        changed = [f"run's {key}" for key, old, new in differences(content["run"], fields(recipe.run))]
        differing = differences(then["sources"], now["sources"])
        changed += [f"source of {key}" for key, old, new in differing if key not in BOOKKEEPING]
        changed += [key for key, old, new in differences(then["inputs"], now["inputs"])]
        changed += [f"{key} {old} → {new}" for key, old, new in differences(then["versions"], now["versions"])]
    except EvidenceError as error:
        return "missing" if "is missing" in str(error) else str(error)
    except (KeyError, AttributeError, TypeError):
        return "it does not say what it was made from"
    return f"changed: {', '.join(changed)}" if changed else None


def differences(old: dict, new: dict) -> list[tuple[str, object, object]]:
    """Keys under which two dictionaries differ, with both values."""
    return [(key, old.get(key), new.get(key)) for key in sorted(old.keys() | new.keys()) if old.get(key) != new.get(key)]


def trained_otherwise(old: dict, run) -> list[tuple[str, object, object]]:
    """The fields, with both values, that make a training another than the one of fields `old`: not what `--from` is told."""
    return [each for each in differences(old, fields(run)) if not each[0].startswith(runs.FURTHER)]

"""Fingerprints: all that a piece of evidence depends on, and the question whether it still holds.

A fingerprint is taken over the run's fields and those of the runs it plays; the bytes of what it reads; the source of the
modules that computed it; and the public versions of the packages that these import.

The digest of a module is taken over its syntax tree with the digests of this project's modules that it imports in the place of
their names (a Merkle tree): a change anywhere below a module changes it, and moving or renaming files changes nothing. What
cannot change a value is left out (see `evidence.syntax`). The modules in `ASIDE` are left out as well: they say what is run,
when, and whether it holds, and compute nothing that is written. What they say reaches a fingerprint as the run's fields, as the
names of inputs, and as the set of modules.
"""

from __future__ import annotations

import ast
import functools
import hashlib
import json
import sys
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path

import pipeline
from pipeline import files
from pipeline.evidence import syntax
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
from pipeline.statistics import summaries

ASIDE = {
    "pipeline.graph.command": "names of runs, locks and errors on the command line",
    "pipeline.evidence.fingerprints": "judges what was found",
    "pipeline.graph.plan": "says what is stale",
    "pipeline.graph.probe": "runs the verbs at toy size, for renewal",
    "pipeline.evidence.processes": "locks, and what killed processes left",
    "pipeline.evidence.recipes": "names what a run reads, which its fingerprint holds",
    "pipeline.graph.renewal": "compares what two checkouts compute",
    "pipeline.study.runs": "the runs, whose fields their fingerprints hold",
    "pipeline.study.studies": "more runs",
    "pipeline.statistics.summaries": "what follows from what was played, computed again at every check",
    "pipeline.evidence.syntax": "reads source, for digests",
}
UNFOUNDED = "what is said to follow from what was played does not"
WITHOUT_INFLUENCE = ("tqdm",)  # draws progress bars
DISTRIBUTIONS = {"PIL": "pillow", "stable_baselines3": "stable_baselines3"}  # that are called otherwise than what they hold
COMPILED = (".so", ".pyd")  # what Python prefers to a .py file of the same name


@dataclass
class Tree:
    """The source of a checkout of this project, each file read once."""

    root: Path
    aside: frozenset[str] = frozenset(ASIDE)
    digests: dict[str, str] = field(default_factory=dict)
    imports: dict[str, list[syntax.Imported]] = field(default_factory=dict)
    places: dict[str, Path | None] = field(default_factory=dict)
    entries: dict[Path, set[str]] = field(default_factory=dict)
    waiting: list[str] = field(default_factory=list)
    closures: dict[tuple[str, ...], list[str]] = field(default_factory=dict)

    def listed(self, folder: Path) -> set[str]:
        """Names of what lies in a folder."""
        if folder not in self.entries:
            self.entries[folder] = {path.name for path in folder.iterdir()} if folder.is_dir() else set()
        return self.entries[folder]

    def locate(self, module: str) -> Path | None:
        """The file that Python would import as a module, the checkout coming first; None where it holds none of that name.

        Raises:
            EvidenceError: a compiled module lies in its place, which no digest reads.
        """
        if module not in self.places:
            self.places[module] = self.find(module)
        return self.places[module]

    def find(self, module: str) -> Path | None:
        """`locate`, not remembered."""
        folder, found = self.root, None
        for part in module.split("."):
            if found is not None and found.name != "__init__.py":
                return None
            names, found = self.listed(folder), None
            compiled = [name for name in names if name.startswith(f"{part}.") and name.endswith(COMPILED)]
            if part in names and "__init__.py" in self.listed(folder / part):
                found = folder / part / "__init__.py"
            elif compiled:
                raise EvidenceError(f"{folder / compiled[0]} would be imported in the place of {module}: remove it")
            elif f"{part}.py" in names:
                found = folder / f"{part}.py"
            elif part not in names or not (folder / part).is_dir():
                return None
            folder = folder / part
        return found

    def target(self, each: syntax.Imported) -> str | None:
        """The module of this project that an import binds or takes a name from; None for another's."""
        if each.name is not None and self.locate(f"{each.module}.{each.name}"):
            return f"{each.module}.{each.name}"
        return each.module if self.locate(each.module) else None

    def digest(self, module: str) -> str:
        """SHA-256 of what a module does, and of all that it imports from this project.

        Raises:
            EvidenceError: there is no such module, it is no Python, or modules import one another in a circle.
        """
        if module not in self.digests:
            if module in self.waiting:
                raise EvidenceError(f"modules import one another in a circle: {' → '.join([*self.waiting, module])}")
            self.waiting.append(module)
            try:
                self.digests[module] = self.compute(module)
            finally:
                self.waiting.pop()
        return self.digests[module]

    def compute(self, module: str) -> str:
        """`digest`, not remembered."""
        path = self.locate(module)
        if path is None:
            raise EvidenceError(f"there is no module {module} to take a digest of")
        try:
            tree = syntax.parse(path.read_bytes())
        except (SyntaxError, ValueError) as error:
            raise EvidenceError(f"{path} is no Python ({error})") from None
        package = module if path.name == "__init__.py" else module.rpartition(".")[0]
        nodes = syntax.walk(tree)
        everything = syntax.all_imported(nodes, package)
        self.imports[module] = everything
        renamed = self.stand_ins(nodes, everything)

        def say(statement) -> list[str]:
            return [self.said(each, each.bound in renamed) for each in syntax.imported(statement, package)]

        digest = hashlib.sha256(syntax.canonical(tree, say, renamed, nodes).encode())
        if path.with_suffix(".c").exists():  # code in C of the same name belongs to it
            digest.update(path.with_suffix(".c").read_bytes())
        return digest.hexdigest()

    def stand_ins(self, nodes: list[ast.AST], everything: list[syntax.Imported]) -> dict[str, str]:
        """Names in a file that stand for one module of this project and for nothing else, with the text that replaces them."""
        meant: dict[str, set[str | None]] = {}
        for each in everything:
            target = self.target(each)
            whole = target is not None and target not in self.aside and (each.name is None or target != each.module)
            dotted = each.name is None and each.bound != each.module.rpartition(".")[2]
            meant.setdefault(each.bound, set()).add(f"Module({self.digest(target)})" if whole and not dotted else None)
        for name in syntax.bound_otherwise(nodes):
            meant.pop(name, None)
        return {name: text for name, (text, *others) in meant.items() if text is not None and not others}

    def said(self, each: syntax.Imported, renamed: bool) -> str:
        """What an import says of one name it binds."""
        target = self.target(each)
        if target is None:
            return f"Import({each.module} {each.name} {each.bound})"
        what = f"aside {target.rpartition('.')[2]}" if target in self.aside else self.digest(target)
        name = "" if target != each.module else each.name
        return f"Import({what} {name} {'' if renamed else each.bound})"

    def closure(self, modules: tuple[str, ...]) -> list[str]:
        """The modules given and all that they import from this project, with the packages that hold them; `ASIDE` apart."""
        if modules not in self.closures:
            self.closures[modules] = self.reach(modules)
        return self.closures[modules]

    def reach(self, modules: tuple[str, ...]) -> list[str]:
        """`closure`, not remembered."""
        found: set[str] = set()
        waiting = list(modules)
        while waiting:
            module = waiting.pop()
            if module in found or module in self.aside:
                continue
            self.digest(module)
            found.add(module)
            waiting += [target for each in self.imports[module] if (target := self.target(each))]
            waiting += [above for above in self.above(module) if self.locate(above)]
        return sorted(found)

    def above(self, module: str) -> list[str]:
        """The packages that hold a module, which Python imports before it."""
        parts = module.split(".")
        return [".".join(parts[:count]) for count in range(1, len(parts))]

    def sources(self, modules: tuple[str, ...]) -> dict[str, str]:
        """Digest of each module of a closure; a package that holds nothing but a docstring has none."""
        return {module: self.digest(module) for module in self.closure(modules) if self.digest(module) != NOTHING}

    def distributions(self, modules: tuple[str, ...]) -> list[str]:
        """The packages, other people's, that a closure imports."""
        names = {each.module.partition(".")[0] for module in self.closure(modules) for each in self.imports[module]}
        foreign = {name for name in names if name not in sys.stdlib_module_names and not self.locate(name)}
        return sorted({DISTRIBUTIONS.get(name, name) for name in foreign - {*WITHOUT_INFLUENCE, "__future__", ""}})


NOTHING = hashlib.sha256(b"Module()").hexdigest()


def checkout(root: Path = files.ROOT) -> Tree:
    """The source of a commit, as it lies there now; before there were rooms, all modules lay in one folder."""
    rooms = (Path(root) / "pipeline" / "graph").is_dir()
    return Tree(root, frozenset(ASIDE if rooms else (f"pipeline.{name.rpartition('.')[2]}" for name in ASIDE)))


@functools.cache
def tree(root: Path = files.ROOT) -> Tree:
    """The source as this process first read it."""
    return checkout(root)


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
    if path.suffix == ".json" and name.startswith("results/"):
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
            values = {key: value for key, value in content["values"].items() if key != "sha256"}
            return values_digest([content["run"], values])
        except (OSError, ValueError, RecursionError, AttributeError, LookupError, TypeError):
            return "unreadable"
    return file_sum(path)


def source_of_inputs(recipe: Recipe, root: Path) -> Path:
    """The folder that inputs are read from: what pools or compares results made into `root` reads them there, too."""
    return root if recipe.kind in ("pooled", "compared") else files.ROOT


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
    return summaries.derived(recipe, values, root) in (None, values)


def stale(recipe: Recipe, root: Path = files.ROOT) -> str | None:
    """Why the evidence at hand does not hold, in a few words; None where it holds.

    Asked again while no file it looks at was written, it says what it said: `doit` asks twice.
    """
    base = source_of_inputs(recipe, root)
    read_from = (*recipe.targets(root), *(Path(base) / name for name in recipe.inputs))
    return judged(recipe, Path(root), Path(root) == files.ROOT, tuple(map(mark, read_from)))


def mark(path: Path) -> tuple[int, int, int] | None:
    """What tells a file from what it was: its inode, bytes and time of writing; None where there is none."""
    try:
        now = path.stat()
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

"""The source of a checkout: a digest of each module, and what it imports.

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
import sys
from dataclasses import dataclass, field
from pathlib import Path

from pipeline import files
from pipeline.evidence import syntax
from pipeline.evidence.records import EvidenceError

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

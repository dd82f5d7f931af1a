"""The library: `pip install .` copies into `sequence_rl` what models and planners need of the pipeline, under its own name.

The modules stand in the pipeline, where the evidence rests on them, and nowhere else; they are copied when a wheel is made.
What speaks of the article's own runs or datasets, which the library knows nothing of, is left out.
"""

from __future__ import annotations

import ast
import shutil
from collections.abc import Iterator
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

ROOT = Path(__file__).resolve().parent
PLACE = "sequence_rl.core"  # what the copied package is called
MODULES = (
    "methods.decision_transformer.policy",
    "methods.leap.policy",
    "methods.perceptron.policy",
    "methods.trajectory_transformer.policy",
    "statistics.intervals",
    "statistics.patterns",
    "statistics.proportions",
    "statistics.verdicts",
    "worlds.grids",
    "worlds.levels",
    "worlds.world",
)
ONLY = {  # names that are kept of a module, where most of it is of no use to the library
    "pipeline": {"PipelineError"},
    "pipeline.evidence.checkpoints": {"CheckpointError", "CURE", "Tensors", "read_tensors", "write_tensors"},
}
TOLD = {  # by name, and docstrings by none: said otherwise than in the article
    "pipeline": {"": '"""What models and planners need, copied from the article\'s pipeline when the library was built."""'},
    "pipeline.evidence.checkpoints": {
        "": '"""Named tensors as safetensors files."""',
        "CURE": 'CURE = "save or download it again"',
    },
}
ADDED = {
    "pipeline.methods.trajectory_transformer.decoding": "from sequence_rl import kernels as library\n\n"
    "kernels, compiled = library.folder, functools.cache(library.or_plain(compiled))\n"
}
IMPORTS = (ast.Import, ast.ImportFrom)
REGISTERING = {"minigrid"}  # modules that are imported for what importing them does


def path_of(module: str) -> Path | None:
    """The file of a module of the pipeline; None where it is no module."""
    folder = ROOT.joinpath(*module.split("."))
    found = [path for path in (folder / "__init__.py", folder.with_suffix(".py")) if path.is_file()]
    return found[0] if found else None


def imported(node: ast.Import | ast.ImportFrom) -> Iterator[tuple[str, str]]:
    """The name that each part of an import binds, and the module it needs."""
    for alias in node.names:
        if isinstance(node, ast.Import):
            yield alias.asname or alias.name.partition(".")[0], alias.name
        else:
            below = f"{node.module}.{alias.name}"
            yield alias.asname or alias.name, below if path_of(below) else str(node.module)


def bound(node: ast.stmt) -> set[str]:
    """The names that a statement at the top of a file defines."""
    if isinstance(node, ast.FunctionDef | ast.ClassDef):
        return {node.name}
    targets = node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
    return {each.id for target in targets for each in ast.walk(target) if isinstance(each, ast.Name)}


def used(nodes: list[ast.stmt]) -> set[str]:
    """The names that statements use, imports apart."""
    return {each.id for node in nodes for each in ast.walk(node) if isinstance(each, ast.Name)}


def for_types(node: ast.stmt) -> bool:
    """Whether a statement is `if TYPE_CHECKING:`."""
    return isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"


def kept(module: str, tree: ast.Module) -> list[ast.stmt]:
    """The statements of a module that the library takes, imports that nothing needs any more among them."""
    unknown = {
        name
        for block in filter(for_types, tree.body)
        for node in block.body
        for name, needed in imported(node)
        if needed.startswith("pipeline.") and not known(needed)
    }
    wanted = ONLY.get(module)
    return [
        node
        for node in tree.body
        if not bound(node) or (not used([node]) & unknown and (wanted is None or bound(node) & wanted))
        if wanted is None or bound(node) or isinstance(node, IMPORTS) or node is tree.body[0]
    ]


def known(module: str) -> bool:
    """Whether a module that only types are taken from is in the library: models and policies are, runs and datasets are not."""
    return module.startswith(("pipeline.methods.", "pipeline.worlds.")) and not module.endswith(".settings")


def renamed(node: ast.Import | ast.ImportFrom, needed: set[str]) -> str:
    """An import as the library writes it, less the names that nothing needs; empty where none is left."""
    names = [alias for alias, (name, module) in zip(node.names, imported(node), strict=True) if {name, module} & needed]
    if not names:
        return ""
    if isinstance(node, ast.ImportFrom) and (node.module == "pipeline" or str(node.module).startswith("pipeline.")):
        node = ast.ImportFrom(PLACE + node.module.removeprefix("pipeline"), names, node.level)
    return ast.unparse(type(node)(**{**dict(ast.iter_fields(node)), "names": names}))


def translated(module: str) -> tuple[str, set[str]]:
    """A module as the library has it, and the modules of the pipeline that it imports."""
    text = path_of(module).read_text(encoding="utf-8")
    lines, tree = text.splitlines(), ast.parse(text)
    statements = kept(module, tree)
    needed = used([node for node in statements if not isinstance(node, IMPORTS) and not for_types(node)]) | {"annotations"}
    needed |= REGISTERING
    parts, modules = [], set()

    def taken(nodes: list[ast.stmt]) -> list[str]:
        for node in nodes:
            modules.update(other for name, other in imported(node) if name in needed and other.split(".")[0] == "pipeline")
        return [line for node in nodes if (line := renamed(node, needed))]

    for node in statements:
        first = min([node.lineno, *(each.lineno for each in getattr(node, "decorator_list", []))]) - 1
        while lines[first - 1].startswith("#"):  # what is said of it
            first -= 1
        if isinstance(node, IMPORTS):
            if "TYPE_CHECKING" in {name for name, _ in imported(node)}:
                needed |= {"TYPE_CHECKING"} & {"TYPE_CHECKING" for block in filter(for_types, statements) if taken(block.body)}
            parts += [("import", line) for line in taken([node])]
        elif for_types(node):
            block = taken(node.body)
            parts += [("if", "\n".join(["if TYPE_CHECKING:", *(f"    {line}" for line in block)]))] if block else []
        else:
            names = {""} if node is tree.body[0] else bound(node)
            said = next((TOLD[module][name] for name in names & TOLD.get(module, {}).keys()), None)
            parts.append((type(node).__name__, said or "\n".join(lines[first : node.end_lineno])))
    return joined([*parts, *([("import", ADDED[module])] if module in ADDED else [])]), modules


def joined(parts: list[tuple[str, str]]) -> str:
    """Statements, each with its kind, one below the other as the house has them."""
    text = ""
    for (kind, part), (before, _) in zip(parts, [("", ""), *parts], strict=False):
        tall = {"FunctionDef", "ClassDef"} & {kind, before}
        together = kind == before and kind in ("import", "Assign", "AnnAssign")
        text += ("" if not text else "\n\n\n" if tall else "\n" if together else "\n\n") + part
    return f"{text.rstrip()}\n"


def library() -> dict[str, str]:
    """Every file of the copied package, by its path below `sequence_rl/core`."""
    waiting, found, contents = {f"pipeline.{name}" for name in MODULES}, set(), {}
    while waiting:
        module = waiting.pop()
        found.add(module)
        path, (content, others) = path_of(module), translated(module)
        place = path.relative_to(ROOT / "pipeline")
        contents[place.as_posix()] = content
        if path.with_suffix(".c").is_file():  # code in C of the same name belongs to it
            contents[place.with_suffix(".c").as_posix()] = path.with_suffix(".c").read_text(encoding="utf-8")
        above = {module.rsplit(".", count)[0] for count in range(1, module.count(".") + 1)}
        waiting |= (others | above) - found
    return contents


class BuildWithCore(build_py):
    """Also writes the copied package beside the modules of the library."""

    def run(self) -> None:
        """Copy what is in git, then what is made."""
        super().run()
        shutil.rmtree(Path(self.build_lib, *PLACE.split(".")), ignore_errors=True)
        for name, content in library().items():
            place = Path(self.build_lib, *PLACE.split("."), name)
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_text(content, encoding="utf-8")


if __name__ == "__main__":
    setup(cmdclass={"build_py": BuildWithCore})

"""The rooms of the pipeline: each imports those that come before it, and no method imports another."""

from __future__ import annotations

import ast
import importlib
import re
from collections.abc import Iterator
from pathlib import Path

from pipeline import files
from pipeline.evidence import source, syntax
from tests.conftest import LONGEST

ROOMS = (
    "study",
    "evidence",
    "worlds",
    "data",
    "statistics",
    "learning",
    "methods",
    "hub",
    "measures",
    "show",
    "graph",
    "wheel",
)
UPWARD = {  # that remain, each with its reason
    ("evidence.fingerprints", "statistics.summaries"): "what follows from what was played is computed again at every check",
}
SHARED = ("perceptron",)  # a network of several methods
BETWEEN = {  # each with its reason
    ("trajectory_transformer", "td3_bc"): "plans that are valued by critics",
    ("return_conditioned_cloning", "behaviour_cloning"): "the second, told the return",
}


def imports() -> list[tuple[str, str]]:
    """What every module of the pipeline imports of it, both named from below it."""
    tree, found = source.Tree(files.ROOT), []
    for path in sorted((files.ROOT / "pipeline").rglob("*.py")):
        module = ".".join(path.relative_to(files.ROOT).with_suffix("").parts).removesuffix(".__init__")
        tree.digest(module)
        targets = {tree.target(each) for each in tree.imports[module]} - {None}
        found += [(module.removeprefix("pipeline."), target.removeprefix("pipeline.")) for target in sorted(targets)]
    return found


def room(module: str) -> str | None:
    """The room that a module is in; how a method is trained, in its `settings`, is data as all that is run."""
    if module.startswith("methods.") and module.endswith(".settings"):
        return "study"
    return module.partition(".")[0] if module.partition(".")[0] in ROOMS else None


def test_every_folder_is_a_room():
    folders = {path.parent.name for path in (files.ROOT / "pipeline").glob("*/__init__.py")}
    assert folders == set(ROOMS)


def test_rooms_import_only_those_before_them():
    across = [(one, other) for one, other in imports() if room(one) and room(other)]
    upward = {(one, other) for one, other in across if ROOMS.index(room(one)) < ROOMS.index(room(other))}
    assert upward == UPWARD.keys()


def taken(path: Path) -> Iterator[tuple[str, str]]:
    """Each name that a file takes of a module of this project by a dot, with that module; names bound otherwise apart."""
    nodes, tree = syntax.walk(syntax.parse(path.read_bytes())), source.Tree(files.ROOT)
    modules = {}
    for each in syntax.all_imported(nodes, ".".join(path.relative_to(files.ROOT).parent.parts)):
        whole = each.module if each.name is None else f"{each.module}.{each.name}"
        if whole.partition(".")[0] in OURS and tree.locate(whole) and (each.name or whole == each.bound):
            modules[each.bound] = whole
    for name in syntax.bound_otherwise(nodes):
        modules.pop(name, None)
    for node in nodes:
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in modules:
            yield modules[node.value.id], node.attr


OURS = ("pipeline", "sequence_rl", "figures", "benchmarks", "tests")


def test_whatever_is_taken_of_a_module_by_a_dot_is_there():
    missing = [
        f"{path.relative_to(files.ROOT)}: {module}.{name}"
        for folder in OURS
        for path in sorted((files.ROOT / folder).rglob("*.py"))
        for module, name in sorted(set(taken(path)))
        if not hasattr(importlib.import_module(module), name)
    ]
    assert missing == []


def test_no_method_imports_another():
    methods = [
        (one.split(".")[1], other.split(".")[1])
        for one, other in imports()
        if one.startswith("methods.") and other.startswith("methods.")
    ]
    assert {(one, other) for one, other in methods if one != other and other not in SHARED} == BETWEEN.keys()


NAMED = {  # methods named outside their folder and their runs, each with its reason
    "graph.sampling": "how long a shard takes, and the recorder of the log",
    "hub.published": "reads what others published of two methods",
    "measures.attend": "what attention is summarized by",
    "measures.attend_trainings": "what attention is summarized by",
    "measures.collect": "the recorder of the log",
    "measures.collect_better": "the recorders of the log",
    "measures.collect_study": "the recorder of the log",
    "measures.collect_twists": "the recorder of the log",
    "measures.hide_keys": "what the Trajectory Transformer alone reads, dimension by dimension",
    "measures.list_conditionals": "what LEAP alone can say",
    "measures.refine": "what LEAP alone does",
    "measures.swap_returns": "what a Decision Transformer alone is asked for",
    "measures.train_and_plan": "what LEAP alone does",
    "measures.weigh_actions": "the planner's cache",
    "wheel.kernels": "what runs in the browser",
}


def names_a_method(path) -> bool:
    """Whether a module imports from a method's folder, or holds its name as a string."""
    names = {folder.parent.name for folder in (files.ROOT / "pipeline" / "methods").glob("*/__init__.py")}
    names -= {"random_steps"}  # a setting has that name, too
    nodes = list(ast.walk(ast.parse(path.read_text(encoding="utf-8"))))
    imported = {node.module.split(".")[2] for node in nodes if method_module(node)}
    return bool(names & (imported | {node.value for node in nodes if isinstance(node, ast.Constant)}))


def method_module(node: ast.AST) -> bool:
    """Whether a node imports from a method's folder."""
    return isinstance(node, ast.ImportFrom) and (node.module or "").startswith("pipeline.methods.")


def test_a_method_is_named_in_its_folder_its_runs_and_claims_and_where_it_alone_is_meant():
    found = set()
    for path in (files.ROOT / "pipeline").rglob("*.py"):
        module = ".".join(path.relative_to(files.ROOT / "pipeline").with_suffix("").parts)
        if not module.startswith(("methods.", "study.", "show.")) and names_a_method(path):
            found.add(module)
    assert found == NAMED.keys()


def test_what_is_run_imports_nothing_of_the_pipeline_and_no_library():
    for path in (*(files.ROOT / "pipeline" / "study").glob("*.py"), *(files.ROOT / "pipeline").glob("methods/*/settings.py")):
        names = set(re.findall(r"^(?:from|import) (\w+)", path.read_text(encoding="utf-8"), re.MULTILINE))
        assert names <= {"__future__", "collections", "dataclasses", "pipeline", "typing"}, path


def test_tests_lie_as_what_they_test_does():
    folders = {path.parent.name for path in (files.ROOT / "tests").glob("*/test_*.py")}
    assert folders <= {*ROOMS, "page"}


def test_the_files_of_tests_that_are_begun_first_are_there():
    assert [name for name in LONGEST if not (files.ROOT / "tests" / name).is_file()] == []

"""Digests of code: what could change a value changes them, in every result that stands on it; nothing else does."""

from __future__ import annotations

import ast
import dataclasses
import random
import re
from importlib import metadata
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import pipeline
from benchmarks import edits
from pipeline import files
from pipeline.evidence import fingerprints, recipes, records, source
from pipeline.evidence.fingerprints import Tree
from pipeline.evidence.records import EvidenceError, Recipe
from pipeline.study import runs

CODE = Tree(files.ROOT)
EVERY = recipes.everything()


@pytest.fixture(scope="module")
def code(tmp_path_factory) -> tuple[Path, dict[str, set[str]]]:
    """A copy of the code, and the digests that it gives; whoever changes it puts it back."""
    folder = edits.copy(tmp_path_factory.mktemp("code") / "code")
    return folder, edits.digests(folder)


def write(folder: Path, **sources: str) -> Tree:
    """A small project of packages and modules, `__` in a name for a dot."""
    for name, text in sources.items():
        path = folder / (name.replace("__", "/") + ".py")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return Tree(folder)


def stale_by(code, edit: edits.Edit) -> set[str]:
    folder, before = code
    path = folder / "pipeline" / edit.file
    kept = path.read_bytes()
    try:
        edits.apply(edit, folder)
        after = edits.digests(folder)
    finally:
        path.write_bytes(kept)
    return {name for name in before if before[name] != after[name]}


@pytest.mark.parametrize("edit", edits.HARMLESS, ids=lambda edit: edit.words)
def test_what_cannot_change_a_value_makes_nothing_stale(code, edit):
    assert stale_by(code, edit) == set()


@pytest.mark.parametrize("edit", edits.REAL, ids=lambda edit: edit.words)
def test_what_can_change_a_value_makes_exactly_the_results_stale_that_import_it(code, edit):
    module = "pipeline." + edit.file.rpartition(".")[0].replace("/", ".").removesuffix(".__init__").removesuffix("__init__")
    module = module.rstrip(".")
    standing = {f"{each.kind}/{each.name}" for each in EVERY if module in CODE.closure(each.modules)}
    assert stale_by(code, edit) == standing != set()


def test_a_module_that_is_moved_and_renamed_makes_nothing_stale():
    assert edits.stale_after(edits.move) == set()


MODULES = sorted({module for recipe in EVERY for module in CODE.closure(recipe.modules)})


def mutants(tree: ast.Module) -> list[ast.AST]:
    """Places at which an operator or a constant can be exchanged: outside docstrings, annotations, wordings and help texts."""
    places: list[ast.AST] = []

    def visit(node: ast.AST) -> None:
        if isinstance(node, ast.Raise) or (
            isinstance(node, ast.Call) and ast.unparse(node.func).endswith(("add_argument", "parser"))
        ):
            return
        for name, value in ast.iter_fields(node):
            if name in ("annotation", "returns"):
                continue
            children = value if isinstance(value, list) else [value]
            if (
                name == "body"
                and children
                and isinstance(children[0], ast.Expr)
                and isinstance(children[0].value, ast.Constant)
            ):
                children = children[1:]
            for child in children:
                if isinstance(child, ast.AST):
                    visit(child)
        if isinstance(node, ast.BinOp) or (isinstance(node, ast.Constant) and isinstance(node.value, int | float)):
            places.append(node)

    visit(tree)
    return places


def mutate(node: ast.AST) -> None:
    """Exchange an operator, or add one to a number."""
    if isinstance(node, ast.BinOp):
        node.op = ast.Sub() if isinstance(node.op, ast.Add) else ast.Add()
    else:
        node.value = (not node.value) if isinstance(node.value, bool) else node.value + 1


@settings(max_examples=15)
@given(seed=st.integers(0, 2**32), module=st.sampled_from(MODULES))
def test_any_operator_or_constant_exchanged_makes_every_result_stale_whose_closure_holds_it(code, seed, module):
    folder, before = code
    path = folder / CODE.locate(module).relative_to(files.ROOT)
    kept = path.read_bytes()
    tree = ast.parse(kept)
    places = mutants(tree)
    if not places:
        return
    mutate(random.Random(seed).choice(places))
    try:
        path.write_text(ast.unparse(tree))
        after = edits.digests(folder)
    finally:
        path.write_bytes(kept)
    standing = {f"{each.kind}/{each.name}" for each in EVERY if module in CODE.closure(each.modules)}
    assert {name for name in before if before[name] != after[name]} == standing


@settings(max_examples=3)
@given(word=st.text("abc xyz", min_size=1), module=st.sampled_from(MODULES))
def test_no_docstring_makes_anything_stale(code, word, module):
    folder, before = code
    path = folder / CODE.locate(module).relative_to(files.ROOT)
    kept = path.read_bytes()
    tree = ast.parse(kept)
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and ast.get_docstring(node):
            node.body[0].value.value = f"{word}."
    try:
        path.write_text(ast.unparse(tree))
        assert edits.digests(folder) == before
    finally:
        path.write_bytes(kept)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("import a.b\n\ndef f(b):\n    return b\n", "import a.b\n\ndef f(b):\n    return a.b\n"),
        (
            "from a import b\nfrom a import b as c\n\ndef f(b):\n    return b\n",
            "from a import b\nfrom a import b as c\n\ndef f(b):\n    return c\n",
        ),
        ("from a import b\nx = b.one\n", "from a import c\nx = c.one\n"),
        ("def f():\n    '''Doc.'''\n\nx = f.__doc__\n", "def f():\n    '''Other.'''\n\nx = f.__doc__\n"),
        ("def f(x: g()):\n    return x\n", "def f(x: h()):\n    return x\n"),
        ("class A:\n    x: int = 1\n", "class A:\n    x: float = 1\n"),
        ("def f():\n    raise E(g())\n", "def f():\n    raise E(h())\n"),
        ("def f():\n    raise E('one')\n", "def f():\n    raise F('one')\n"),
        ("x.add_argument('--n', default=1, help='n')\n", "x.add_argument('--n', default=2, help='n')\n"),
        ("x.add_argument('--n', help=f())\n", "x.add_argument('--n', help=g())\n"),
        ("from a import b\nfrom a import c as b\n", "from a import c as b\nfrom a import b\n"),
        (
            "from __future__ import annotations\n\nclass A:\n    x: int = 1\n",
            "from __future__ import annotations\n\nclass A:\n    x: float = 1\n",
        ),
        ("x = 'a'\n", "x = 'b'\n"),
        ("if TYPE_CHECKING:\n    x = 1\n", "if TYPE_CHECKING:\n    x = 2\n"),
        (
            "from typing import TYPE_CHECKING\nTYPE_CHECKING = 1\nif TYPE_CHECKING:\n    x = 1\n",
            "from typing import TYPE_CHECKING\nTYPE_CHECKING = 1\nif TYPE_CHECKING:\n    x = 2\n",
        ),
        ("x = 1\n", "x = 1.0\n"),
        ("x = 1\n", "x = True\n"),
    ],
)
def test_programs_that_may_give_other_values_have_other_digests(tmp_path, one, other):
    more = {"a__b": "one = 1\n", "a__c": "one = 2\n"}
    digests = [write(tmp_path / name, main=text, **more).digest("main") for name, text in (("1", one), ("2", other))]
    assert digests[0] != digests[1]


def test_annotations_of_functions_are_no_part_of_a_module_that_does_not_evaluate_them(tmp_path):
    text = "from __future__ import annotations\n\n\ndef f(x: {0}) -> {0}:\n    y: {0} = x\n    return y\n"
    assert len({write(tmp_path / kind, main=text.format(kind)).digest("main") for kind in ("int", "float")}) == 1


def test_a_name_that_may_stand_for_either_of_two_modules_is_neither(tmp_path):
    text = "from a import b as d\nfrom a import c as e\nfrom a import b\n\nif x:\n    from a import c as b\ny = {}.one\n"
    more = {"a__b": "one = 1\n", "a__c": "one = 2\n"}
    assert len({write(tmp_path / name, main=text.format(name), **more).digest("main") for name in "bde"}) == 3


def test_relative_imports_and_the_packages_above_a_module_belong_to_it(tmp_path):
    write(tmp_path, a__b__c="from .. import d\nfrom .e import y\n", a__b__e="y = 1\n", a__d="z = 1\n")
    (tmp_path / "a" / "__init__.py").write_text("x = 1\n")
    (tmp_path / "a" / "b" / "__init__.py").write_text("from . import c\n")
    tree = Tree(tmp_path)
    assert tree.closure(("a.d",)) == ["a", "a.d"]
    assert tree.closure(("a.b.c",)) == ["a", "a.b", "a.b.c", "a.b.e", "a.d"]


def test_a_fingerprint_does_not_depend_on_where_modules_lie():
    made = {"holds": [], "inputs": {}, "sources": {"one": "1", "two": "2"}, "versions": {}}
    moved = {**made, "sources": {"elsewhere.two": "2", "one": "1", "a_copy": "1"}}
    assert fingerprints.told_fingerprint({"run": {}, "made": made}) == fingerprints.told_fingerprint({"run": {}, "made": moved})


def test_what_only_a_type_checker_reads_is_no_part_of_a_module(tmp_path):
    more = {"a__b": "one = 1\n", "a__c": "one = 2\n"}
    text = "from typing import TYPE_CHECKING\n\nif TYPE_CHECKING:\n    from a import {}\n\nx = 1\n"
    trees = [write(tmp_path / name, main=text.format(name), **more) for name in ("b", "c")]
    assert trees[0].digest("main") == trees[1].digest("main") and trees[0].closure(("main",)) == ["main"]


@pytest.mark.parametrize(
    ("text", "same"),
    [
        ("import a\nfrom typing import TYPE_CHECKING, Any\n\nif TYPE_CHECKING:\n    from a import b\n\nx = Any\n", True),
        ("import a\nfrom typing import TYPE_CHECKING, Any\n\nif TYPE_CHECKING:\n    b = 1\n\nx = Any, TYPE_CHECKING\n", False),
        ("import a\nfrom typing import TYPE_CHECKING as T, Any\n\nif TYPE_CHECKING:\n    b = 1\n\nx = Any\n", False),
        (
            "import a\nfrom typing import TYPE_CHECKING, Any\n\n"
            "if TYPE_CHECKING:\n    from pipeline.data.episodes import Episodes\n\nx = Any\n",
            False,
        ),
    ],
)
def test_the_import_of_type_checking_is_no_part_of_a_module_either_where_nothing_else_uses_it(tmp_path, text, same):
    without = write(tmp_path / "1", main="import a\nfrom typing import Any\n\nx = Any\n", a__b="one = 1\n").digest("main")
    assert (write(tmp_path / "2", main=text, a__b="one = 1\n").digest("main") == without) is same


def test_an_encoding_that_hides_a_line_hides_nothing(tmp_path):
    plain = write(tmp_path / "plain", main="x = 1\n").digest("main")
    hidden = b"# -*- coding: utf-7 -*-\nx = 1\n#+AAo-x = 2\n"  # in UTF-7 the comment ends before a second line
    (tmp_path / "hidden").mkdir()
    (tmp_path / "hidden" / "main.py").write_bytes(hidden)
    try:
        assert Tree(tmp_path / "hidden").digest("main") != plain
    except EvidenceError:  # Python may refuse the encoding, and then nothing can be computed with it either
        return


def test_a_package_comes_before_a_module_of_its_name_as_python_has_it(tmp_path):
    tree = write(tmp_path, pipeline__returns="x = 1\n", pipeline__returns__more="x = 2\n")
    assert tree.locate("pipeline.returns").name == "returns.py", "a folder without __init__.py comes after the file"
    (tmp_path / "pipeline" / "returns" / "__init__.py").write_text("x = 3\n")
    assert Tree(tmp_path).locate("pipeline.returns") == tmp_path / "pipeline" / "returns" / "__init__.py"


def test_a_compiled_module_in_the_place_of_source_is_refused(tmp_path):
    write(tmp_path, pipeline__returns="x = 1\n")
    (tmp_path / "pipeline" / "returns.cpython-311-x86_64-linux-gnu.so").write_bytes(b"")
    with pytest.raises(EvidenceError, match="would be imported in the place of pipeline.returns"):
        Tree(tmp_path).digest("pipeline.returns")


def test_a_file_in_the_root_that_shadows_a_library_counts(tmp_path):
    before = write(tmp_path / "1", main="from tqdm import tqdm\n").digest("main")
    after = write(tmp_path / "2", main="from tqdm import tqdm\n", tqdm="def tqdm(x):\n    return x\n")
    assert after.digest("main") != before and "tqdm" in after.closure(("main",))


def test_modules_that_import_one_another_in_a_circle_are_refused(tmp_path):
    tree = write(tmp_path, a="import b\n", b="import a\n")
    with pytest.raises(EvidenceError, match="a → b → a"):
        tree.digest("a")


def test_packages_other_peoples_are_named_by_what_is_installed():
    names = {name for recipe in EVERY for name in CODE.distributions(recipe.modules)}
    assert {"torch", "scipy", "h5py", "gymnasium", "mujoco", "minigrid", "pillow", "matplotlib", "safetensors"} <= names
    for name in names:
        assert metadata.version(name), name
    held = metadata.packages_distributions()
    for imported, name in source.DISTRIBUTIONS.items():
        assert name in {each.lower().replace("-", "_") for each in held[imported]}


def test_only_named_modules_are_left_out_and_no_other_is_imported_by_a_name_made_at_run_time():
    assert set(source.ASIDE) == {f"pipeline.{name}" for name in ASIDE}
    dynamic = [
        path.relative_to(files.ROOT).as_posix()
        for path in (files.ROOT / "pipeline").rglob("*.py")
        if re.search(r"\b(import_module|run_module)\b", path.read_text(encoding="utf-8"))
    ]
    assert sorted(dynamic) == [
        f"pipeline/{name}.py"
        for name in (
            "graph/command",
            "graph/making",
            "graph/probe",
            "graph/workers",
            "learning/steady",
            "learning/supervised",
            "learning/train",
            "measures/train_and_plan",
            "measures/train_and_play",
            "measures/train_and_watch",
            "methods/policies",
        )
    ]


ASIDE = (
    "graph.command",
    "evidence.fingerprints",
    "graph.plan",
    "graph.probe",
    "evidence.processes",
    "evidence.recipes",
    "graph.renewal",
    "study.runs",
    "study.studies",
    "statistics.summaries",
    "evidence.syntax",
)


def numbers(value):
    """A field's value, another one."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, int | float):
        return value + 1
    if isinstance(value, tuple):
        return (*value, *(value[:1] or (1,)))
    return f"{value}_other"


def held_runs() -> list[tuple[Recipe, int, str]]:
    """Every field of every run that a result plays."""
    return [
        (recipe, place, field.name)
        for recipe in EVERY
        for place, run in enumerate(recipe.holds)
        for field in dataclasses.fields(run)
    ]


def test_every_field_of_every_run_that_a_result_stands_on_makes_it_stale_when_it_changes():
    for recipe in EVERY:
        before = fingerprints.fingerprint(recipe, MADE := fingerprints.depends(recipe, source=CODE))
        for field in dataclasses.fields(recipe.run):
            other = dataclasses.replace(recipe.run, **{field.name: numbers(getattr(recipe.run, field.name))})
            assert fingerprints.fingerprint(dataclasses.replace(recipe, run=other), MADE) != before, (recipe.name, field.name)
    for recipe, place, name in held_runs():
        made = fingerprints.depends(recipe, source=CODE)
        changed = dataclasses.replace(recipe.holds[place], **{name: numbers(getattr(recipe.holds[place], name))})
        holds = tuple(changed if index == place else run for index, run in enumerate(recipe.holds))
        other = fingerprints.depends(dataclasses.replace(recipe, holds=holds), source=CODE)
        assert fingerprints.fingerprint(recipe, made) != fingerprints.fingerprint(recipe, other), (recipe.name, name)


@pytest.mark.parametrize("kind", ["rollouts", "imagination", "walks"])
def test_what_plays_another_runs_policy_holds_that_run(kind):
    for recipe in (each for each in EVERY if each.kind == kind):
        assert any(isinstance(run, runs.Evaluation | runs.Solving) for run in recipe.holds), recipe.name


def test_moving_pictures_hold_the_runs_they_show():
    for recipe in (*recipes.ANIMATIONS.values(), *recipes.GRID_ANIMATIONS.values()):
        assert any(isinstance(run, runs.Evaluation | runs.Solving) for run in recipe.holds), recipe.name


def test_code_edited_while_it_runs_writes_nothing(tmp_path, monkeypatch):
    recipe = Recipe("toy", "toys", "pipeline.toy", runs.Figure("toy"), ("pipeline.data.returns",))
    path = files.ROOT / "pipeline" / "data" / "returns.py"
    monkeypatch.setitem(pipeline.SOURCE, path, "0" * 64)
    with pytest.raises(EvidenceError, match="returns.py was edited while this ran"):
        records.write(recipe, {"x": 1.0}, tmp_path)
    assert not recipe.path(tmp_path).exists()


def test_the_first_module_that_changed_is_named(tmp_path):
    then = CODE.sources(("pipeline.measures.evaluate",))
    changed = {
        **then,
        "pipeline.files": "0" * 64,
        "pipeline.evidence.records": "1" * 64,
        "pipeline.measures.evaluate": "2" * 64,
    }
    assert fingerprints.changed_sources(changed, then) == ["source of pipeline.files"]
    assert fingerprints.changed_sources(then, then) == []
    fewer = {name: digest for name, digest in then.items() if name != "pipeline.files"}
    assert fingerprints.changed_sources(fewer, then) == ["source of pipeline.files"]
    assert fingerprints.changed_sources(then, fewer) == ["source of pipeline.files"]
    moved = {f"elsewhere.{name}": digest for name, digest in then.items()}
    assert fingerprints.changed_sources(moved, then) == []

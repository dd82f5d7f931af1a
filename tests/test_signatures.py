"""What functions say of their parameters: the type of each run, and, where there are many, what each of them is."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FILES = sorted([*(ROOT / "pipeline").rglob("*.py"), *(ROOT / "figures").rglob("*.py"), ROOT / "dodo.py", ROOT / "locks.py"])
RUNS = ("run", "recipe")
MANY = 5  # parameters, from which on an Args block says what each is


def functions(tree: ast.AST) -> list[ast.FunctionDef]:
    """All functions of a file, those within others too."""
    return [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]


def public(tree: ast.Module) -> Iterator[tuple[ast.FunctionDef, str]]:
    """A file's functions and methods with the docstring that speaks of their parameters: of `__init__` the class's."""
    for node in tree.body:
        if isinstance(node, ast.ClassDef):
            for each in functions(ast.Module(node.body, [])):
                yield each, ast.get_docstring(node if each.name == "__init__" else each) or ""
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node, ast.get_docstring(node) or ""


def parameters(function: ast.FunctionDef) -> list[ast.arg]:
    """All that a function is given, the object that a method belongs to left out."""
    given = function.args
    either = [*given.posonlyargs, *given.args, given.vararg, *given.kwonlyargs, given.kwarg]
    return [each for each in either if each and each.arg not in ("self", "cls")]


def told_by_help(parameter: ast.arg) -> bool:
    """Whether the command line says what a parameter is."""
    return any(isinstance(node, ast.keyword) and node.arg == "help" for node in ast.walk(parameter))


def untold(function: ast.FunctionDef, docstring: str) -> list[str]:
    """Of a function with many parameters, those that no line of its Args block begins with."""
    given = parameters(function)
    block = re.search(r"^Args:\n((?:[ ]+.*\n?)+)", docstring, re.MULTILINE)
    told = re.findall(r"^    (\w+): \S", block[1] if block else "", re.MULTILINE)
    return [each.arg for each in given if len(given) >= MANY and each.arg not in told and not told_by_help(each)]


def said(path: Path, function: ast.FunctionDef, name: str) -> str:
    """A parameter, and where it stands."""
    return f"{path.relative_to(ROOT)}:{function.lineno} {function.name}: {name}"


def test_every_run_and_recipe_that_a_function_is_given_has_a_type():
    culprits = [
        said(path, function, each.arg)
        for path in FILES
        for function in functions(ast.parse(path.read_bytes()))
        for each in parameters(function)
        if each.arg in RUNS and each.annotation is None
    ]
    assert culprits == []


def test_from_five_parameters_on_an_args_block_says_what_each_is():
    culprits = [
        said(path, function, name)
        for path in FILES
        for function, docstring in public(ast.parse(path.read_bytes()))
        for name in untold(function, docstring)
    ]
    assert culprits == []


def test_what_is_not_told_is_named():
    source = '''
def short(a, b, c, run: Run):
    """Nothing to tell."""

def long(a, b, *c, d, **e):
    """Some told.

    Args:
        a: the first.
        b, d: two at once.
        c: the others.

    Raises:
        e: nothing.
    """

class Made:
    """Made of five.

    Args:
        one: 1.
    """

    def __init__(self, one, two, three, four, run):
        """Not looked at."""
'''
    tree = ast.parse(source)
    assert {each.name: untold(each, docstring) for each, docstring in public(tree)} == {
        "short": [],
        "long": ["b", "d", "e"],
        "__init__": ["two", "three", "four", "run"],
    }
    untyped = [each.name for each in functions(tree) for one in parameters(each) if one.arg in RUNS and not one.annotation]
    assert untyped == ["__init__"]

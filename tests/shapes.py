"""Shapes that are checked while tests run: of all modules that say with jaxtyping what goes into their functions and comes out.

The pipeline imports jaxtyping for type checkers alone. Here each function of these modules is wrapped as soon as its module is
imported (`jaxtyping.install_import_hook`), and what is passed is checked by beartype. The names that shapes are said with are
then looked up among the builtins; ruff (TC004) sees to it that nothing else uses them.
"""

from __future__ import annotations

import builtins
import re
import typing
from collections.abc import Callable
from pathlib import Path

import beartype
import jaxtyping

ROOT = Path(__file__).resolve().parent.parent


def texts() -> dict[str, str]:
    """Source of every module of the pipeline."""
    paths = sorted((ROOT / "pipeline").rglob("*.py"))
    return {".".join(path.relative_to(ROOT).with_suffix("").parts): path.read_text(encoding="utf-8") for path in paths}


def shaped() -> dict[str, list[str]]:
    """Modules of the pipeline that say shapes, and the names they take from jaxtyping."""
    found = {name: re.search(r"^ +from jaxtyping import (.+)$", text, re.MULTILINE) for name, text in texts().items()}
    return {name: taken[1].split(", ") for name, taken in found.items() if taken}


def check() -> None:
    """Have the shapes checked of all these modules; none may have been imported yet."""
    modules = shaped()
    for name in set().union(*modules.values()):
        setattr(builtins, name, getattr(jaxtyping, name))
    jaxtyping.install_import_hook(list(modules), "tests.shapes.checked")


def checked(function: Callable) -> Callable:
    """beartype, which is shown the shapes alone: where they do not matter, tests put stand-ins for models and runs."""
    hints = function.__annotations__
    function.__annotations__ = {name: hint for name, hint in hints.items() if says_shape(hint)}
    return beartype.beartype(conf=beartype.BeartypeConf(is_pep484_tower=True))(function)  # an int may stand for a float


def says_shape(hint: object) -> bool:
    """Whether a hint is a shape, or holds one."""
    array = isinstance(hint, type) and issubclass(hint, jaxtyping.AbstractArray)
    return array or any(map(says_shape, typing.get_args(hint)))

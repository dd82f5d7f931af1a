"""What of a checkout's source can run when results are made, by who asks for whom.

A function or a class can run where something that can run names it. Names of variables are looked up in the module that uses
them, and attributes of a name that stands for a module of this project in that module. Whatever else has attributes may be an
object, whose methods can then run, or a module that is held in a variable: one that is imported by its name while the program
runs, or that is itself used as a value. A string may be an attribute's name. What runs verbs calls their `make`, and
need not belong to a result's source. So too much is said to be able to run, never too little.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from pipeline import PipelineError
from pipeline.evidence import syntax
from pipeline.evidence.fingerprints import Tree

CALLED = "make"  # of every verb, by its name
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
PLAIN = {  # decorators that call nothing until what they stand on is asked for
    *(
        "cache",
        "cached_property",
        "classmethod",
        "contextmanager",
        "inference_mode",
        "no_grad",
        "property",
        "staticmethod",
        "wraps",
    )
}


class Module(NamedTuple):
    """A module's source.

    tree: its syntax tree. bound: names that stand for what was imported from this project and for nothing else: the module,
    and the name taken from it, None where the name stands for the module itself. defines: names that it gives a meaning itself.
    """

    tree: ast.Module
    bound: dict[str, tuple[str, str | None]]
    defines: set[str]


def read(checkout: Tree, name: str) -> Module:
    """A module of a checkout.

    Raises:
        PipelineError: it imports all names of another.
    """
    path = checkout.locate(name)
    tree = syntax.parse(path.read_bytes())
    nodes = list(ast.walk(tree))
    package = name if path.name == "__init__.py" else name.rpartition(".")[0]
    defines, bound = syntax.bound_otherwise(nodes), {}
    for each in syntax.all_imported(nodes, package):
        if each.bound == "*":
            raise PipelineError(f"{path} imports all names of {each.module}, so that nothing can be said of what it uses")
        target = checkout.target(each)
        taken = None if each.name is None or target != each.module else each.name
        dotted = each.name is None and each.bound != each.module.rpartition(".")[2]
        meant = None if target is None or dotted else (target, taken)
        bound[each.bound] = meant if bound.get(each.bound, meant) == meant else None
    return Module(tree, {key: what for key, what in bound.items() if what and key not in defines}, defines)


def asked_by(node: ast.AST, owner: ast.AST | None) -> tuple[str, ...]:
    """What must be asked for before a function of this owner can run: its class, and a name, or with a dot before it an
    attribute, where a method has no other. Not its own name where others may call it: Python, a decorator, or what its class
    stands on.
    """
    if not isinstance(node, FUNCTIONS):
        return ()
    made = (owner.name,) if isinstance(owner, ast.ClassDef) else ()
    marks = [each.func if isinstance(each, ast.Call) else each for each in node.decorator_list]
    marked = {getattr(each, "attr", getattr(each, "id", None)) for each in marks} - PLAIN
    if marked or (node.name.startswith("__") and node.name.endswith("__")) or (made and owner.bases):
        return made
    return (*made, f".{node.name}") if made else (node.name,)


def parts(block: ast.Module | ast.ClassDef) -> Iterator[tuple[tuple[str, ...], list[ast.AST]]]:
    """The parts of a module or a class: what must all be asked for before each can run, nothing where it runs as soon as the
    module is imported, and its nodes.
    """
    for node in block.body:
        if isinstance(node, ast.ClassDef):
            yield (), [*node.bases, *node.keywords, *node.decorator_list]
            yield from parts(node)
        elif isinstance(node, FUNCTIONS):
            yield (), [*node.decorator_list, *node.args.defaults, *filter(None, node.args.kw_defaults)]
            yield asked_by(node, block), [node]
        else:
            yield (), [node]


def asks(name: str, modules: dict[str, Module], nodes: Iterable[ast.AST]) -> set[str]:
    """What nodes of a module ask for: `module:name`; `module:` for a module that is used as a value; `*:name` in any module;
    and what may be asked of anything, as `name` and `.name`.
    """
    bound, found = modules[name].bound, set()

    def within(module: str, wanted: str) -> str:
        known = module in modules and wanted in modules[module].defines
        return f"{module}:{wanted}" if known else f"*:{wanted}"

    def visit(node: ast.AST) -> None:
        if isinstance(node, ast.Raise):
            return  # what runs on the way to an error gives no value
        if isinstance(node, ast.Attribute):
            of, taken = bound.get(getattr(node.value, "id", None), (None, None))
            if of and taken is None:
                found.add(within(of, node.attr))
                return
            found.update((node.attr, f".{node.attr}"))
        elif isinstance(node, ast.Name):
            of, taken = bound.get(node.id, (name, node.id))
            found.add(f"{of}:{taken or ''}" if taken is None or of == name else within(of, taken))
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            found.update((node.value, f".{node.value}"))
        for child in ast.iter_child_nodes(node):
            visit(child)

    for node in nodes:
        visit(node)
    return found


class Reached(NamedTuple):
    """Everything that can be asked for.

    asked: as `asks` gives it. held: modules that a variable may hold.
    """

    asked: set[str]
    held: set[str]

    def runs(self, module: str, names: tuple[str, ...]) -> bool:
        """Whether what lies in functions and classes of a module, named as in `asked_by`, can run."""
        return all(self.asks(module, name) for name in names)

    def asks(self, module: str, name: str) -> bool:
        """Whether anything can ask for one name of a module."""
        if name.startswith("."):
            return name in self.asked
        held = module in self.held or f"{module}:" in self.asked
        return f"{module}:{name}" in self.asked or f"*:{name}" in self.asked or (held and name in self.asked)


def reach(checkout: Tree, names: Iterable[str], first: Iterable[str]) -> Reached:
    """What of modules can be asked for.

    Args:
        checkout: holds them.
        names: the modules; what they import of others of the project, as far as it asks for them, is looked at too.
        first: those that are imported by their names while the program runs; all that no other imports are, too.
    """
    modules = {name: read(checkout, name) for name in names if checkout.locate(name)}
    imported = {module for each in modules.values() for module, _ in each.bound.values()}
    beside = {name: read(checkout, name) for name in imported - modules.keys() if checkout.locate(name)}
    modules |= beside
    held = {*first, *beside, *(modules.keys() - imported)} & modules.keys()
    every = [(name, *part) for name, module in modules.items() for part in parts(module.tree)]
    found, before, done = Reached({CALLED}, held), -1, set()
    while len(found.asked) != before:
        before = len(found.asked)
        for number, (name, needed, nodes) in enumerate(every):
            if number not in done and (name in beside or found.runs(name, needed)):
                done.add(number)
                found.asked.update(asks(name, modules, nodes))
    return found

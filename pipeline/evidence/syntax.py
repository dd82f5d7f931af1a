"""What Python source says to the interpreter, as canonical text: for digests that change when a value could, and only then.

Left out, because they cannot change a value: comments and layout (a syntax tree has none), docstrings, annotations outside the
bodies of classes, the wording of errors, and the help texts of command lines. Names of this project's modules are left out too:
whoever digests a module puts the digest of what is imported in their place, so that moving or renaming a file changes nothing.
"""

from __future__ import annotations

import ast
import functools
from collections.abc import Callable, Iterator
from typing import NamedTuple

HELP = ("help", "description", "epilog", "metavar")  # what a command line says of itself
CHECKING = "TYPE_CHECKING"  # of typing: False when anything runs
COUNTED = "pipeline.data.episodes"  # with this below it, the import of that name counts: so it does in evidence in git
PARSERS = ("add_argument", "ArgumentParser", "parser")
DOCSTRINGS = ("__doc__", "getdoc")
IMPORTS = (ast.Import, ast.ImportFrom)
DOCUMENTED = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
ANNOTATIONS = ("annotation", "returns")
PARTLY_TOLD = {*DOCUMENTED, ast.arg, ast.AnnAssign}  # have docstrings or annotations
BLOCKS = {"body", "orelse", "finalbody"}  # fields that may hold import statements
UNTOLD = ("ctx", "kind", "type_comment")  # fields that follow from the rest, or say how a constant was spelled
EFFECTS = (ast.Call, ast.Await, ast.Yield, ast.YieldFrom, ast.NamedExpr)  # what may change something while it is evaluated


class Imported(NamedTuple):
    """One name that an import statement binds: the module, the name taken from it (None for the module itself), the name bound.

    Of `from a import b` it cannot be seen whether b is a module of its own: `module` is a and `name` is b then.
    """

    module: str
    name: str | None
    bound: str


def parse(source: bytes) -> ast.Module:
    """The syntax tree of a file's bytes, in the encoding that the interpreter would read them in.

    What stands below `if TYPE_CHECKING:` is left out: it never runs. So is the import of that name, where nothing else uses it.
    """
    tree = ast.parse(source)
    checking = any(
        isinstance(node, ast.ImportFrom) and node.module == "typing" and any(each.name == CHECKING for each in node.names)
        for node in tree.body
    )
    if checking and CHECKING not in bound_otherwise(walk(tree)):
        left_out = [node for node in tree.body if is_for_types(node)]
        tree.body = [node for node in tree.body if not is_for_types(node)]
        if not counts(left_out, tree):
            tree.body = [node for node in map(without_checking, tree.body) if node]
    return tree


def counts(left_out: list[ast.stmt], tree: ast.Module) -> bool:
    """Whether the import of TYPE_CHECKING may do more than let a type checker read what is left out of a file."""
    below = {each.module for block in left_out for each in all_imported(walk(block), "")}
    return COUNTED in below or any(isinstance(node, ast.Name) and node.id == CHECKING for node in walk(tree))


def without_checking(node: ast.stmt) -> ast.stmt | None:
    """A statement less the import of TYPE_CHECKING under its own name; None where it says nothing else."""
    if not isinstance(node, ast.ImportFrom) or node.module != "typing" or node.level:
        return node
    names = [each for each in node.names if each.name != CHECKING or each.asname]
    return ast.copy_location(ast.ImportFrom(node.module, names, node.level), node) if names else None


@functools.cache
def told_fields(kind: type[ast.AST]) -> tuple[str, ...]:
    """The fields of a kind of node that count."""
    return tuple(name for name in kind._fields if name not in UNTOLD)


def walk(tree: ast.AST) -> list[ast.AST]:
    """A node and all below it, as `ast.walk` gives them, but for those in fields that do not count; in a third of its time."""
    nodes = [tree]
    for node in nodes:
        for name in told_fields(type(node)):
            value = getattr(node, name, None)
            if isinstance(value, ast.AST):
                nodes.append(value)
            elif isinstance(value, list):
                nodes += [each for each in value if isinstance(each, ast.AST)]
    return nodes


def is_for_types(node: ast.stmt) -> bool:
    """Whether a statement is `if TYPE_CHECKING:`, with nothing else to it."""
    return isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == CHECKING and not node.orelse


def imported(statement: ast.Import | ast.ImportFrom, package: str) -> Iterator[Imported]:
    """What an import statement binds; relative imports are resolved against the package the file belongs to."""
    if isinstance(statement, ast.Import):
        for alias in statement.names:
            yield Imported(alias.name, None, alias.asname or alias.name.partition(".")[0])
    else:
        above = package.split(".")[: len(package.split(".")) - statement.level + 1] if statement.level else []
        module = ".".join([*above, *([statement.module] if statement.module else [])])
        for alias in statement.names:
            yield Imported(module, alias.name, alias.asname or alias.name)


def all_imported(nodes: list[ast.AST], package: str) -> list[Imported]:
    """What all import statements among a file's nodes bind, wherever they stand."""
    statements = [node for node in nodes if isinstance(node, IMPORTS)]
    return [each for statement in statements for each in imported(statement, package)]


def bound_otherwise(nodes: list[ast.AST]) -> set[str]:
    """Names that a file's nodes bind in any way but by an import: by assignment, as an argument, function, class or pattern."""
    names: set[str] = set()
    for node in nodes:
        if isinstance(node, ast.Name):
            if not isinstance(node.ctx, ast.Load):
                names.add(node.id)
        elif field := binding_field(type(node)):
            bound = getattr(node, field)
            names.update(bound if isinstance(bound, list) else [bound or ""])
    return names


@functools.cache
def binding_field(kind: type[ast.AST]) -> str | None:
    """The field of a kind of node that holds what it binds; None where it binds nothing, or by importing."""
    others = {ast.Global: "names", ast.Nonlocal: "names", ast.arg: "arg", ast.MatchMapping: "rest", ast.alias: None}
    return others.get(kind, "name" if "name" in kind._fields else None)


def says_help(node: ast.AST) -> bool:
    """Whether a call describes a command line."""
    called = getattr(node, "func", None)
    return getattr(called, "attr", getattr(called, "id", None)) in PARSERS


def has_effects(node: ast.AST) -> bool:
    """Whether evaluating an expression may do more than give a value."""
    return any(isinstance(each, EFFECTS) for each in walk(node))


def without_help(call: ast.Call) -> ast.Call:
    """A call that describes a command line, less the texts that help its users, and the docstring that heads them."""
    keywords = [each for each in call.keywords if each.arg not in HELP or has_effects(each.value)]
    words = [each for each in call.args if not (isinstance(each, ast.Name) and each.id == "__doc__")]
    return ast.Call(call.func, words, keywords)


def without_wording(statement: ast.Raise) -> ast.Raise:
    """A `raise` less what its error says: of the arguments only what may have an effect stays."""
    if not isinstance(statement.exc, ast.Call):
        return statement
    call = statement.exc
    arguments = [*call.args, *(keyword.value for keyword in call.keywords)]
    return ast.Raise(ast.Call(call.func, [effect for each in arguments for effect in outermost(each)], []), statement.cause)


def outermost(node: ast.AST) -> Iterator[ast.AST]:
    """The expressions below a node that may have effects and lie in no other such expression."""
    if isinstance(node, EFFECTS):
        yield node
    else:
        for child in ast.iter_child_nodes(node):
            yield from outermost(child)


def reads_docstrings(nodes: list[ast.AST]) -> bool:
    """Whether a file looks at docstrings, other than to head the help of its command line: then they may decide a value."""
    looks = [
        node
        for node in nodes
        if (isinstance(node, ast.Name) and node.id in DOCSTRINGS)
        or (isinstance(node, ast.Attribute) and node.attr in DOCSTRINGS)
    ]
    helped = {
        id(part)
        for call in (nodes if looks else [])
        if isinstance(call, ast.Call) and says_help(call)
        for dropped in (*call.args, *(keyword.value for keyword in call.keywords if keyword.arg in HELP))
        if not has_effects(dropped)
        for part in walk(dropped)
    }
    return any(id(node) not in helped for node in looks)


def canonical(
    tree: ast.Module,
    say: Callable[[ast.Import | ast.ImportFrom], list[str]],
    renamed: dict[str, str],
    nodes: list[ast.AST] | None = None,
) -> str:
    """A file as text that depends on what it does alone.

    Python's minor version does not matter: fields that are empty are left out, since newer versions add empty ones.

    Args:
        tree: the file; it is not changed.
        say: gives for an import statement one text for each name it binds.
        renamed: names that stand for modules of this project, and the text to put in their place.
        nodes: all nodes of the tree, where they are at hand.
    """
    nodes = walk(tree) if nodes is None else nodes
    annotated = Imported("__future__", "annotations", "annotations") not in all_imported(tree.body, "")
    documented = reads_docstrings(nodes)

    def body(statements: list[ast.stmt], in_class: bool) -> str:
        texts: list[str] = []
        block: list[ast.Import | ast.ImportFrom] = []  # imports that follow one another
        for statement in statements:
            if isinstance(statement, IMPORTS):
                block.append(statement)
                continue
            texts += [*imports(block), write(statement, in_class)] if block else [write(statement, in_class)]
            block = []
        return f"[{','.join([*texts, *imports(block)])}]"

    def imports(block: list[ast.Import | ast.ImportFrom]) -> list[str]:
        """Their order matters only where one name is bound twice."""
        said = [text for statement in block for text in say(statement)]
        bound = [each.bound for statement in block for each in imported(statement, "")]
        return sorted(said) if len(set(bound)) == len(bound) else said

    def write(node: object, in_class: bool = False) -> str:
        kind = type(node)
        if kind is ast.Name:
            return renamed.get(node.id) or f"Name(id={node.id!r})"
        if kind is list:
            return f"[{','.join([write(each, in_class) for each in node])}]"
        if not isinstance(node, ast.AST):
            return repr(node)
        if kind is ast.Raise:
            node = without_wording(node)
        elif kind is ast.Call and says_help(node):
            node = without_help(node)
        parts = []
        for name in told_fields(kind):
            value = getattr(node, name, None)
            if kind in PARTLY_TOLD:
                value = counting(kind, name, value, in_class)
            if value is not None and value != []:
                block = name in BLOCKS and type(value) is list
                parts.append(f"{name}={(body if block else write)(value, kind is ast.ClassDef)}")
        return f"{kind.__name__}({','.join(parts)})"

    def counting(kind: type[ast.AST], name: str, value: object, in_class: bool) -> object:
        """What counts of a field: not an annotation that nothing evaluates, nor a docstring that nothing reads."""
        if name in ANNOTATIONS and not annotated and not (kind is ast.AnnAssign and in_class):
            return None
        if name == "body" and kind in DOCUMENTED and not documented and value and is_docstring(value[0]):
            return value[1:]
        return value

    return write(tree)


def is_docstring(statement: ast.stmt) -> bool:
    """Whether a statement, the first of a body, is a docstring."""
    value = getattr(statement, "value", None)
    return isinstance(statement, ast.Expr) and isinstance(value, ast.Constant) and isinstance(value.value, str)

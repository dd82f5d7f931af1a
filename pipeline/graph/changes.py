"""What changed in a result's source between the commit that made it and another one, and whether all of that ran."""

from __future__ import annotations

import ast
import difflib
import functools
import subprocess
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from pipeline import PipelineError, files
from pipeline.evidence import source, syntax
from pipeline.evidence.records import Recipe
from pipeline.graph import reachable


class RenewalError(PipelineError):
    """Evidence that cannot be renewed; the message is the reason."""


def git(*words: str, folder: Path = files.ROOT) -> str:
    """What git says.

    Raises:
        RenewalError: it fails.
    """
    done = subprocess.run(["git", *words], cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RenewalError(f"`git {' '.join(words[:2])}` failed: {(done.stderr.strip().splitlines() or ['no message'])[-1]}")
    return done.stdout


def unpack(commit: str, folder: Path) -> Path:
    """A commit's files in a folder of their own."""
    folder.mkdir(parents=True)
    packed = subprocess.run(["git", "archive", commit], cwd=files.ROOT, capture_output=True, check=True).stdout
    subprocess.run(["tar", "-x"], cwd=folder, input=packed, check=True)
    return folder


def all_digests(tree: source.Tree) -> dict[str, str]:
    """All modules of a checkout by their digests, but those that cannot be read."""
    found = {}
    for path in [path for folder in ("pipeline", "figures") for path in (tree.root / folder).rglob("*.py")]:
        parts = path.relative_to(tree.root).with_suffix("").parts
        module = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        try:
            found[tree.digest(module)] = module
        except PipelineError:
            continue
    return found


class History:
    """The digests that past commits give, the newest first, each commit read once."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.commits = git("log", "--format=%H", "--", "pipeline", "figures").split()
        self.known: dict[str, dict[str, str]] = {}

    def digests(self, commit: str) -> dict[str, str]:
        """All modules of a commit by their digests."""
        if commit not in self.known:
            self.known[commit] = all_digests(source.checkout(unpack(commit, self.folder / commit)))
        return self.known[commit]

    def maker(self, made: dict) -> str:
        """The newest commit whose code made evidence.

        Raises:
            RenewalError: there is none.
        """
        wanted = set(made["sources"].values())
        for commit in self.commits:
            if wanted <= self.digests(commit).keys():
                return commit
        raise RenewalError("no commit holds the code that made it: make it again")


@dataclass(frozen=True)
class Statement:
    """A statement of a file, of a compound one the head alone.

    text: what it says to the interpreter, with the blocks of its function that it lies in. place: the classes and functions it
    lies in. node: it. fails: whether it can only lead to an error. within: what must all be asked for before it can run (see
    `reachable.asked_by`), itself where it is a function.
    """

    text: str
    place: tuple[str, ...]
    node: ast.stmt
    fails: bool
    within: tuple[str, ...]


BLOCKS = ("body", "orelse", "finalbody", "handlers", "cases")


def head(node: ast.stmt) -> str:
    """What a statement says, less the blocks it holds."""
    bare = {name: [] for name in BLOCKS if hasattr(node, name)}
    shown = type(node)(**{**dict(ast.iter_fields(node)), **bare})
    caught = [ast.dump(each.type) if each.type else "" for each in getattr(node, "handlers", [])]
    return syntax.canonical(ast.Module([shown], []), lambda each: [ast.unparse(each)], {}) + "".join(caught)


def statements(tree: ast.Module) -> list[Statement]:
    """Every function of a file, and every statement inside one."""
    found: list[Statement] = []

    def visit(block: list[ast.stmt], owner: ast.AST, place: tuple[str, ...], within: tuple[str, ...], path: str, fails: bool):
        fails = fails or isinstance(block[-1], ast.Raise)
        for node in block:
            function, own = isinstance(node, reachable.FUNCTIONS), (*within, *reachable.asked_by(node, owner))
            if (path or function) and not syntax.is_docstring(node):
                found.append(Statement(f"{path} {head(node)}", place, node, fails or isinstance(node, ast.Raise), own))
            named = function or isinstance(node, ast.ClassDef)
            below, new = (*place, node.name) if named else place, node if named else owner
            for name, inner in blocks(node):
                deeper = "function" if function else f"{path}/{name}" if path else ""
                visit(inner, new, below, own, deeper, fails and not function)

    visit(tree.body, tree, (), (), "", False)
    return found


def blocks(node: ast.stmt) -> Iterator[tuple[str, list[ast.stmt]]]:
    """The blocks that a statement holds, those that are not empty, by what they are to it."""
    found = [(name, getattr(node, name, [])) for name in BLOCKS[:3]]
    found += [(f"{name}{number}", each.body) for name in BLOCKS[3:] for number, each in enumerate(getattr(node, name, []))]
    yield from ((name, block) for name, block in found if block)


def changed(before: list[Statement], after: list[Statement]) -> Iterator[Statement]:
    """Statements that differ from those of the earlier self of their function or class; in which order these stand in their
    file is all the same.
    """
    for place in dict.fromkeys(each.place for each in after):
        was, now = ([each for each in side if each.place == place] for side in (before, after))
        matcher = difflib.SequenceMatcher(a=[each.text for each in was], b=[each.text for each in now], autojunk=False)
        for tag, _, _, low, high in matcher.get_opcodes():
            yield from now[low:high] if tag != "equal" else ()


def not_run(old: Path | None, new: Path, lines: set[int], runs: Callable[[tuple[str, ...]], bool]) -> list[int]:
    """First lines of statements in a file that differ from those of its earlier self, compute something, and did not run.

    Args:
        old, new: the file as it was and as it is.
        lines: those that ran.
        runs: whether what lies in functions and classes of these names, as `Statement.within` gives them, can run at all.
    """
    before, after = (statements(syntax.parse(path.read_bytes())) if path else [] for path in (old, new))
    missed = []
    for each in changed(before, after):
        node, function = each.node, isinstance(each.node, reachable.FUNCTIONS)
        first, last = node.lineno, node.end_lineno
        if function:
            first = node.body[0].lineno
        elif getattr(node, "body", None):
            last = node.body[0].lineno  # which ran only where the head did
        dead = not runs(each.within)
        idle = isinstance(node, ast.Pass | ast.Global | ast.Nonlocal | ast.ClassDef | ast.Import | ast.ImportFrom)
        if not (lines & set(range(first, last + 1)) or each.fails or dead or idle):
            missed.append(node.lineno)
    return sorted(missed)


Lines = dict[str, list[int]]  # that ran, by file


def moves(old: str, new: str) -> dict[str, str]:
    """Where the files of the code lay in the earlier of two commits, by where they lie in the later: those that moved since."""
    rows = git(
        "diff", "--find-renames=40%", "--name-status", "--diff-filter=R", old, new, "--", "pipeline", "figures"
    ).splitlines()
    return {after: before for _, before, after in (row.split("\t") for row in rows)}


def missed_lines(
    recipe: Recipe, made: dict, old: Path, new: Path, ran_then: Lines, ran_now: Lines, moved: dict[str, str]
) -> list[str]:
    """Places, as file:line, in the source of a result that changed since it was made and that the probes did not run: what is
    new or other must have run in today's code, and what is gone in the earlier.

    Args:
        recipe: how the result is made.
        made: what its evidence says of its making.
        old: the checkout of the code that made it.
        new: today's.
        ran_then: the lines that ran in the earlier checkout, by file.
        ran_now: likewise in today's.
        moved: where files of today's checkout lie in the earlier, where that is elsewhere.
    """
    before, after = source.tree(old), source.tree(new)
    names, now, back = all_digests(before), after.sources(recipe.modules), {value: key for key, value in moved.items()}
    then = {names[digest]: digest for digest in made["sources"].values()}  # modules may have moved since it was written
    first = [module_of(moved.get(path_of(after, module), path_of(after, module))) for module in recipe.modules]
    missed = unproven(
        before, after, [each for each in now if now[each] not in then.values()], now, recipe.modules, ran_now, moved
    )
    other = [module for module in then if then[module] not in now.values()]
    gone = [module for module in other if module in now or path_of(before, module) in back]
    return missed + [f"{place} as it was" for place in unproven(after, before, gone, then, first, ran_then, back)]


def path_of(tree: source.Tree, module: str) -> str:
    """Where a module lies, from its checkout's folder."""
    return tree.locate(module).relative_to(tree.root).as_posix()


def module_of(path: str) -> str:
    """The module that a file would be imported as."""
    return path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")


def unproven(
    other: source.Tree,
    tree: source.Tree,
    modules: Iterable[str],
    all_modules: Iterable[str],
    first: Iterable[str],
    ran: Lines,
    moved: dict[str, str],
) -> list[str]:
    """Places in modules of a checkout that another one has not, and that did not run though they can.

    Args:
        other: the other checkout.
        tree: the one looked at.
        modules: those looked at.
        all_modules: all that belong to the result.
        first: those of them that a verb is told of.
        ran: the lines that ran, by file.
        moved: where files that lie elsewhere in the other checkout lie there.
    """
    reached = reachable.reach(tree, all_modules, first)
    places = []
    for module in modules:
        path, name = tree.locate(module), path_of(tree, module)
        was = other.root / moved[name] if name in moved else other.locate(module)
        runs = functools.partial(reached.runs, module)
        places += [f"{name}:{line}" for line in not_run(was, path, set(ran.get(name, ())), runs)]
    return places


def code_in_c(recipe: Recipe, old: Path, new: Path) -> list[str]:
    """Files in C in the source of a result that are not what they were."""
    tree = source.tree(new)
    found = []
    for module in tree.closure(recipe.modules):
        path = tree.locate(module).with_suffix(".c")
        name = path.relative_to(new)
        if path.exists() and (not (old / name).exists() or (old / name).read_bytes() != path.read_bytes()):
            found.append(name.as_posix())
    return found

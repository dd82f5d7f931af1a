"""Renew evidence that is stale because of source alone, where it can be shown that today's code makes the same.

    python -m pipeline renew                       all that is stale
    python -m pipeline renew solved/NAME training/NAME

The commit is looked up whose code made the evidence. Its code and today's run side by side, in this environment: each result at
toy size to its very end, and at full size for a while (`graph.probe`); all bytes must be equal, and every statement that
changed, came or went must have run. Then the new digests are written, and below `made.renewed` what was run, between which
commits, with what outcome, on which processor. What follows from what was played is computed again in full, as at every check.

Refused, each in a sentence: evidence whose run, inputs or versions changed; a statement that changed and did not run, unless it
leads to nothing but an error, or stands in a function or a class that nothing which can run names; other bytes; code in C that
compiles to other bytes, where the first shard does not come out as recorded; times; and what was renewed twice already, which
is to be made again.
"""

from __future__ import annotations

import argparse
import ast
import contextlib
import difflib
import functools
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from tqdm import tqdm

from pipeline import PipelineError, files
from pipeline.evidence import fingerprints, recipes, records, syntax
from pipeline.evidence.records import Recipe
from pipeline.graph import command, reachable

MOST = 2  # renewals of a piece of evidence; then it is made again
NEVER = ("latency", "pictures", "pooled", "compared", "fetched")  # times do not repeat; the others are made again in seconds


class RenewalError(PipelineError):
    """Evidence that cannot be renewed; the message is the reason."""


@dataclass(frozen=True)
class Stale:
    """A result to be renewed, its content as it lies there, and the commit whose code made it."""

    recipe: Recipe
    content: dict
    commit: str

    @property
    def name(self) -> str:
        """Its name with its kind."""
        return f"{self.recipe.kind}/{self.recipe.name}"


def git(*words: str, folder: Path = files.ROOT) -> str:
    """What git says.

    Raises:
        RenewalError: it fails.
    """
    done = subprocess.run(["git", *words], cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RenewalError(f"`git {' '.join(words[:2])}` failed: {(done.stderr.strip().splitlines() or ['no message'])[-1]}")
    return done.stdout


def check_eligible(recipe: Recipe, content: dict) -> None:
    """See that evidence is whole, and stale because of source alone.

    Raises:
        RenewalError: it is not.
    """
    made = content["made"]
    if recipe.kind in NEVER:
        raise RenewalError("times are measured, never renewed" if recipe.kind == "latency" else "it is made again in seconds")
    if fingerprints.tampered(content):
        raise RenewalError("it was changed by hand")
    for output in recipe.outputs:
        path = files.ROOT / output
        if not path.is_file() or files.sha256(path) != content["values"]["sha256"].get(output):
            raise RenewalError(f"{output} is missing or was changed by hand")
    if len(made.get("renewed", [])) >= MOST:
        raise RenewalError(f"it was renewed {MOST} times already: make it again")
    now = fingerprints.depends(recipe)
    both = made["versions"].keys() & now["versions"].keys()
    other = [key for key in both if made["versions"][key] != now["versions"][key]]
    changed = [f"run's {key}" for key, _, _ in records.differences(content["run"], records.fields(recipe.run))]
    changed += ["the runs it plays"] * (made["holds"] != now["holds"])
    changed += [key for key, _, _ in records.differences(made["inputs"], now["inputs"])]
    changed += [f"{key} {made['versions'][key]} → {now['versions'][key]}" for key in sorted(other)]
    if changed:
        raise RenewalError(f"more than source changed: {', '.join(changed)}")


def unpack(commit: str, folder: Path) -> Path:
    """A commit's files in a folder of their own."""
    folder.mkdir(parents=True)
    packed = subprocess.run(["git", "archive", commit], cwd=files.ROOT, capture_output=True, check=True).stdout
    subprocess.run(["tar", "-x"], cwd=folder, input=packed, check=True)
    return folder


def all_digests(tree: fingerprints.Tree) -> dict[str, str]:
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
            self.known[commit] = all_digests(fingerprints.checkout(unpack(commit, self.folder / commit)))
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
    """
    before, after = fingerprints.tree(old), fingerprints.tree(new)
    names, now, back = all_digests(before), after.sources(recipe.modules), {value: key for key, value in moved.items()}
    then = {names[digest]: digest for digest in made["sources"].values()}  # modules may have moved since it was written
    first = [module_of(moved.get(path_of(after, module), path_of(after, module))) for module in recipe.modules]
    missed = unproven(
        before, after, [each for each in now if now[each] not in then.values()], now, recipe.modules, ran_now, moved
    )
    other = [module for module in then if then[module] not in now.values()]
    gone = [module for module in other if module in now or path_of(before, module) in back]
    return missed + [f"{place} as it was" for place in unproven(after, before, gone, then, first, ran_then, back)]


def path_of(tree: fingerprints.Tree, module: str) -> str:
    """Where a module lies, from its checkout's folder."""
    return tree.locate(module).relative_to(tree.root).as_posix()


def module_of(path: str) -> str:
    """The module that a file would be imported as."""
    return path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")


def unproven(
    other: fingerprints.Tree,
    tree: fingerprints.Tree,
    modules: Iterable[str],
    all_modules: Iterable[str],
    first: Iterable[str],
    ran: Lines,
    moved: dict[str, str],
) -> list[str]:
    """Places in modules of a checkout that another one has not, and that did not run though they can.

    Args:
        other, tree: the other checkout and the one looked at.
        modules: those looked at. all_modules: all that belong to the result. first: those of them that a verb is told of.
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
    tree = fingerprints.tree(new)
    found = []
    for module in tree.closure(recipe.modules):
        path = tree.locate(module).with_suffix(".c")
        name = path.relative_to(new)
        if path.exists() and (not (old / name).exists() or (old / name).read_bytes() != path.read_bytes()):
            found.append(name.as_posix())
    return found


def scratch(commit: str, folder: Path) -> Path:
    """A commit's files, with the datasets that lie here, in a folder that may be written to."""
    unpack(commit, folder)
    (folder / "data").mkdir(exist_ok=True)
    for dataset in (files.ROOT / "data").glob("*.hdf5"):
        (folder / "data" / dataset.name).symlink_to(dataset)
    return folder


def run_probe(folder: Path, salt: str, names: list[str], out: Path) -> subprocess.Popen:
    """Start a probe of the results named, in a checkout: today's, so that both checkouts are asked the same."""
    program = Path(__file__).with_name("probe.py")
    script = (
        "import coverage, runpy, sys; sys.path.insert(0, ''); path = sys.argv.pop(1); "
        "coverage.Coverage(data_file=None, source=['pipeline'], config_file=False).start(); "
        "runpy.run_path(path, run_name='__main__')"
    )
    words = [sys.executable, "-c", script, str(program), str(out), salt, *names]
    environment = {**os.environ, command.PARENT: str(os.getpid()), "PYTHONDONTWRITEBYTECODE": "1"}
    with open(out.with_suffix(".log"), "w", encoding="utf-8") as log:
        return subprocess.Popen(words, cwd=folder, env=environment, stdout=log, stderr=log)


def probes(old: Path, new: Path, salt: str, names: list[str], place: Path) -> tuple[dict, dict]:
    """What the probes of both checkouts found, by result; both run at once, and progress is shown."""
    outs = [place / "old.jsonl", place / "new.jsonl"]
    both = [run_probe(folder, salt, names, out) for folder, out in zip((old, new), outs, strict=True)]
    with tqdm(total=2 * len(names), unit="probe") as bar:
        while any(each.poll() is None for each in both):
            with contextlib.suppress(subprocess.TimeoutExpired):
                both[0 if both[0].poll() is None else 1].wait(1)
            bar.update(sum(len(out.read_text().splitlines()) for out in outs if out.exists()) - bar.n)
    found = []
    for each, out in zip(both, outs, strict=True):
        if each.returncode:
            said = out.with_suffix(".log").read_text().strip().splitlines()
            raise RenewalError(f"the probe of {out.stem} code failed: {(said or ['no message'])[-1]}")
        rows = map(json.loads, out.read_text().splitlines())
        found.append({row["result"]: row for row in rows})
    return found[0], found[1]


def first_shard(recipe: Recipe, folder: Path) -> None:
    """Play an evaluation's first shard with a checkout's code, whole, and hold it against what is recorded.

    Raises:
        PipelineError: it cannot be played, or comes out otherwise.
    """
    if recipe.kind != "evaluations":
        raise RenewalError("code in C changed: make it again")
    into = folder / "build" / "shard"
    words = [recipe.verb, recipe.name, "--into", str(into), "--shards", "1"]
    command.run_verb(words, "its first shard cannot be played", folder)
    again = records.read(recipe.path(into))["values"]["returns"]
    recorded = records.read(recipe.path())["values"]["returns"][: len(again)]
    if again != recorded:
        raise RenewalError(f"its first shard, whole, gives {again} where {recorded} is recorded")


def verify(stale: Stale, old: Path, new: Path, before: dict, after: dict, moved: dict[str, str]) -> str:
    """What was shown of one result, in words.

    Raises:
        RenewalError: it was not shown that today's code makes the same.
    """
    recipe = stale.recipe
    for side, found in (("the earlier", before), ("today's", after)):
        if "error" in found:
            raise RenewalError(f"{side} code cannot be probed: {found['error']}")
    for part, words in (("toy", "at toy size"), ("prefix", "at full size")):
        if before[part] != after[part]:
            raise RenewalError(f"today's code gives other bytes {words}: make it again")
    missed = missed_lines(recipe, stale.content["made"], old, new, before["lines"], after["lines"], moved)
    if missed:
        raise RenewalError(f"changed and did not run: {', '.join(missed[:4])}{' …' if missed[4:] else ''}")
    if changed := code_in_c(recipe, old, new):
        if before["compiled"] == after["compiled"] != []:
            return f"toy size to the end, and a prefix at full size; {', '.join(changed)} compiles to the same bytes"
        first_shard(recipe, new)
        return f"toy size to the end, a prefix, and, since {', '.join(changed)} changed, the whole first shard"
    return "toy size to the end, and a prefix at full size"


def renewed(stale: Stale, found: dict, ran: str, today: str, processor: str) -> dict:
    """The evidence with today's digests, and what was shown."""
    made, depends = stale.content["made"], fingerprints.depends(stale.recipe)
    entry = {
        "fingerprint": made["fingerprint"],
        "made_by": stale.commit,
        "compared_with": today,
        "ran": ran,
        "sha256": records.values_digest([found["toy"], found["prefix"]]),
        "processor": processor,
    }
    about = {key: value for key, value in made.items() if key not in ("fingerprint", "sha256", "renewed", *depends)}
    new = {"fingerprint": fingerprints.fingerprint(stale.recipe, depends), **about, **depends}
    return {**stale.content, "made": {**new, "renewed": [*made.get("renewed", []), entry]}}


def wanted(names: list[str]) -> list[Recipe]:
    """The recipes named, or all whose evidence is stale and can be renewed in principle.

    Raises:
        RenewalError: there is no result of a name.
    """
    every = recipes.known()
    if unknown := [name for name in names if name not in every]:
        raise RenewalError(f"there is no result {unknown[0]!r}: name it as kind/name, as `python -m pipeline plan` does")
    if names:
        return [every[name] for name in names]
    reasons = ((recipe, fingerprints.stale(recipe)) for recipe in recipes.everything() if recipe.kind not in NEVER)
    return [recipe for recipe, reason in reasons if reason and reason.startswith("changed: ")]


def check_clean() -> str:
    """Today's commit, whose code must be the one that lies here.

    Raises:
        RenewalError: files of the code are changed and not committed.
    """
    if changed := git("status", "--porcelain", "--", "pipeline", "figures").splitlines():
        raise RenewalError(f"{changed[0][3:]} is changed and not committed: commit first, so that what was compared has a name")
    return git("rev-parse", "HEAD").strip()


def renew(chosen: list[Recipe], place: Path) -> tuple[int, list[str]]:
    """Renew what can be; returns how many were, and for each of the others its name and the reason."""
    from pipeline.evidence.machines import processor

    today, history, refused, eligible = check_clean(), History(place / "history"), [], []
    for recipe in chosen:
        try:
            content = records.read(recipe.path())
            check_eligible(recipe, content)
            eligible.append(Stale(recipe, content, history.maker(content["made"])))
        except PipelineError as error:
            refused.append(f"{recipe.kind}/{recipe.name}: {error}")
    count = 0
    for commit in sorted({each.commit for each in eligible}):
        group = [each for each in eligible if each.commit == commit]
        old, new = (scratch(each, place / f"{commit[:12]}_{side}") for each, side in ((commit, "old"), (today, "new")))
        names = [each.name for each in group]
        before, after = probes(old, new, today, names, place)
        moved = moves(commit, today)
        for each in group:
            try:
                ran = verify(each, old, new, before.get(each.name, LOST), after.get(each.name, LOST), moved)
            except PipelineError as error:
                refused.append(f"{each.name}: {error}")
                continue
            records.write_sealed(each.recipe.path(), renewed(each, after[each.name], ran, today, processor()))
            count += 1
    return count, refused


LOST = {"error": "the probe said nothing of it"}


def main() -> None:
    """Renew, and say what was and what was not."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="KIND/NAME", help="which results (default: all that are stale)")
    arguments = parser.parse_args()
    (files.ROOT / "build").mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=files.ROOT / "build") as place:
        count, refused = renew(wanted(arguments.names), Path(place))
    for line in refused:
        print(f"not renewed: {line}")
    print(f"{count} results renewed, {len(refused)} not")
    if refused and arguments.names:
        raise RenewalError(f"{len(refused)} of {count + len(refused)} results were not renewed")


if __name__ == "__main__":
    command.run(main)

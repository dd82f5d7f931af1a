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

import contextlib
import json
import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from tqdm import tqdm

from pipeline import PipelineError, files
from pipeline.evidence import fingerprints, recipes, records
from pipeline.evidence.records import Recipe
from pipeline.graph import command
from pipeline.graph.changes import History, RenewalError, code_in_c, git, missed_lines, moves, unpack

MOST = 2  # renewals of a piece of evidence; then it is made again
NEVER_RENEWED = {  # why not, by kind
    **dict.fromkeys(("latency", "memory"), "what is measured on a machine is never renewed"),
    "suite": "it is trained and played again in a minute",
    **dict.fromkeys(("stitching", "luck", "masked"), "it is trained and played again in minutes"),
    "wheel": "it is played in node, where no statement is watched: make it again",
    **dict.fromkeys(("pictures", "pooled", "compared", "matrix", "effects", "fetched"), "it is made again in seconds"),
}


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


def check_eligible(recipe: Recipe, content: dict) -> None:
    """See that evidence is whole, and stale because of source alone.

    Raises:
        RenewalError: it is not.
    """
    made = content["made"]
    if recipe.kind in NEVER_RENEWED:
        raise RenewalError(NEVER_RENEWED[recipe.kind])
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
    """What the probes of both checkouts found, by result; both run at once, and progress is shown.

    Args:
        old: the checkout of the earlier code.
        new: today's.
        salt: what chooses the shards that are played.
        names: the results, as kind/name.
        place: the folder that both write to.

    Raises:
        RenewalError: one of them failed.
    """
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
    words = ["pipeline", "make", f"{recipe.kind}/{recipe.name}", "--into", str(into), "--shards", "1"]
    command.run_verb(words, "its first shard cannot be played", folder)
    again = records.read(recipe.path(into))["values"]["returns"]
    recorded = records.read(recipe.path())["values"]["returns"][: len(again)]
    if again != recorded:
        raise RenewalError(f"its first shard, whole, gives {again} where {recorded} is recorded")


def verify(stale: Stale, old: Path, new: Path, before: dict, after: dict, moved: dict[str, str]) -> str:
    """What was shown of one result, in words.

    Args:
        stale: the result.
        old: the checkout of the code that made it.
        new: today's.
        before: what the probe of the earlier code found.
        after: what today's found.
        moved: where files of today's checkout lie in the earlier, where that is elsewhere.

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
    """The evidence with today's digests, and what was shown.

    Args:
        stale: the result.
        found: what the probe of today's code found.
        ran: what was run, in words.
        today: today's commit.
        processor: on which both ran.
    """
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
    reasons = ((recipe, fingerprints.stale(recipe)) for recipe in recipes.everything() if recipe.kind not in NEVER_RENEWED)
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


def main(names: list[str]) -> None:
    """Renew the results named, as kind/name, or all that are stale; say what was and what was not."""
    (files.ROOT / "build").mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=files.ROOT / "build") as place:
        count, refused = renew(wanted(names), Path(place))
    for line in refused:
        print(f"not renewed: {line}")
    print(f"{count} results renewed, {len(refused)} not")
    if refused and names:
        raise RenewalError(f"{len(refused)} of {count + len(refused)} results were not renewed")

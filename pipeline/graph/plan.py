"""Say beforehand what is stale, why, and about how long mending it takes.

python -m pipeline plan
"""

from __future__ import annotations

import fcntl
from collections.abc import Callable

from pipeline import PipelineError, files
from pipeline.evidence import fingerprints, processes, recipes, records, source
from pipeline.evidence.records import Recipe


def stale(source: str = "local") -> list[tuple[Recipe, str]]:
    """What `doit` would make again, each with the reason."""
    reasons = ((recipe, fingerprints.stale(recipe)) for recipe in recipes.rebuilt(source))
    return [(recipe, reason) for recipe, reason in reasons if reason]


def minutes(seconds: float) -> str:
    """A duration as people say it."""
    if seconds < 90:
        return f"about {seconds:.0f} s"
    return f"about {seconds / 60:.0f} min" if seconds < 6 * 3600 else f"about {seconds / 3600:.0f} h"


def trained_evidence_problems() -> list[str]:
    """What is wrong with evidence that only training could make again; a recipe whose code has moved on is not wrong."""
    problems = []
    for recipe in recipes.TRAINED.values():
        if fingerprints.stale(recipe) is None:
            continue
        path = recipe.path().relative_to(files.ROOT)
        try:
            content = records.read(recipe.path())
            sound = not fingerprints.tampered(content) and fingerprints.follows(recipe, content["values"], files.ROOT)
            sums = content["values"]["sha256"] if recipe.outputs else {}
            wrong = [name for name in recipe.outputs if fingerprints.input_digest(name, files.ROOT) != sums[name]]
        except (PipelineError, ArithmeticError, AttributeError, LookupError, TypeError, ValueError):
            sound, wrong = False, []
        if not sound or wrong:
            damaged = path if not sound else wrong[0]
            problems.append(
                f"{damaged} is missing or was changed by hand: "
                f"restore it with `git checkout {damaged}`, or make it with `make train`"
            )
            continue
        moved = [f"{key} = {old!r} → {new!r}" for key, old, new in records.trained_otherwise(content["run"], recipe.run)]
        if moved:
            problems.append(
                f"{path} was made with {moved[0]}: bring it up to date with "
                f"`doit train:{recipe.name}`, {minutes(recipe.seconds)}"
            )
    return problems


def trained_by_other_code() -> list[tuple[str, str]]:
    """Trainings whose evidence is sound but was made by other code, or other versions, than today's; each with what changed."""
    alone = (recipe for recipe in recipes.STUDIES.values() if recipe.kind != "suite")
    of_methods = {recipe.run.method: recipe for recipe in recipes.SUITE.values()}  # all runs of one share its code
    trained = (*recipes.TRAINED.values(), *alone, *of_methods.values())
    reasons = ((f"{recipe.kind}/{recipe.name}", fingerprints.stale(recipe)) for recipe in trained)
    return [(name, reason) for name, reason in reasons if reason and reason.startswith("changed: ")]


def check_lock() -> None:
    """See that `hub.lock` names a commit and sums for every published checkpoint, before anything is downloaded.

    Raises:
        PipelineError: it does not; the sentence says what to run.
    """
    from pipeline.hub import client  # only now: what stands on this repository needs no hub

    for recipe in recipes.FETCHES.values():
        client.pin(recipe.run)


def published_by_other_code() -> list[str]:
    """Evidence of published checkpoints that the page shows though its code has moved on, as `kind/name`.

    Their files are not asked for: who has not fetched them may show what others measured.
    """
    found = []
    for recipe in recipes.rebuilt("hub"):
        try:
            sources = records.read(recipe.path())["made"]["sources"]
        except (PipelineError, AttributeError, LookupError, TypeError):
            continue
        if set(sources.values()) != set(source.tree(files.ROOT).sources(recipe.modules).values()):
            found.append(f"{recipe.kind}/{recipe.name}")
    return found


def unsound(recipe: Recipe, content: dict) -> str | None:
    """Why a piece of evidence cannot be what it says, its files and today's code apart; None where it can."""
    try:
        made, values = content["made"], content["values"]
        if records.sealed(content) != made["sha256"] or fingerprints.fingerprint(recipe, made) != made["fingerprint"]:
            return "its digests are not its own"
        if made["inputs"].keys() != set(recipe.inputs) or not made["sources"]:
            return "it does not say what it was made from"
        if not fingerprints.follows(recipe, values, files.ROOT):
            return fingerprints.UNFOUNDED
    except (PipelineError, ArithmeticError, AttributeError, LookupError, TypeError, ValueError):
        return "it does not say what it was made from, or what was found"
    return None


def check_published() -> None:
    """See that no result of a published checkpoint stands on the page that cannot be what it says.

    Raises:
        PipelineError: one does; the sentence names the first.
    """
    for recipe in recipes.rebuilt("hub"):
        if recipe.path().exists() and (reason := unsound(recipe, records.read(recipe.path()))):
            path = recipe.path().relative_to(files.ROOT)
            raise PipelineError(f"{path} cannot be shown, for {reason}: remove it, or make it again with `doit source=hub`")


def announce(source: str = "local", say: Callable[[str], None] = print) -> None:
    """Say what is stale and what it costs.

    Raises:
        PipelineError: evidence that only training can make is damaged, or belongs to another recipe; a published checkpoint's
            cannot be what it says; or `hub.lock` does not say which published files are meant.
    """
    if source == "hub":
        check_lock()
    else:
        check_published()
        if outdated := published_by_other_code():
            say(
                f"{len(outdated)} results of published checkpoints were made by other code, such as {outdated[0]}: "
                "`doit source=hub` makes them again"
            )
    moved = trained_by_other_code() if source == "local" else []
    if moved:
        listed = "; ".join(f"{name} ({reason})" for name, reason in moved[:3])
        say(
            f"{len(moved)} trainings were not made by today's code: {listed}{'; …' if moved[3:] else ''}. "
            "`python -m pipeline renew` proves, where it can, that today's makes the same"
        )
    waiting = stale(source)
    for recipe, reason in waiting:
        say(f"stale: {recipe.kind}/{recipe.name}: {reason}; {minutes(recipe.seconds)}")
    if len(waiting) > 1:
        say(f"{len(waiting)} results to make again, {minutes(sum(recipe.seconds for recipe, _ in waiting))} on one core")
    problems = trained_evidence_problems() if source == "local" else []  # what others trained does not stand on it
    if problems:
        raise PipelineError("; ".join(problems))


def tidy() -> None:
    """Remove unfinished work that nothing will finish: its evidence holds, or is now made from something else.

    A process killed at its very end leaves such work. What another process is making is let be.
    """
    every = [*recipes.everything(), *recipes.STUDIES.values(), *recipes.rebuilt("hub")]
    begun = {path.name for path in (*records.workshop().glob("*/*"), *(records.workshop().parent / "training").glob("*"))}
    suspected = [recipe for recipe in every if any(name.startswith(recipe.name) for name in begun)]
    left = {work: recipe for recipe in suspected for work in recipe.progress() if work.exists()}
    waiting = {work for work, recipe in left.items() if fingerprints.stale(recipe)}
    for work in {*left, *records.workshop().glob("*/*")} - waiting:
        if not being_made(work.parent.name, left[work].name if work in left else work.name.rpartition("_")[0]):
            files.remove(work)


def being_made(kind: str, name: str) -> bool:
    """Whether a process makes this evidence; it may, where the file system knows no locks."""
    lock = records.workshop().parent / "locks" / f"{kind}_{name}"
    if not lock.exists():
        return False
    with open(lock, encoding="utf-8") as file:
        try:
            return not processes.take_lock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True

"""Say beforehand what is stale, why, and about how long mending it takes.

    python -m pipeline.plan
"""

from __future__ import annotations

from pipeline import PipelineError, command, evidence, files, recipes
from pipeline.evidence import Recipe


def stale() -> list[tuple[Recipe, str]]:
    """What `doit` would make again, each with the reason."""
    reasons = ((recipe, evidence.stale(recipe)) for recipe in recipes.rebuilt())
    return [(recipe, reason) for recipe, reason in reasons if reason]


def minutes(seconds: float) -> str:
    """A duration as people say it."""
    return f"about {seconds:.0f} s" if seconds < 90 else f"about {seconds / 60:.0f} min"


def trained_evidence_problems() -> list[str]:
    """What is wrong with evidence that only training could make again; a recipe whose code has moved on is not wrong."""
    problems = []
    for recipe in recipes.TRAINED.values():
        path = recipe.path().relative_to(files.ROOT)
        content = evidence.read(recipe.path())
        if evidence.values_digest(content["values"]) != content["made"].get("values_sha256"):
            problems.append(f"{path} was changed by hand: restore it with `git checkout {path}`, or make it with `make train`")
        moved = [f"{key} = {old!r} → {new!r}" for key, old, new in evidence.differences(content["run"], evidence.fields(recipe.run))]
        if moved:
            problems.append(f"{path} was made with {moved[0]}: bring it up to date with `doit train:{recipe.name}`, {minutes(recipe.seconds)}")
    return problems


def announce() -> None:
    """Print what is stale and what it costs.

    Raises:
        PipelineError: evidence that only training can make is damaged, or belongs to another recipe.
    """
    waiting = stale()
    for recipe, reason in waiting:
        print(f"stale: {recipe.kind}/{recipe.name}: {reason}; {minutes(recipe.seconds)}")
    if len(waiting) > 1:
        print(f"{len(waiting)} results to make again, {minutes(sum(recipe.seconds for recipe, _ in waiting))} on one core")
    problems = trained_evidence_problems()
    if problems:
        raise PipelineError("; ".join(problems))


if __name__ == "__main__":
    command.run(announce)

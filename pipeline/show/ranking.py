"""A private table: a user's own policies among the evidence's rows of one world, the best score first."""

from __future__ import annotations

from pathlib import Path

from pipeline import PipelineError, files
from pipeline.evidence import recipes, records
from pipeline.evidence.records import Recipe
from pipeline.show.tabulate import fixed
from pipeline.study import runs

OWN = "policies"  # the kind of evidence of own policies
HEADER = ("", "policy", "score", "95% interval", "return", "n", "over", "ms an action")


def of_evidence(world: str) -> list[Recipe]:
    """What the post's tables rank of a world: single models, and methods over several trainings in one row."""
    pooled = {member for pool in recipes.POOLS.values() for member in pool.run.members}
    alone = [recipes.EVALUATIONS[run.name] for run in (*runs.EVALUATIONS, *runs.HUB_EVALUATIONS) if run.name not in pooled]
    played = {run.name: run.environment for run in runs.EVALUATIONS}
    rows = [recipe for recipe in alone if recipe.run.environment == world]
    return [*rows, *(pool for pool in recipes.POOLS.values() if played[pool.run.members[0]] == world)]


def read(path: Path) -> dict | None:
    """A piece of evidence; None where there is none that can be read."""
    try:
        return records.read(path)
    except PipelineError:
        return None


def own(into: Path, world: str) -> dict[str, dict]:
    """The results of own policies in a world that lie below a folder, by name."""
    found = {path.stem: read(path) for path in sorted((Path(into) / "results" / OWN).glob("*.json"))}
    return {name: content for name, content in found.items() if content and content["run"].get("environment") == world}


def rows(into: Path, world: str) -> list[tuple[str, ...]]:
    """A line of text for each policy, as `HEADER` names them, by falling score."""
    told = {f"{recipe.kind}/{recipe.name}": read(recipe.path()) for recipe in of_evidence(world)}
    told = {name: content["values"] for name, content in told.items() if content}
    told |= {f"**{name}** (own)": content["values"] for name, content in own(into, world).items()}
    ranked = sorted(told.items(), key=lambda row: -row[1]["score_mean"])
    return [(str(place), *row(name, values)) for place, (name, values) in enumerate(ranked, start=1)]


def row(name: str, values: dict) -> tuple[str, ...]:
    """What a table says of one policy."""
    ends = " to ".join(fixed(values[f"score_{end}"], 1) for end in ("low", "high"))
    many, over = (values["seeds"], "trainings") if "seed_means" in values else (values["episodes"], "episodes")
    time = fixed(values["latency"]["median_ms"], 3) if "latency" in values else ""
    return name, fixed(values["score_mean"], 1), ends, fixed(values["return_mean"]), str(many), over, time


def table(into: Path, world: str) -> str:
    """The table in Markdown, and what it is."""
    lines = [HEADER, *rows(into, world)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(HEADER))]
    text = ["| " + " | ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) + " |" for line in lines]
    text.insert(1, "|:" + "|:".join("-" * (width + 1) for width in widths) + "|")
    note = (
        f"{world}. Rows marked (own) are a user's own policies and no part of the published evidence; the others are its. "
        "Milliseconds are the median on the machine that played them, one episode alone on one thread."
    )
    return "\n".join([*text, "", note]) + "\n"


def write(into: Path, world: str) -> Path:
    """Write the table below the folder of the results that it tells of; returns where."""
    path = Path(into) / f"ranking_{world.lower().replace('-', '_')}.md"
    files.write_text(path, table(into, world))
    return path

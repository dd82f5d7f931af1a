"""The matrix as a table: scores of worlds, logs and methods, of the trainings that are there, beside published ones."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from pipeline import files
from pipeline.evidence import recipes, records
from pipeline.evidence.records import Recipe
from pipeline.show.tabulate import fixed, results
from pipeline.study.suite import SuiteRun

D4RL = "d4rl_"  # begins the names of logs that are downloaded


def scored(runs: Iterable[SuiteRun]) -> list[float]:
    """Mean scores of the trainings among these whose evidence is there."""
    paths = (files.ROOT / "results" / run.kind / f"{run.name}.json" for run in runs)
    return [records.read(path)["values"]["score_mean"] for path in paths if path.exists()]


def cell(scores: list[float], published: float | None) -> str:
    """Mean of trainings (their least and most, how many), and in brackets what was published."""
    beside = "" if published is None else f" [{fixed(published, 1)}]"
    if not scores:
        return f"–{beside}"
    spread = f"{fixed(min(scores), 1)} to {fixed(max(scores), 1)}, {len(scores)}"
    return f"{fixed(float(np.mean(scores)), 1)} ({spread}){beside}"


def lines(entries: list[SuiteRun], published: dict[str, dict[str, float]]) -> list[list[str]]:
    """Title and rows of text: a log, then each method's cell.

    Args:
        entries: runs of all logs and methods.
        published: scores by log, as D4RL calls it, and method.
    """
    logs, methods = (list(dict.fromkeys(getattr(run, name) for run in entries)) for name in ("data", "method"))
    found = [["log", *methods]]
    for log in logs:
        known = published.get(log.removeprefix(D4RL).removesuffix("_v2"), {}) if log.startswith(D4RL) else {}
        of_log = [run for run in entries if run.data == log]
        cells = [cell(scored(run for run in of_log if run.method == method), known.get(method)) for method in methods]
        found.append([log, *cells])
    return found


def table(registry: dict[str, Recipe]) -> str:
    """The table of a registry's runs in Markdown."""
    title, *rows = lines([recipe.run for recipe in registry.values()], results()["published"]["d4rl_gym"]["scores"])
    widths = [max(map(len, column)) for column in zip(title, *rows, strict=True)]
    rule = [":" + "-" * (widths[0] - 1), *("-" * (width - 1) + ":" for width in widths[1:])]
    padded = (" | ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)) for row in (title, rule, *rows))
    return "\n".join(f"| {line} |" for line in padded)


def main(d4rl: bool) -> None:
    """Print the table of the small matrix, or of D4RL's."""
    print(table(recipes.d4rl_suite() if d4rl else recipes.SUITE))
    published = ", in brackets published ones (results/published.json)" if d4rl else ""
    print(f"\nMean scores of trainings (least to most, how many){published}; each is the mean of its episodes.")

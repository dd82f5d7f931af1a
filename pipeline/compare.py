"""Compare evaluations: how far the return got follows the return asked, and how far one method lies above another.

python -m pipeline.compare local_dt_halfcheetah_obedience
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from scipy import stats

from pipeline import command, evidence, files, guards, recipes, runs
from pipeline.returns import normalised_score
from pipeline.scores import interval


def slopes(asked: list[float], got: np.ndarray) -> dict[str, float]:
    """Least-squares slope of the return got over the return asked: 1 is obedience, 0 deafness.

    Args:
        asked: target returns (target,).
        got: returns (target, seed); a column's episodes share a seed, so each seed gives one slope.

    Returns:
        mean and 95 % t-interval over seeds.
    """
    centred = np.asarray(asked) - np.mean(asked)
    return interval(centred @ (got - got.mean(axis=0)) / np.square(centred).sum())


def difference(one: list[float], other: list[float], confidence: float = 0.95) -> dict[str, float]:
    """Difference of two means with Welch's interval: mean, low, high."""
    found = stats.ttest_ind(one, other, equal_var=False).confidence_interval(confidence)
    return {"mean": float(np.mean(one) - np.mean(other)), "low": float(found.low), "high": float(found.high)}


def paired(one: dict, other: dict) -> dict:
    """Differences of two evaluations' returns in the episodes whose seed both played: of returns and of scores, with their
    95 % t-intervals over episodes.
    """
    played = [dict(zip(values["seeds"], values["returns"], strict=True)) for values in (one, other)]
    shared = [seed for seed in played[0] if seed in played[1]]
    got = np.array([[returns[seed] for seed in shared] for returns in played])
    scores = normalised_score(got)
    return {"episodes": len(shared), "return": interval(got[0] - got[1]), "score": interval(scores[0] - scores[1])}


def compare(run: runs.Slope | runs.Difference | runs.PairedDifference, read) -> dict:
    """The values of one comparison; `read(kind, name)` gives evidence.

    Slope: over all targets, within the data's reach and beyond it. Difference: of scores, over training seeds. Paired
    difference: over episodes.
    """
    if isinstance(run, runs.PairedDifference):
        return paired(*(read("evaluations", name)["values"] for name in (run.one, run.other)))
    if isinstance(run, runs.Slope):
        found = [read("evaluations", name) for name in run.evaluations]
        asked = [content["run"]["target_return"] for content in found]
        got = np.asarray([content["values"]["returns"] for content in found])
        inside = [target <= run.reach for target in asked]
        beyond = np.logical_not(inside)
        return {
            "seeds": got.shape[1],
            "targets": asked,
            "all": slopes(asked, got),
            "inside": slopes(np.asarray(asked)[inside], got[inside]),
            "beyond": slopes(np.asarray(asked)[beyond], got[beyond]),
        }
    one, other = (normalised_score(read("pooled", name)["values"]["seed_means"]).tolist() for name in (run.one, run.other))
    return {"seeds": [len(one), len(other)], "score": difference(one, other)}


def played(run: runs.Slope | runs.Difference | runs.PairedDifference) -> tuple[str, ...]:
    """The evaluations that a comparison stands on."""
    if isinstance(run, runs.Slope):
        return run.evaluations
    if isinstance(run, runs.PairedDifference):
        return run.one, run.other
    return recipes.POOLS[run.one].run.members + recipes.POOLS[run.other].run.members


def main() -> None:
    """Make one comparison from the evidence it reads."""
    parser = command.parser(__doc__, recipes.COMPARISONS)
    parser.add_argument("--into", type=Path, default=files.ROOT, help="read and write results/ below this folder")
    arguments = parser.parse_args()
    recipe = command.find(arguments.name, recipes.COMPARISONS, arguments.into)
    root = arguments.into
    guards.refuse_mixed_data(played(recipe.run))
    values = compare(recipe.run, lambda kind, name: evidence.read(root / "results" / kind / f"{name}.json"))
    evidence.write(recipe, values, root)


if __name__ == "__main__":
    command.run(main)

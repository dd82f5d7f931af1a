"""Make the evidence again from the checkpoints in the repository, and hold it against what is published.

    python -m pipeline.reproduce          each evaluation's first shard, everything else whole
    python -m pipeline.reproduce --all    every shard
    python -m pipeline.reproduce --source hub    from the published checkpoints

Writes the same tree as `results/` below `build/reproduce/`, and `verdict.json` beside it. A killed reproduction resumes. Exits
with 1 when a result is not reproduced. What only training could make again is marked *not run*.
"""

from __future__ import annotations

import argparse
import itertools
import os
import shutil
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from scipy import stats
from tqdm import tqdm

from pipeline import PipelineError, arrays, command, evidence, files, fingerprints, plan, recipes
from pipeline.evidence import Recipe

INTO = files.ROOT / "build" / "reproduce"
TOLERANCE = 1e-3  # absolute, on attention shares and action changes: other processors round the last digits differently
SIGNIFICANCE = 0.01  # of Welch's or Fisher's test below which results count as not compatible
LOCKSTEP = 50  # steps over which a rollout must agree; beyond, the simulator's chaos amplifies the last digit
LATENCY_FACTOR = 3.0
IN_SHARDS = ("evaluations", "solved")  # kinds of which the first shard is played unless all are wanted


def same_numbers(committed, again) -> float:
    """Largest absolute difference between two trees of one shape; infinite where they differ otherwise."""
    if isinstance(committed, dict) and isinstance(again, dict) and committed.keys() == again.keys():
        return max((same_numbers(committed[key], again[key]) for key in committed if key != "sha256"), default=0.0)
    if isinstance(committed, list) and isinstance(again, list) and len(committed) == len(again):
        return max(map(same_numbers, committed, again), default=0.0)
    if isinstance(committed, int | float) and isinstance(again, int | float):
        return abs(committed - again)
    return 0.0 if committed == again else np.inf


def judge_returns(committed: dict, again: dict) -> tuple[str, str]:
    """Returns of the same seeds: identical, or else compatible by Welch's t-test against all published ones."""
    published = dict(zip(committed["seeds"], committed["returns"], strict=True))
    same = [published.get(seed) for seed in again["seeds"]]
    detail = f"mean return {np.mean(same):.1f} published, {again['return_mean']:.1f} again, n = {len(same)}"
    if same == again["returns"]:
        return "identical", detail
    p = stats.ttest_ind(committed["returns"], again["returns"], equal_var=False).pvalue
    return ("statistically compatible" if p >= SIGNIFICANCE else "not reproduced"), f"{detail}, p = {p:.3f}"


def judge_solved(committed: dict, again: dict) -> tuple[str, str]:
    """Episodes of the same seeds: identical, or else compatible by Fisher's exact test against all published ones."""
    published = dict(zip(committed["seeds"], zip(committed["success"], committed["length"], strict=True), strict=True))
    same = [published.get(seed) for seed in again["seeds"]]
    share = sum(success for success, _ in same) / len(same)
    detail = f"{share:.1%} solved published, {again['success_mean']:.1%} again, n = {len(same)}"
    if same == list(zip(again["success"], again["length"], strict=True)):
        return "identical", detail
    solved = [[values["solved"], values["episodes"] - values["solved"]] for values in (committed, again)]
    p = stats.fisher_exact(solved).pvalue
    return ("statistically compatible" if p >= SIGNIFICANCE else "not reproduced"), f"{detail}, p = {p:.3f}"


def judge_values(committed: dict, again: dict) -> tuple[str, str]:
    """Numbers side by side: identical, or equal within the tolerance."""
    difference = same_numbers(committed, again)
    verdict = "identical" if difference == 0 else "equal within tolerance" if difference <= TOLERANCE else "not reproduced"
    return verdict, f"largest difference {difference:.2g}, tolerance {TOLERANCE:g}"


def judge_arrays(recipe: Recipe, committed: dict, again: dict) -> tuple[str, str]:
    """Values side by side, and the arrays beside them."""
    trees = [
        {**values, **{name: array.tolist() for name, array in arrays.read(recipe, root).items()}}
        for values, root in ((committed, files.ROOT), (again, INTO))
    ]
    return judge_values(*trees)


def judge_rollout(recipe: Recipe) -> tuple[str, str]:
    """Simulator states: identical, or equal for as long as chaos allows."""
    committed, again = arrays.read(recipe)["positions"], arrays.read(recipe, INTO)["positions"]
    if np.array_equal(committed, again):
        return "identical", f"{len(again)} steps"
    apart = np.abs(committed - again).max(axis=1) > TOLERANCE
    agree = int(apart.argmax()) if apart.any() else len(again)
    return ("equal within tolerance" if agree >= LOCKSTEP else "not reproduced"), f"states agree for {agree} steps"


def judge_latency(committed: dict, again: dict) -> tuple[str, str]:
    """Milliseconds never repeat; they are compatible within a factor of three."""
    ratio = again["median_ms"] / committed["median_ms"]
    detail = f"median {committed['median_ms']:.1f} ms published, {again['median_ms']:.1f} ms again"
    return ("statistically compatible" if 1 / LATENCY_FACTOR <= ratio <= LATENCY_FACTOR else "not reproduced"), detail


def intervals(values, name: str = "") -> dict[str, dict]:
    """Every mean with its interval in a tree of values, by its path."""
    if isinstance(values, dict) and {"mean", "low", "high"} <= values.keys():
        return {name: values}
    branches = values.items() if isinstance(values, dict) else enumerate(values) if isinstance(values, list) else ()
    return {path: found for key, branch in branches for path, found in intervals(branch, f"{name} {key}".strip()).items()}


def judge_intervals(committed: dict, again: dict) -> tuple[str, str]:
    """Slopes, differences, errors: identical, or with intervals that overlap the published ones, fewer episodes or not."""
    if same_numbers(committed, again) == 0:
        return "identical", "every interval"
    published, found = intervals(committed), intervals(again)
    apart = [name for name, was in published.items() if found[name]["low"] > was["high"] or was["low"] > found[name]["high"]]
    shown = (apart or list(published))[:3]
    detail = ", ".join(f"{name} {published[name]['mean']:.3g} published, {found[name]['mean']:.3g} again" for name in shown)
    return ("not reproduced" if apart else "statistically compatible"), detail


def judge_pool(committed: dict, again: dict) -> tuple[str, str]:
    """Training seeds as one row: numbers side by side, or, over fewer episodes, Welch's t-test between the seeds' means."""
    if committed["episodes_per_seed"] == again["episodes_per_seed"]:
        return judge_values(committed, again)
    p = stats.ttest_ind(committed["seed_means"], again["seed_means"], equal_var=False).pvalue
    detail = f"mean return {committed['return_mean']:.1f} published, {again['return_mean']:.1f} again, fewer episodes"
    seeds = len(again["seed_means"])
    compatible = p >= SIGNIFICANCE or seeds < 2
    return ("statistically compatible" if compatible else "not reproduced"), f"{detail}, {seeds} seeds, p = {p:.3f}"


def judge(recipe: Recipe) -> tuple[str, str]:
    """A verdict on one result, and the figures it rests on; published values that cannot be compared are not reproduced."""
    if not recipe.path().exists():
        return "new", "nothing is published in results/ to hold it against"
    try:
        return compare(recipe)
    except (LookupError, TypeError, ValueError, ZeroDivisionError) as error:
        reason = f"{type(error).__name__}: {error}"
        return "not reproduced", f"what is published cannot be compared ({reason}): was it changed by hand?"


def compare(recipe: Recipe) -> tuple[str, str]:
    """A verdict on one result, and the figures it rests on."""
    committed, again = (evidence.read(recipe.path(root))["values"] for root in (files.ROOT, INTO))
    if recipe.kind in ("compared", "imagination"):
        return judge_intervals(committed, again)
    if recipe.kind == "pooled":
        return judge_pool(committed, again)
    if recipe.kind == "evaluations":
        return judge_returns(committed, again)
    if recipe.kind == "solved":
        return judge_solved(committed, again)
    if recipe.kind == "rollouts":
        return judge_rollout(recipe)
    if recipe.kind in ("attention", "refined", "walks"):
        return judge_arrays(recipe, committed, again)
    return judge_latency(committed, again) if recipe.kind == "latency" else judge_values(committed, again)


def whole(recipe: Recipe) -> bool:
    """Whether the result at hand holds all of its run's episodes."""
    return recipe.kind not in IN_SHARDS or evidence.read(recipe.path(INTO))["values"]["episodes"] == recipe.run.episodes


def cost(recipe: Recipe, every_shard: bool) -> float:
    """About how many seconds of one core making a result again takes."""
    whole_run = every_shard or recipe.kind not in IN_SHARDS
    return recipe.seconds * (1 if whole_run else min(1, recipe.run.shard_episodes / recipe.run.episodes))


def again(recipe: Recipe, every_shard: bool) -> float:
    """Make one result again in a process of its own, unless an interrupted reproduction did; returns the seconds taken.

    Raises:
        PipelineError: the verb failed; the message is its own.
    """
    if (
        recipe.kind not in ("pooled", "compared")
        and fingerprints.stale(recipe, INTO) is None
        and (not every_shard or whole(recipe))
    ):
        return 0.0
    shards = [] if every_shard or recipe.kind not in IN_SHARDS else ["--shards", "1"]
    began = time.perf_counter()
    words = [sys.executable, "-m", recipe.verb, recipe.name, "--into", str(INTO), *shards]
    environment = {**os.environ, command.PARENT: str(os.getpid())}
    done = subprocess.run(words, cwd=files.ROOT, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise PipelineError(
            f"{recipe.kind}/{recipe.name} could not be made again: {(done.stderr.strip().splitlines() or ['no message'])[-1]}"
        )
    return time.perf_counter() - began


def reproduce(every_shard: bool, source: str = "local") -> list[dict]:
    """Make everything again, `os.cpu_count()` processes at a time, and judge each result. What reads other results waits for
    them; latency is measured last, alone.
    """
    rebuilt = recipes.measured(source)
    last = ("pooled", "compared", "latency")
    together = [recipe for recipe in rebuilt if recipe.kind not in last]
    together.sort(key=lambda recipe: -cost(recipe, every_shard))  # the longest first, so that none is left alone at the end
    alone = [recipe for kind in last for recipe in rebuilt if recipe.kind == kind]
    verdicts = []
    with tqdm(total=len(rebuilt), unit="result") as bar, ThreadPoolExecutor(os.cpu_count()) as pool:
        timed = zip(together, pool.map(lambda recipe: again(recipe, every_shard), together), strict=True)
        for recipe, seconds in itertools.chain(timed, ((recipe, again(recipe, every_shard)) for recipe in alone)):
            verdict, detail = judge(recipe)
            verdicts.append(
                {"result": f"{recipe.kind}/{recipe.name}", "verdict": verdict, "detail": detail, "seconds": round(seconds, 1)}
            )
            bar.update()
    trained = [
        {"result": f"{recipe.kind}/{recipe.name}", "verdict": "not run", "detail": "made by training: `make train`"}
        for recipe in (recipes.TRAINED.values() if source == "local" else ())
    ]
    return verdicts + trained


def main() -> None:
    """Say what will be done, do it, print the verdicts, and exit with 1 where one is bad."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--all", action="store_true", help="play every shard of every evaluation")
    parser.add_argument("--source", choices=recipes.SOURCES, default="local", help="whose checkpoints (default: local)")
    arguments = parser.parse_args()
    every_shard, source = arguments.all, arguments.source
    command.lock(files.ROOT / "build" / "locks" / "reproduce", "another reproduction is at work: waiting for it")
    verdict_file = INTO / "verdict.json"
    if verdict_file.exists():
        shutil.rmtree(INTO)
    rebuilt = recipes.measured(source)
    for recipe in rebuilt:  # before anything else, and one at a time: the dataset and the checkpoints they stand on
        command.fetch_published(recipe)
    seconds = sum(cost(recipe, every_shard) for recipe in rebuilt) / (os.cpu_count() or 1)
    print(f"making {len(rebuilt)} results again into {INTO.relative_to(files.ROOT)}/, {plan.minutes(seconds)}", flush=True)
    verdicts = reproduce(every_shard, source)
    width = max(len(entry["result"]) for entry in verdicts)
    for entry in verdicts:
        print(f"{entry['result']:{width}}  {entry['verdict']:24}  {entry['detail']}")
    files.write_json(verdict_file, verdicts)
    bad = [entry["result"] for entry in verdicts if entry["verdict"] == "not reproduced"]
    if bad:
        raise PipelineError(f"{len(bad)} of {len(verdicts)} results were not reproduced: {', '.join(bad)}")


if __name__ == "__main__":
    command.run(main)

"""What follows from what was played: means, intervals, scores and differences, by kind of evidence.

A file of evidence holds both. What was played took minutes; what follows from it is computed again, in milliseconds, whenever
it is asked whether evidence holds (`evidence.fingerprints.stale`). So a change of statistics plays nothing again, and a derived
number that was changed by hand is found even where all digests were changed with it.
"""

from __future__ import annotations

import functools
import operator
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from scipy import special

from pipeline.evidence import arrays, fingerprints, records
from pipeline.evidence.records import Recipe
from pipeline.statistics import aggregates, verdicts
from pipeline.statistics.intervals import interval, t_interval
from pipeline.statistics.proportions import wilson
from pipeline.study import runs, studies
from pipeline.study.comparisons import Matrix
from pipeline.study.masking import TrainingsEffect
from pipeline.study.twists import BeyondBest, WatchedEffect, WatchedSlope
from pipeline.worlds.world import World, find_world

if TYPE_CHECKING:
    from jaxtyping import Float, Real

    from pipeline.study.comparisons import Comparison
    from pipeline.study.masking import MaskedRun
    from pipeline.study.measurements import Evaluation, Solving
    from pipeline.study.twists import WatchedRun

Read = Callable[[str, str], dict]  # evidence by kind and name


def seeds_of(run: Evaluation | Solving | WatchedRun | MaskedRun, count: int) -> list[int]:
    """The seeds of a run's first so many episodes."""
    return list(range(run.first_seed, run.first_seed + count))


def raw_returns(run: Evaluation, returns: list[float]) -> dict:
    """Every return with its seed, and their mean with a 95 % t-interval over episodes."""
    mean, low, high = t_interval(returns)
    return {
        "episodes": len(returns),
        "seeds": seeds_of(run, len(returns)),
        "returns": returns,
        "return_mean": mean,
        "return_sd": float(np.std(returns, ddof=1)) if len(returns) > 1 else 0.0,
        "return_low": low,
        "return_high": high,
    }


def summarize_returns(run: Evaluation, returns: list[float]) -> dict:
    """`raw_returns`, and their mean and its interval as D4RL's score, too."""
    found, score = raw_returns(run, returns), find_world(run.environment).normalized_score
    scores = {f"score_{end}": float(score(found[f"return_{end}"])) for end in ("mean", "low", "high")}
    return {**found, **scores}


def summarize_solved(run: Solving, played: dict[str, list]) -> dict:
    """Every episode with its seed; the share solved with Wilson's 95 % interval over episodes; and how long they took.

    `length_mean` counts all episodes, those that ran out of time at their full time; `solved_length_mean` those solved.
    """
    success, length = np.array(played["success"]), np.array(played["length"])
    return {
        "episodes": len(success),
        "seeds": seeds_of(run, len(success)),
        "success": played["success"],
        "length": played["length"],
        "solved": int(success.sum()),
        **{f"success_{end}": value for end, value in wilson(success.sum(), len(success)).items()},
        "length_mean": float(length.mean()),
        "solved_length_mean": float(length[success == 1].mean()) if success.any() else 0.0,
    }


def pool(evaluations: list[dict], world: World) -> dict:
    """One method's evaluations, one per training seed, as one row: what is resampled is training.

    A seed's many episodes enter as their mean, one sample, so the interval says how far another training of the same recipe
    on the same data might come out. It is not to be mixed with an interval over the episodes of one checkpoint, which leaves
    that out.

    Args:
        evaluations: the `values` of each seed's evaluation, all over the same number of episodes.
        world: that they were played in.

    Returns:
        seeds, episodes_per_seed, seed_means (seed,), score_sd over seeds, return_mean, return_low and return_high (95 %
        t-interval over seeds), score_mean, score_low and score_high (the same, D4RL-normalized), and resampled: what the
        interval is over.

    Raises:
        ValueError: there is none, or the seeds played different numbers of episodes.
    """
    counts = {len(values["returns"]) for values in evaluations}
    if len(counts) != 1:
        raise ValueError(f"pooling takes evaluations over one number of episodes, not over {sorted(counts)}")
    means = [float(np.mean(values["returns"])) for values in evaluations]
    found = interval(means)
    return {
        "seeds": len(means),
        "episodes_per_seed": counts.pop(),
        "seed_means": means,
        "score_sd": float(np.std(world.normalized_score(means), ddof=1)) if len(means) > 1 else 0.0,
        **{f"return_{end}": value for end, value in found.items()},
        **{f"score_{end}": float(world.normalized_score(value)) for end, value in found.items()},
        "resampled": "training seeds",
    }


def slopes(
    asked: list[float] | Real[np.ndarray, " target"], got: Real[np.ndarray, "target seed"]
) -> Float[np.ndarray, " seed"]:
    """Least-squares slopes (seed,) of the return got over the return asked: 1 is obedience, 0 deafness.

    Args:
        asked: target returns (target,).
        got: returns (target, seed); a column's episodes share a seed, so each seed gives one slope.
    """
    centered = np.asarray(asked) - np.mean(asked)
    return centered @ (got - got.mean(axis=0)) / np.square(centered).sum()


def obeyed(asked: list[float], got: Real[np.ndarray, "target seed"]) -> dict:
    """Slopes of the return got over the return asked, by seed, and whether they obey.

    Args:
        asked: target returns (target,).
        got: returns (target, seed), a column's of one seed.

    Returns:
        seeds: how many. targets (target,), got (target,) mean returns. slopes (seed,); slope: their mean and 95 % t-interval;
        verdict, and rerun: how likely another sample of this size is to give it again; p_obeys, p_deaf: p-values of the two.
    """
    each = slopes(asked, got)
    return {
        "seeds": got.shape[1],
        "targets": asked,
        "got": got.mean(axis=1),
        "slopes": each,
        "slope": interval(each),
        "verdict": verdicts.follows(*t_interval(each)[1:]),
        "rerun": verdicts.rerun(each, lambda mean, low, high: verdicts.follows(low, high)),
        "p_obeys": verdicts.p_above(each, verdicts.OBEYS),
        "p_deaf": verdicts.p_below(each, verdicts.DEAF),
    }


def obedience(run: studies.Asked, read: Read) -> dict:
    """Whether a policy obeys, see `obeyed`, and what asking for more brings.

    Returns:
        As `obeyed`, and beyond, where more than the log's best was asked for: the target, mean and 95 % t-interval of what it
        brings over asking for the highest of the others, by seed, p-value of its bringing more.
    """
    found = [read("evaluations", name) for name in run.evaluations]
    got = np.asarray([content["values"]["returns"] for content in found])
    values = obeyed([content["run"]["target_return"] for content in found], got)
    if run.beyond:
        more = read("evaluations", run.beyond)
        gain = np.asarray(more["values"]["returns"]) - got[-1]
        values["beyond"] = {"target": more["run"]["target_return"], **interval(gain), "p_more": verdicts.p_above(gain, 0.0)}
    return values


def judged(samples: Real[np.ndarray, " seed"], smallest: float) -> dict:
    """A difference by seed, and what it decides.

    Args:
        samples: differences (seed,). smallest: the smallest effect of interest.

    Returns:
        seeds: how many; difference: mean and 95 % t-interval; smallest; verdict, and rerun as in `obeyed`; p_more, p_less,
        p_none: p-values of more, of less, and of equivalence.
    """
    judge = functools.partial(verdicts.effect, smallest=smallest)
    return {
        "seeds": len(samples),
        "difference": interval(samples),
        "smallest": smallest,
        "verdict": judge(*t_interval(samples)),
        "rerun": verdicts.rerun(samples, judge),
        "p_more": verdicts.p_above(samples, 0.0),
        "p_less": verdicts.p_below(samples, 0.0),
        "p_none": verdicts.p_within(samples, smallest),
    }


def difference(one: list[float], other: list[float], confidence: float = 0.95) -> dict[str, float]:
    """Difference of two means with Welch's interval: mean, low, high."""
    variances = [float(np.var(samples, ddof=1)) / len(samples) for samples in (one, other)]
    total = sum(variances)
    freedom = total**2 / sum(
        variance**2 / (len(samples) - 1) for variance, samples in zip(variances, (one, other), strict=True)
    )
    half = float(special.stdtrit(freedom, 0.5 + confidence / 2)) * total**0.5
    mean = float(np.mean(one) - np.mean(other))
    return {"mean": mean, "low": mean - half, "high": mean + half}


def paired(one: dict, other: dict, world: World) -> dict:
    """Differences of two evaluations' returns in the episodes of a world whose seed both played: of returns and of scores,
    with their 95 % t-intervals over episodes.
    """
    got = shared(one, other)
    scores = world.normalized_score(got)
    return {"episodes": got.shape[1], "return": interval(got[0] - got[1]), "score": interval(scores[0] - scores[1])}


def shared(one: dict, other: dict, what: str = "returns") -> Real[np.ndarray, "2 seed"]:
    """Returns, or what else is kept by episode, (2, seed) of two pieces of evidence, those of the seeds that both played."""
    played = [dict(zip(values["seeds"], values[what], strict=True)) for values in (one, other)]
    return np.array([[found[seed] for seed in played[0] if seed in played[1]] for found in played])


def solved_more(one: dict, other: dict, smallest: float) -> dict:
    """How much larger a share of the same episodes one solves than the other, and what that decides.

    Args:
        one, other: values of `solved` evidence. smallest: the smallest effect of interest.

    Returns:
        What `judged` tells of the differences by seed; solved: the shares of both in these episodes; won, lost: episodes that
        one alone solves; mcnemar: p-value of these.
    """
    first, second = shared(one, other, "success")
    won, lost = int((first > second).sum()), int((first < second).sum())
    shares = {"solved": [first.mean(), second.mean()], "won": won, "lost": lost, "mcnemar": verdicts.mcnemar(won, lost)}
    return {**judged(first - second, smallest), **shares}


def compare(run: Comparison, read: Read) -> dict:
    """The values of one comparison.

    Slope: over all targets, within the data's reach and beyond it. Difference: of scores, over training seeds. Paired
    difference: over episodes. For a study's, see `obedience`, `obeyed`, `judged` and `solved_more`.
    """
    if isinstance(run, studies.Asked):
        return obedience(run, read)
    if isinstance(run, studies.SlopeDifference):
        one, other = (np.asarray(read("compared", name)["values"]["slopes"]) for name in (run.one, run.other))
        both = min(len(one), len(other))  # seeds count up from the same first one, of which a first shard has but the first
        return judged(one[:both] - other[:both], run.smallest)
    if isinstance(run, studies.Effect):
        names = run.compared()
        pairs = [[read("evaluations", name) for name in names[first : first + 2]] for first in range(0, len(names), 2)]
        normalized_score = find_world(pairs[0][0]["run"]["environment"]).normalized_score
        gains = [np.subtract(*normalized_score(shared(one["values"], other["values"]))) for one, other in pairs]
        return judged(np.concatenate(gains), run.smallest)
    if isinstance(run, Matrix):
        return matrix(run, read)
    if isinstance(run, WatchedSlope):
        asks = read(run.of, run.one)["values"]["asks"]
        return obeyed([each["asked"] for each in asks], np.asarray([each["returns"] for each in asks]))
    if isinstance(run, WatchedEffect):
        return watched_more(run, read)
    if isinstance(run, TrainingsEffect):
        return over_trainings(run, read)
    if isinstance(run, studies.SolvedEffect):
        one, other = (read("solved", name)["values"] for name in (run.one, run.other))
        return solved_more(one, other, run.smallest)
    if isinstance(run, runs.PairedDifference):
        one, other = (read("evaluations", name) for name in (run.one, run.other))
        return paired(one["values"], other["values"], find_world(one["run"]["environment"]))
    if isinstance(run, runs.Slope):
        found = [read("evaluations", name) for name in run.evaluations]
        asked = [content["run"]["target_return"] for content in found]
        got = np.asarray([content["values"]["returns"] for content in found])
        inside = [target <= run.reach for target in asked]
        beyond = np.logical_not(inside)
        return {
            "seeds": got.shape[1],
            "targets": asked,
            "all": interval(slopes(asked, got)),
            "inside": interval(slopes(np.asarray(asked)[inside], got[inside])),
            "beyond": interval(slopes(np.asarray(asked)[beyond], got[beyond])),
        }
    one, other = (scores(read("pooled", name), read) for name in (run.one, run.other))
    return {"seeds": [len(one), len(other)], "score": difference(one, other)}


def watched(run: WatchedRun, values: dict) -> dict:
    """Every ask's episodes, with what follows from them: the seeds, and by ask the mean and 95 % t-interval of each quantity
    that is kept by episode; of one that is a share, Wilson's.
    """
    asks = []
    for each in values["asks"]:
        kept = {name: found for name, found in each.items() if isinstance(found, list)}
        means = {name: wilson(sum(found), len(found)) if name == "gambled" else interval(found) for name, found in kept.items()}
        asks.append({"asked": each["asked"], **kept, **{f"{name}_mean": mean for name, mean in means.items()}})
    count = len(asks[0]["returns"])
    return {"episodes": count, "seeds": seeds_of(run, count), "asks": asks}


def watched_more(run: WatchedEffect, read: Read) -> dict:
    """`judged` of a difference seed by seed between two asks, of one run or two; or of one ask and its log's best episode."""
    one = read(run.of, run.one)
    got = np.asarray(one["values"]["asks"][run.ask][run.quantity], dtype=np.float64)
    if isinstance(run, BeyondBest):
        against = read("datasets", run.other)["values"]["return_max"]
    else:
        against = np.asarray(read(run.of, run.other)["values"]["asks"][run.other_ask][run.quantity], dtype=np.float64)
    score = find_world(one["run"]["environment"]).normalized_score
    return judged(score(got) - score(against) if run.quantity == "returns" else got - against, run.smallest)


def planned(run: MaskedRun, values: dict) -> dict:
    """What follows from a training's plans: the seeds; the mean energy of the fillings, in nats, with its 95 % t-interval; and
    by the way of planning the share solved, with Wilson's.

    Raises:
        ValueError: episodes are missing, or one was neither solved nor not.
    """
    count = run.episodes
    every = [values["energies"], *(each["success"] for each in values["solved"].values())]
    if {len(each) for each in every} != {count} or not all(won in (0, 1) for each in every[1:] for won in each):
        raise ValueError(f"{run.name} has {count} episodes, each solved or not, by every way of planning")
    solved = {
        way: {"success": each["success"], "share": wilson(sum(each["success"]), count)}
        for way, each in values["solved"].items()
    }
    return {"episodes": count, "seeds": seeds_of(run, count), "energy": interval(values["energies"]), "solved": solved}


def over_trainings(run: TrainingsEffect, read: Read) -> dict:
    """`judged` of a difference training by training, of those of one seed, or of two quantities of each."""

    def found(names: tuple[str, ...], path: str) -> Float[np.ndarray, " training"]:
        each = (functools.reduce(operator.getitem, path.split("."), read(run.of, name)["values"]) for name in names)
        return np.array(list(each), dtype=np.float64)

    return judged(found(run.ones, run.quantity) - found(run.others, run.other_quantity), run.smallest)


def matrix(run: Matrix, read: Read) -> dict:
    """Scores of methods by log, each training's the mean of its episodes; all logs of a kind as one number; and gains.

    Returns:
        episodes: of every training. logs: by log and method `scores` (training,), their mean, and low and high, the least and
        the most of them. together: by kind of log and method the interquartile mean with its interval. gains: by kind, and
        method but the first, what it scores above the first, smallest, and the verdict. See `aggregates.together`.
    """
    every = [log for _, logs in run.kinds for log in logs]
    found = {
        log: {
            method: [read("suite", run.entry(log, method, seed))["values"]["score_mean"] for seed in range(run.trainings)]
            for method in run.methods
        }
        for log in every
    }
    values: dict = {"episodes": read("suite", run.compared()[0])["values"]["episodes"], "together": {}, "gains": {}}
    for kind, logs in run.kinds:
        tasks = {method: [np.asarray(found[log][method]) for log in logs] for method in run.methods}
        values["together"][kind], gains = aggregates.together(tasks)
        values["gains"][kind] = {
            method: {**gain, "smallest": run.smallest, "verdict": verdicts.effect(**gain, smallest=run.smallest)}
            for method, gain in gains.items()
        }
    values["logs"] = {
        log: {
            method: {"scores": each, "mean": float(np.mean(each)), "low": min(each), "high": max(each)}
            for method, each in by_method.items()
        }
        for log, by_method in found.items()
    }
    return values


def scores(pooled: dict, read: Read) -> list[float]:
    """The score of each seed of a pool, of which evidence is given."""
    played = read("evaluations", pooled["run"]["members"][0])
    return find_world(played["run"]["environment"]).normalized_score(pooled["values"]["seed_means"]).tolist()


def rolled_out(states: dict[str, np.ndarray]) -> dict:
    """Steps, return and distance in metres of a rollout kept as arrays (see `pipeline.measures.roll_out.roll_out`)."""
    positions, rewards = states["positions"], states["rewards"]
    return {"steps": len(rewards), "return": float(rewards.sum()), "distance_m": float(positions[-1, 0] - positions[0, 0])}


def trained(values: dict) -> dict:
    """What a training came to: everything that its curve tells too is as the curve's last point has it."""
    last = values["curve"][-1] if values["curve"] else {}
    return {key: last.get(key, value) if key != "updates" else value for key, value in values.items()}


def derived(recipe: Recipe, values: dict, root: Path) -> dict | None:
    """All the values of a piece of evidence, those that follow from others computed again from these.

    Args:
        recipe: which evidence.
        values: what was played, with or without what follows from it; of what is made from other evidence, nothing.
        root: the folder whose `results/` it lies in, with its arrays; other evidence is read as its fingerprint is taken
            (`fingerprints.source_of_inputs`).

    Returns:
        The values as they are written, rounded; None for kinds of evidence of which nothing is derived.

    Raises:
        EvidenceError: other evidence, or the arrays beside this, cannot be read.
        LookupError, TypeError, ValueError: what was played is not as it should be.
    """
    base = Path(fingerprints.source_of_inputs(recipe, root))
    read = lambda kind, name: records.read(base / "results" / kind / f"{name}.json")  # noqa: E731
    run, kind = recipe.run, recipe.kind
    if kind == "evaluations":
        found = summarize_returns(run, values["returns"])
    elif kind == "wheel":
        found = raw_returns(run, values["returns"])
    elif kind == "solved":
        found = summarize_solved(run, values)
    elif kind == "pooled":
        members = [read("evaluations", name) for name in run.members]
        found = pool([each["values"] for each in members], find_world(members[0]["run"]["environment"]))
    elif kind in ("compared", "matrix", "effects"):
        found = compare(run, read)
    elif kind == "rollouts":
        found = rolled_out(arrays.read(recipe, root))
    elif kind == "training":
        found = trained(values)
    elif kind == "suite":
        found = {**values, **summarize_returns(run, values["returns"])}
    elif kind in ("stitching", "luck"):
        found = {**values, **watched(run, values)}
    elif kind == "masked":
        found = {**values, **planned(run, values)}
    else:
        return None
    return records.plain({**found, **({"sha256": values["sha256"]} if "sha256" in values else {})})

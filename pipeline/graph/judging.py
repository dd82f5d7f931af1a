"""Verdicts on results that were made again: what two machines that round alike owe each other, and what any two do.

Where the evidence's machine computes the same bytes as this one (`evidence.machines`), with equal versions of the libraries,
all that was played again must be identical. Elsewhere the simulator's chaos amplifies the last digit, and what can be owed is:
one step from each recorded state, the action on each recorded observation, then distributions. Either way, what follows from
what was played must follow from it, and episodes that were not played again must be possible and like those that were.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image
from scipy import stats

from pipeline import files
from pipeline.evidence import arrays, fingerprints, machines, records
from pipeline.evidence.records import Recipe
from pipeline.statistics import summaries
from pipeline.worlds.world import find_world

Verdict = tuple[str, str]  # in one word or three, and the figures it rests on

TOLERANCE = 1e-3  # absolute, on attention shares and action changes: other processors round the last digits differently
ONE_STEP = 1e-9  # absolute, on the state one step after a recorded one
ACTION = 1e-5  # absolute, on torques for recorded observations
SAME_TOKENS = 0.9  # share of a planner's steps at which all tokens of the action must be the same: on an AMD EPYC 95 % were
SIGNIFICANCE = 0.01  # of Welch's or Fisher's test below which results count as not compatible
UNLIKELY = 1e-4  # the same, of episodes not played again against those that were: there are many such tests
LATENCY_FACTOR = 3.0
FASTEST = 20.0  # reward of a step, more than any body runs in metres a second
LEVELS_OF_COLOR = 8  # of 255, by which other machines may render a pixel differently
UNITS_OF_DRAWING = 1.0  # by which other machines may place a line differently: a CSS pixel; of poses, a millimeter
NUMBER = re.compile(r"(?<![\w#.])-?\d+(?:\.\d+)?")  # of a drawing; not a digit of a color or a name
IN_SHARDS = ("evaluations", "solved")  # kinds of which the first shard is played unless all are wanted
OUTCOMES = ("verdict", "rerun", "slopes", "got", "solved", "won", "lost", "mcnemar")  # and p-values: they follow from episodes
BAD = "not reproduced"


def same_numbers(committed, again) -> float:
    """Largest absolute difference between two trees of one shape; infinite where they differ otherwise."""
    if isinstance(committed, dict) and isinstance(again, dict) and committed.keys() == again.keys():
        return max((same_numbers(committed[key], again[key]) for key in committed if key != "sha256"), default=0.0)
    if isinstance(committed, list) and isinstance(again, list) and len(committed) == len(again):
        return max(map(same_numbers, committed, again), default=0.0)
    if isinstance(committed, np.ndarray) and isinstance(again, np.ndarray):
        return largest_difference(committed, again)
    if isinstance(committed, np.ndarray) or isinstance(again, np.ndarray):
        return np.inf
    if isinstance(committed, int | float) and isinstance(again, int | float) and type(committed) is type(again):
        return 0.0 if committed == again else abs(committed - again) if np.isfinite(committed - again) else np.inf
    return 0.0 if committed == again else np.inf


def largest_difference(committed: np.ndarray, again: np.ndarray) -> float:
    """Largest absolute difference of two arrays; infinite where shapes or types differ, or one is not a number."""
    if committed.shape != again.shape or committed.dtype != again.dtype:
        return np.inf
    if np.array_equal(committed, again):
        return 0.0
    if not np.issubdtype(committed.dtype, np.number):
        return np.inf
    difference = np.abs(committed.astype(np.float64) - again.astype(np.float64)).max()
    return float(difference) if np.isfinite(difference) else np.inf


def apart(committed, again, place: str = "") -> Iterator[str]:
    """The places in two trees at which they differ, as `samplers argmax energy 3 mean`."""
    if isinstance(committed, dict) and isinstance(again, dict) and committed.keys() == again.keys():
        for key in committed:
            if key != "sha256":
                yield from apart(committed[key], again[key], f"{place} {key}".strip())
    elif isinstance(committed, list) and isinstance(again, list) and len(committed) == len(again):
        for index, pair in enumerate(zip(committed, again, strict=True)):
            yield from apart(*pair, f"{place} {index}".strip())
    elif same_numbers(committed, again) != 0:
        yield place or "values"


def rounds_alike(content: dict) -> bool | None:
    """Whether what made a piece of evidence, machine and versions, computes the same bytes here; None where it names none."""
    made = content["made"]
    if any(fingerprints.public_version(package) != version for package, version in made["versions"].items()):
        return False
    return machines.rounds_alike(made) if "torch" in made["versions"] else True


def unfounded(recipe: Recipe, values: dict, root: Path = files.ROOT) -> str | None:
    """The first value that should follow from what was played and does not; None where all do."""
    found = summaries.derived(recipe, values, root)
    return next(apart(values, found), None) if found is not None else None


def impossible(recipe: Recipe, values: dict) -> str | None:
    """What no episode can be, of those that evidence tells of; None where all can be."""
    run = recipe.run
    if recipe.kind == "evaluations":
        most = FASTEST * find_world(run.environment).episode_steps
        far = [seed for seed, got in zip(values["seeds"], values["returns"], strict=True) if not abs(got) <= most]
        return f"no episode has the return of seed {far[0]}" if far else None
    if recipe.kind == "solved":
        from pipeline.worlds import levels  # only now: all other kinds need no grids

        limit = time_limit(levels, run.level)
        for seed, success, length in zip(values["seeds"], values["success"], values["length"], strict=True):
            if success not in (0, 1) or not 1 <= length <= limit or (not success and length != limit):
                ending = f"success {success} after {length} of {limit} steps"
                return f"no episode of {run.level} ends as seed {seed} is said to: {ending}"
    return None


def time_limit(levels, level: str) -> int:
    """Actions after which an episode of a level ends."""
    simulator = levels.make(level)
    levels.reset(simulator, 0)
    return simulator.max_steps


def played(recipe: Recipe, values: dict) -> dict:
    """What was played, by name, of a result in shards: one entry an episode."""
    names = ("seeds", "returns") if recipe.kind == "evaluations" else ("seeds", "success", "length")
    return {name: values[name] for name in names}


def unlike(recipe: Recipe, values: dict, count: int) -> str | None:
    """Whether the episodes after the first `count`, which were not played again, are unlike these; None where they may be."""
    if recipe.kind == "evaluations":
        first, rest = values["returns"][:count], values["returns"][count:]
        if min(len(first), len(rest)) < 2 or min(np.ptp(first), np.ptp(rest)) == 0:
            return None
        p = stats.ttest_ind(first, rest, equal_var=False).pvalue
    else:
        first, rest = values["success"][:count], values["success"][count:]
        p = stats.fisher_exact([[sum(part), len(part) - sum(part)] for part in (first, rest)]).pvalue
    return f"the {len(rest)} episodes not played again are unlike the others, p = {p:.2g}" if p < UNLIKELY else None


def outlier(committed: dict, again: dict) -> str | None:
    """The published episode that lies farthest outside of what those played again predict; None where none does.

    It does where Student's t says so and it lies farther from them than they do from one another, since some policies fall in
    a few episodes. Fewer than three episodes predict nothing.
    """
    got = np.asarray(again["returns"])
    if len(got) < 3 or np.ptp(got) == 0:
        return None
    spread = got.std(ddof=1) * np.sqrt(1 + 1 / len(got))
    published = np.asarray(committed["returns"])
    p = 2 * stats.t.sf(np.abs(published - got.mean()) / spread, len(got) - 1)
    beyond = np.maximum(published - got.max(), got.min() - published) > np.ptp(got)
    p = np.where(beyond, p, 1.0)
    return (
        f"the return of seed {committed['seeds'][p.argmin()]} is unlike those again, p = {p.min():.1g}"
        if p.min() < UNLIKELY
        else None
    )


def judge_episodes(recipe: Recipe, committed: dict, again: dict, alike: bool | None) -> Verdict:
    """Episodes of the same seeds, and what is known of those that were not played again."""
    count, total = again["episodes"], committed["episodes"]
    first = {name: values[:count] for name, values in played(recipe, committed).items()}
    name = "return_mean" if recipe.kind == "evaluations" else "success_mean"
    left = f", {total - count} episodes not played again" if total > count else ""
    detail = f"{name.replace('_', ' ')} {committed[name]:.4g} published, {again[name]:.4g} again, n = {count}{left}"
    wrong = impossible(recipe, committed) or (unlike(recipe, committed, count) if total > count else None)
    if wrong:
        return BAD, f"{wrong}; {detail}"
    difference = next(apart(first, played(recipe, again)), None)
    if difference is None:
        return "identical", detail
    if alike:
        return BAD, f"{difference} differs on a machine that rounds alike; {detail}"
    if recipe.kind == "evaluations":
        if far := outlier(committed, again):
            return BAD, f"{far}; {detail}"
        p = stats.ttest_ind(committed["returns"], again["returns"], equal_var=False).pvalue
    else:
        p = stats.fisher_exact([[each["solved"], each["episodes"] - each["solved"]] for each in (committed, again)]).pvalue
    return ("statistically compatible" if p >= SIGNIFICANCE else BAD), f"{detail}, p = {p:.3f}"


def judge_values(committed: dict, again: dict, alike: bool | None = None) -> Verdict:
    """Numbers and arrays side by side: identical, or equal within the tolerance where machines differ."""
    difference = same_numbers(committed, again)
    if difference == 0:
        return "identical", "every number"
    detail = f"{next(apart(committed, again))} and others differ, by {difference:.2g} at most"
    verdict = "equal within tolerance" if difference <= TOLERANCE and not alike else BAD
    return verdict, f"{detail}; tolerance {TOLERANCE:g}"


def judge_rollout(committed: dict, again: dict, alike: bool | None, replayed) -> Verdict:
    """Simulator states, actions, observations and rewards: identical; or one step and one action at a time.

    Args:
        committed, again: arrays (see `pipeline.measures.roll_out.roll_out`).
        replayed: gives, when called, what `pipeline.graph.replay.rollout` finds of the committed one.
    """
    difference = next(apart(committed, again), None)
    if difference is None:
        return "identical", f"{len(again['actions'])} steps"
    if alike:
        return BAD, f"{difference} differ on a machine that rounds alike"
    return judge_steps(replayed())


def judge_steps(found: dict) -> Verdict:
    """A recorded episode by what `pipeline.graph.replay.rollout` found: its steps and its actions, one at a time."""
    detail = (
        f"one step from recorded states within {found['step']:.1g}, actions on recorded observations within "
        f"{found['action']:.1g}, {found['same']:.1%} of {found['steps']} the same"
    )
    acts = found["same"] >= SAME_TOKENS if found["in_tokens"] else found["action"] <= ACTION
    return ("equal within tolerance" if found["step"] <= ONE_STEP and acts else BAD), detail


def judge_latency(committed: dict, again: dict) -> Verdict:
    """Milliseconds never repeat; the median and the 95th percentile are compatible within a factor, all else is identical."""
    times = ("median_ms", "p95_ms")
    detail = ", ".join(f"{name[:-3]} {committed[name]:.2f} ms published, {again[name]:.2f} ms again" for name in times)
    rest = [{name: value for name, value in values.items() if name not in times} for values in (committed, again)]
    if same_numbers(*rest) != 0 or not 0 < committed["median_ms"] <= committed["p95_ms"]:
        return BAD, f"no such times can be; {detail}"
    ratios = [again[name] / committed[name] for name in times]
    fit = all(1 / LATENCY_FACTOR <= ratio <= LATENCY_FACTOR for ratio in ratios)
    return ("statistically compatible" if fit else BAD), detail


def intervals(values, name: str = "") -> dict[str, dict]:
    """Every mean with its interval in a tree of values, by its path."""
    if isinstance(values, dict) and {"mean", "low", "high"} <= values.keys():
        return {name: values}
    branches = values.items() if isinstance(values, dict) else enumerate(values) if isinstance(values, list) else ()
    return {path: found for key, branch in branches for path, found in intervals(branch, f"{name} {key}".strip()).items()}


def without_intervals(values):
    """A tree of values less the means in it that have intervals, and what was found beside them: what was asked is left."""
    if isinstance(values, dict):
        if {"mean", "low", "high"} <= values.keys():
            return None
        told = {key: value for key, value in values.items() if key not in ("sha256", "episodes", "seeds", *OUTCOMES)}
        return {key: without_intervals(value) for key, value in told.items() if not key.startswith("p_")}
    return [without_intervals(value) for value in values] if isinstance(values, list) else values


def widening(values: dict) -> float:
    """By how much the 95 % interval of so few episodes is to be widened, so that one in many does not miss by chance."""
    count = values.get("seeds", values.get("episodes", 0))
    least = min(count) if isinstance(count, list) else count
    return float(stats.t.isf(UNLIKELY / 2, least - 1) / stats.t.isf(0.025, least - 1)) if least > 1 else 1.0


def overlap(was: dict, now: dict, reach: float) -> bool:
    """Whether a published interval overlaps one found again, whose ends are so many times as far from its mean."""
    low, high = (now["mean"] + reach * (now[end] - now["mean"]) for end in ("low", "high"))
    return bool(low <= was["high"] and was["low"] <= high)


def judge_intervals(committed: dict, again: dict, alike: bool | None = None) -> Verdict:
    """Slopes, differences, errors: identical, or, where machines differ or episodes are fewer, with intervals that overlap."""
    if same_numbers(committed, again) == 0:
        return "identical", "every interval"
    published, found = intervals(committed), intervals(again)
    reach = widening(again)
    far = [name for name, was in published.items() if not overlap(was, found[name], reach)]
    shown = (far or list(published))[:3]
    detail = ", ".join(f"{name} {published[name]['mean']:.3g} published, {found[name]['mean']:.3g} again" for name in shown)
    other = next(apart(without_intervals(committed), without_intervals(again)), None)
    if alike or other:
        return BAD, f"{other or next(apart(committed, again))} differs; {detail}"
    return (BAD if far else "statistically compatible"), detail


def judge_pool(committed: dict, again: dict, alike: bool | None = None) -> Verdict:
    """Training seeds as one row: numbers side by side, or, over fewer episodes, Welch's t-test between the seeds' means."""
    if same_numbers(committed, again) == 0:
        return "identical", "every number"
    p = stats.ttest_ind(committed["seed_means"], again["seed_means"], equal_var=False).pvalue
    fewer = ", fewer episodes" if committed["episodes_per_seed"] != again["episodes_per_seed"] else ""
    detail = f"mean return {committed['return_mean']:.1f} published, {again['return_mean']:.1f} again{fewer}"
    seeds = len(again["seed_means"])
    fits = (p >= SIGNIFICANCE or seeds < 2) and not (alike and not fewer) and committed["seeds"] == seeds
    return ("statistically compatible" if fits else BAD), f"{detail}, {seeds} seeds, p = {p:.3f}"


def frames(content: bytes) -> tuple[np.ndarray, list]:
    """A picture's frames (frame, height, width, 4) uint8, and how long each is shown and how often all are played."""
    with Image.open(io.BytesIO(content)) as image:
        shown, pixels = [image.info.get("loop")], []
        for index in range(getattr(image, "n_frames", 1)):
            image.seek(index)
            pixels.append(np.asarray(image.convert("RGBA")))
            shown.append(image.info.get("duration"))
        return np.stack(pixels), shown


def judge_picture(committed: bytes, again: bytes) -> Verdict:
    """A picture drawn again: identical, or no pixel farther off than by what machines render differently."""
    if committed == again:
        return "identical", "every byte"
    if committed.startswith((b"<svg", b"export")):
        return judge_drawing(committed.decode(), again.decode(errors="replace"))
    (was, shown), (now, shown_again) = frames(committed), frames(again)
    if was.shape != now.shape or shown != shown_again:
        return BAD, "another size, number of frames or pace"
    far = np.abs(was.astype(int) - now).max()
    detail = f"{(was != now).any(axis=-1).mean():.2%} of pixels differ, by {far} of 255 at most"
    if far == 0:
        return "identical", "every pixel"
    return ("equal within tolerance" if far <= LEVELS_OF_COLOR else BAD), detail


def judge_drawing(committed: str, again: str) -> Verdict:
    """A drawing in SVG, or a film's poses, made again: the same words, shapes and colors in the same order, and no number
    farther off than a unit.
    """
    if NUMBER.sub("", committed) != NUMBER.sub("", again):
        return BAD, "other words, shapes or colors"
    pairs = zip(NUMBER.findall(committed), NUMBER.findall(again), strict=True)
    far = max((abs(float(was) - float(now)) for was, now in pairs), default=0.0)
    return ("equal within tolerance" if far <= UNITS_OF_DRAWING else BAD), f"numbers differ by {far:.2g} units at most"


def judge(recipe: Recipe, again: Path, replayed=None, root: Path = files.ROOT) -> Verdict:
    """A verdict on one result, and the figures it rests on.

    Args:
        again: the folder below which the result was made again.
        replayed: see `judge_rollout`.

    Raises:
        LookupError, TypeError, ValueError, ArithmeticError: what is published cannot be compared.
        EvidenceError: it, or what was made again, cannot be read.
    """
    content, made = records.read(recipe.path(root)), records.read(recipe.path(again))
    committed, found = content["values"], made["values"]
    if (changed := records.differences(content["run"], made["run"])) and recipe.kind != "training":
        return BAD, f"it tells of another run: {changed[0][0]} = {changed[0][1]!r}"
    if place := unfounded(recipe, committed, root):
        return BAD, f"{place} does not follow from what was played"
    if recipe.kind == "latency":
        return judge_latency(committed, found)
    if recipe.kind == "pictures":
        verdicts = [judge_picture(*((Path(folder) / name).read_bytes() for folder in (root, again))) for name in recipe.outputs]
        facts = judge_values(committed, found, alike=True)
        return max([*verdicts, *([facts] if all(word == "identical" for word, _ in verdicts) else [])], key=severity)
    alike = rounds_alike(content)
    if recipe.kind in IN_SHARDS:
        verdict = judge_episodes(recipe, committed, found, alike)
    elif recipe.kind == "rollouts":
        verdict = judge_rollout(arrays.read(recipe, root), arrays.read(recipe, again), alike, replayed)
    elif recipe.kind == "pooled":
        return judge_pool(committed, found)
    elif recipe.kind == "compared":
        return judge_intervals(committed, found)
    elif recipe.kind == "imagination" and not alike:
        verdict = judge_intervals(committed, found)
    else:
        trees = [
            {**values, **(arrays.read(recipe, folder) if recipe.outputs else {})}
            for values, folder in ((committed, root), (found, again))
        ]
        verdict = judge_values(*trees, alike)
    why = {True: "", False: "; another machine or other versions", None: "; machine not recorded"}[alike]
    return verdict[0], verdict[1] + why


def severity(verdict: Verdict) -> int:
    """The order of verdicts, the best first."""
    return ("identical", "equal within tolerance", "statistically compatible", BAD).index(verdict[0])

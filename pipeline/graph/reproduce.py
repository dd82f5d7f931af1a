"""Make the evidence again from the checkpoints in the repository, and hold it against what is published.

    python -m pipeline reproduce                 what half an hour of this machine makes again, another draw each time
    python -m pipeline reproduce --minutes 0     everything
    python -m pipeline reproduce --all           everything, and every shard of it
    python -m pipeline reproduce --source hub    from the published checkpoints

Of what takes more than a minute the first shard is made again, unless all are wanted; everything else whole. What is played,
measured or drawn in seconds is among every draw; of the rest each result that fits into the time is, sooner or later, and
nobody knows beforehand when. What is not drawn is checked as far as that takes no playing.

Writes the same tree as `results/` below `build/reproduce/`, and beside it `verdict.json`, where each verdict names the digest
of the evidence that it is about (`record_attestation` has the page say which are attested). A killed reproduction
resumes. Exits with 1 when a result is not reproduced (see `judging` for what is owed on which machine). What only
training could make again, and what was not drawn, is marked *not run*. Pictures are drawn again, tables filled again.
"""

from __future__ import annotations

import itertools
import json
import os
import random
import shutil
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tqdm import tqdm

from pipeline import PipelineError, files
from pipeline.evidence import fingerprints, machines, recipes, records
from pipeline.evidence.fingerprints import FOLLOWS
from pipeline.evidence.records import Recipe
from pipeline.graph import check_evidence, command, judging, plan
from pipeline.show import tabulate

INTO = files.ROOT / "build" / "reproduce"
SHORT = 60.0  # seconds up to which all episodes are played
QUICK = 10.0  # seconds up to which a result is among every draw
LAST = (*FOLLOWS, "latency")  # kinds that wait; of these, what is timed is made alone


def judge(recipe: Recipe) -> judging.Verdict:
    """A verdict on one result, and the figures it rests on; published values that cannot be compared are not reproduced."""
    if not recipe.path().exists():
        return "new", "nothing is published in results/ to hold it against"
    try:
        return judging.judge(recipe, INTO, lambda: step_by_step(recipe))
    except (PipelineError, ArithmeticError, AttributeError, LookupError, OSError, TypeError, ValueError) as error:
        reason = f"{type(error).__name__}: {error}"
        return judging.BAD, f"what is published cannot be compared ({reason}): was it changed by hand?"


def judged(recipe: Recipe) -> dict[str, str]:
    """The digest of the committed evidence that a verdict is about, as `sha256`; nothing where there is none to name.

    By it `pipeline.show.provenance.attested` tells whether that evidence is still the one that was judged.
    """
    try:
        return {"sha256": records.sealed(records.read(recipe.path()))}
    except (PipelineError, AttributeError, LookupError, TypeError, ValueError):
        return {}


def step_by_step(recipe: Recipe) -> dict:
    """What `pipeline.graph.replay` finds of a recorded episode, in a process of its own."""
    return json.loads(
        command.run_verb(["pipeline.graph.replay", recipe.name], f"{recipe.kind}/{recipe.name} could not be replayed")
    )


def in_whole(recipe: Recipe, every_shard: bool) -> bool:
    """Whether all of a result is to be made again, and not its first shard alone."""
    return every_shard or recipe.kind not in judging.IN_SHARDS or recipe.seconds <= SHORT


def whole(recipe: Recipe) -> bool:
    """Whether the result at hand holds all of its run's episodes."""
    return recipe.kind not in judging.IN_SHARDS or records.read(recipe.path(INTO))["values"]["episodes"] == recipe.run.episodes


def cost(recipe: Recipe, every_shard: bool) -> float:
    """About how many seconds of one core making a result again takes."""
    return recipe.seconds * (1 if in_whole(recipe, every_shard) else min(1, recipe.run.shard_episodes / recipe.run.episodes))


def lot(recipe: Recipe, known: dict[Path, Recipe]) -> set[Path]:
    """A result with those that it follows from, of the ones that are known, by their files."""
    below = (known.get(files.ROOT / name) for name in recipe.inputs) if recipe.kind in FOLLOWS else ()
    return {recipe.path()}.union(*(lot(each, known) for each in below if each))


def draw(rebuilt: list[Recipe], every_shard: bool, minutes: float, seed: int) -> list[Recipe]:
    """What is made again in about so many minutes of this machine. Of zero minutes, everything.

    All that is quick is among it; of the rest, taken in random order, whatever fits in the time that is left, each with the
    results that it follows from; and what follows from results that are all there already.
    """
    if not minutes:
        return rebuilt
    cores, known = os.cpu_count() or 1, {recipe.path(): recipe for recipe in rebuilt}
    taken = {path: cost(recipe, every_shard) * (cores if recipe.kind == "latency" else 1) for path, recipe in known.items()}
    drawn = {path for path, recipe in known.items() if taken[path] <= QUICK and recipe.kind not in FOLLOWS}
    left = 60 * minutes * cores - sum(taken[path] for path in drawn)
    for recipe in random.Random(seed).sample(rebuilt, len(rebuilt)):
        more = lot(recipe, known) - drawn
        if (takes := sum(taken[path] for path in more)) <= left:
            drawn |= more
            left -= takes
    drawn |= {path for path, recipe in known.items() if recipe.kind in FOLLOWS and lot(recipe, known) - {path} <= drawn}
    return [recipe for path, recipe in known.items() if path in drawn]


def remembered_seed(asked: int | None = None) -> int:
    """The seed of the draw, which is kept until the reproduction ends: the one asked for; else that of an interrupted one, or a
    new one.
    """
    kept = INTO / "seed.json"
    try:
        seed = json.loads(kept.read_text(encoding="utf-8")) if asked is None else asked
    except (OSError, ValueError, RecursionError):
        seed = None
    seed = seed if type(seed) is int else random.SystemRandom().randrange(10**6)
    files.write_json(kept, seed)
    return seed


def not_drawn(recipe: Recipe) -> judging.Verdict:
    """The verdict on a result that is not made again: what is seen without playing anything must be right all the same."""
    try:
        wrong = next(check_evidence.check_file(recipe, records.read(recipe.path())), None) if recipe.path().exists() else None
    except (PipelineError, ArithmeticError, AttributeError, LookupError, OSError, TypeError, ValueError) as error:
        wrong = f"what is published cannot be read ({type(error).__name__}: {error}): was it changed by hand?"
    reason = "it follows from results of which not all were drawn" if recipe.kind in FOLLOWS else "not drawn this time"
    return (judging.BAD, wrong) if wrong else ("not run", reason)


def again(recipe: Recipe, every_shard: bool) -> float:
    """Make one result again in a process of its own, unless an interrupted reproduction did; returns the seconds taken.

    Raises:
        PipelineError: the verb failed; the message is its own.
    """
    if (
        recipe.kind not in FOLLOWS
        and fingerprints.stale(recipe, INTO) is None
        and (not in_whole(recipe, every_shard) or whole(recipe))
    ):
        for left in recipe.progress(INTO):  # by one that was killed after it had written, while it tidied up
            files.remove(left)
        return 0.0
    shards = [] if in_whole(recipe, every_shard) else ["--shards", "1"]
    began = time.perf_counter()
    words = ["pipeline", "make", f"{recipe.kind}/{recipe.name}", "--into", str(INTO), *shards]
    command.run_verb(words, f"{recipe.kind}/{recipe.name} could not be made again")
    return time.perf_counter() - began


def tried(recipe: Recipe, every_shard: bool) -> tuple[float, str | None]:
    """`again`, and None; or, where this machine cannot draw what the simulator shows, no seconds and the reason."""
    try:
        return again(recipe, every_shard), None
    except PipelineError as error:
        if recipe.kind == "pictures" and "OpenGL library" in str(error):
            return 0.0, str(error)
        raise


def everything(source: str) -> list[Recipe]:
    """What is made again: a source's evidence that is made from checkpoints, and its pictures."""
    return recipes.measured(source) + [recipe for task in recipes.DRAWN for recipe in recipes.SOURCES[source][task].values()]


def tables() -> list[dict]:
    """A verdict on each table: whether it says what the results say."""
    current = {name: tabulate.current(name) for name in tabulate.NAMES}
    return [
        {
            "result": f"tables/{name}",
            "verdict": "identical" if same else judging.BAD,
            "detail": "filled anew from results/" if same else "does not say what results/ say: `doit` fills it anew",
        }
        for name, same in current.items()
    ]


def trained() -> list[dict]:
    """What is known of trainings without training again: their evidence is whole, their checkpoints are those it names."""
    problems = plan.trained_evidence_problems()
    found = {recipe: [each for each in problems if each.startswith(marks(recipe))] for recipe in recipes.TRAINED.values()}
    return [
        {
            "result": f"{recipe.kind}/{recipe.name}",
            "verdict": judging.BAD if wrong else "not run",
            "detail": wrong[0] if wrong else "made by training: `make train`",
            **judged(recipe),
        }
        for recipe, wrong in found.items()
    ]


def marks(recipe: Recipe) -> tuple[str, ...]:
    """How a sentence on what is wrong with a training begins."""
    return tuple(f"{name} " for name in (str(recipe.path().relative_to(files.ROOT)), *recipe.outputs))


def stamp(verdicts: list[dict], source: str) -> int:
    """Have evidence that names no machine name this one, where all that was played again here was identical; how many."""
    same = {entry["result"] for entry in verdicts if entry["verdict"] == "identical"}
    count = 0
    for recipe in recipes.measured(source):
        content = records.read(recipe.path()) if f"{recipe.kind}/{recipe.name}" in same else None
        if content is None or machines.rounds_alike(content["made"]) is not None or not (found := machines.of(content["made"])):
            continue
        records.write_sealed(recipe.path(), {**content, "made": {**content["made"], **found}})
        count += 1
    return count


def reproduce(drawn: list[Recipe], every_shard: bool) -> list[dict]:
    """Make what was drawn again, `os.cpu_count()` processes at a time, and judge each result. What reads other results waits
    for them; latency is measured last, alone.
    """
    together = [recipe for recipe in drawn if recipe.kind not in LAST]
    together.sort(key=lambda recipe: -cost(recipe, every_shard))  # the longest first, so that none is left alone at the end
    alone = [recipe for kind in LAST for recipe in drawn if recipe.kind == kind]
    verdicts = []
    with tqdm(total=len(drawn), unit="result") as bar, ThreadPoolExecutor(os.cpu_count()) as pool:

        def made(recipe: Recipe) -> tuple[float, str | None]:
            found = tried(recipe, every_shard)
            bar.update()  # as soon as it is there, and not when its turn comes to be judged
            return found

        timed = zip(together, pool.map(made, together), strict=True)
        for recipe, (seconds, refused) in itertools.chain(timed, ((recipe, made(recipe)) for recipe in alone)):
            verdict, detail = ("not run", refused) if refused else judge(recipe)
            verdicts.append({**entry(recipe, verdict, detail), "seconds": round(seconds, 1)})
    return verdicts


def entry(recipe: Recipe, verdict: str, detail: str) -> dict:
    """A verdict as it is written, with the digest of what it is about."""
    return {"result": f"{recipe.kind}/{recipe.name}", "verdict": verdict, "detail": detail, **judged(recipe)}


def main(every_shard: bool, source: str, stamping: bool, minutes: float = 0, seed: int | None = None) -> None:
    """Say what will be done, do it, print the verdicts, and raise where one is bad.

    Args:
        every_shard: whether everything is made again, and every shard of every evaluation is played.
        source: whose checkpoints, local or hub.
        stamping: whether evidence found identical, that names no machine, is to name this one.
        minutes: about how long it may take; 0 for everything.
        seed: of the draw; None for another each time.
    """
    command.lock(files.ROOT / "build" / "locks" / "reproduce", "another reproduction is at work: waiting for it")
    verdict_file = INTO / "verdict.json"
    if verdict_file.exists():
        shutil.rmtree(INTO)
    rebuilt, seed = everything(source), remembered_seed(seed)
    drawn = draw(rebuilt, every_shard, 0 if every_shard else minutes, seed)
    for recipe in drawn:  # before anything else, and one at a time: the dataset and the checkpoints they stand on
        command.fetch_published(recipe)

    def told(some: list[Recipe]) -> str:
        return plan.minutes(sum(cost(recipe, every_shard) for recipe in some) / (os.cpu_count() or 1))

    part = f"{len(drawn)} of {len(rebuilt)}" if len(drawn) < len(rebuilt) else f"{len(rebuilt)}"
    print(f"making {part} results again into {INTO.relative_to(files.ROOT)}/, {told(drawn)}", flush=True)
    if len(drawn) < len(rebuilt):
        print(f"drawn with `--seed {seed}`; all of them take {told(rebuilt)}: `--minutes 0`", flush=True)
    made = {found["result"]: found for found in reproduce(drawn, every_shard)}
    left = [recipe for recipe in rebuilt if f"{recipe.kind}/{recipe.name}" not in made]
    verdicts = [*made.values(), *(entry(recipe, *not_drawn(recipe)) for recipe in left)]
    verdicts += tables() + (trained() if source == "local" else [])
    width = max(len(found["result"]) for found in verdicts)
    for found in verdicts:
        print(f"{found['result']:{width}}  {found['verdict']:24}  {found['detail']}")
    print(", ".join(f"{count} {verdict}" for verdict, count in Counter(found["verdict"] for found in verdicts).most_common()))
    files.write_json(verdict_file, verdicts)
    if stamping:
        print(f"{stamp(verdicts, source)} results now name this machine, on which they were found identical")
    bad = [found["result"] for found in verdicts if found["verdict"] == judging.BAD]
    if bad:
        raise PipelineError(f"{len(bad)} of {len(verdicts)} results were not reproduced: {', '.join(bad)}")

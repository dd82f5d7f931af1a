"""Look for evidence that was forged with its digests, in about a minute: what `doit` cannot see, and cheaply can be seen.

    python -m pipeline check                a sample of what was played, another each time
    python -m pipeline check --seed 7       that sample
    python -m pipeline check --seconds 600  a larger one

Everywhere: digests, what follows from what was played, what episodes cannot be, sums of checkpoints and pictures, tables from
values, templates without numbers of their own, published figures that repeat one another. Of a random sample of cheap pieces
(shards, rollouts, walks, attention, latencies, pictures): played or drawn again, and held against what is committed as a
reproduction holds it (see `pipeline.graph.judging`). Exits with 1 where something is wrong.
"""

from __future__ import annotations

import argparse
import json
import random
import re
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from pipeline import PipelineError, files
from pipeline.evidence import checkpoints, fingerprints, machines, recipes, records
from pipeline.evidence.records import Recipe
from pipeline.graph import command, judging
from pipeline.show import claims, tabulate
from pipeline.statistics import summaries
from pipeline.study import runs, studies
from pipeline.worlds.world import HALFCHEETAH

ERRORS = (PipelineError, ArithmeticError, AttributeError, LookupError, OSError, TypeError, ValueError)
LONGEST = 20.0  # seconds; what takes longer is left to `make reproduce`
BY_HAND = ("published.json", "attested.json")  # below results/, of no recipe
TRIED_STEPS = 6  # of a planner's rollout
TRIED_ACTIONS = 40  # of a latency
SECONDS = {
    "random_actions": 2.0,
    "deterministic": 3.0,
    "behaviour": 4.0,
    "behaviour_mode": 4.0,
    "decision_transformer": 15.0,
    "random_steps": 0.5,
    "grid_cloning": 0.5,
}  # of a shard, by method, on one core, at least


@dataclass(frozen=True)
class Piece:
    """Something cheap that can be made again: its name, about how long it takes, and what says whether it is as committed."""

    name: str
    seconds: float
    check: Callable[[], judging.Verdict]


def everything() -> list[Recipe]:
    """All evidence that is committed, and what others measured where there is some."""
    here = recipes.everything()
    sometimes = (*recipes.STUDIES.values(), *recipes.rebuilt("hub"))
    return here + [recipe for recipe in sometimes if recipe.path().exists()]


def check_files() -> Iterator[str]:
    """Files of evidence: none that no run makes; each whole, of its run, with what follows from what was played."""
    known = {recipe.path(): recipe for recipe in everything()}
    for path in sorted((files.ROOT / "results").rglob("*.json")):
        if path not in known and path.name not in BY_HAND and runs.ON not in path.name:
            yield f"{place(path)} belongs to no run: remove it"
    for path, recipe in known.items():
        try:
            yield from check_file(recipe, records.read(path))
        except ERRORS as error:
            yield f"{place(path)} cannot be checked ({type(error).__name__}: {error})"


def check_file(recipe: Recipe, content: dict) -> Iterator[str]:
    """What is wrong with a piece of evidence, seen without playing anything."""
    path, made, values = place(recipe.path()), content["made"], content["values"]
    if records.sealed(content) != made["sha256"]:
        yield f"{path} was changed by hand"
    if moved := records.trained_otherwise(content["run"], recipe.run):
        yield f"{path} tells of another run: {moved[0][0]} = {moved[0][1]!r}"
    if fingerprints.fingerprint(recipe, made) != made["fingerprint"] and not moved:
        yield f"{path} has a fingerprint that is not that of what it says it was made from"
    for name in recipe.outputs:
        if not (files.ROOT / name).is_file() or files.sha256(files.ROOT / name) != values["sha256"].get(name):
            yield f"{name} is not the file that {path} names"
    if wrong := judging.unfounded(recipe, values):
        yield f"{path}: {wrong} does not follow from what was played"
    if wrong := judging.impossible(recipe, values) if recipe.kind in judging.IN_SHARDS else None:
        yield f"{path}: {wrong}"
    if recipe.kind not in ("training", "datasets") and names_no_machine(made):
        yield f"{path} names no machine: `python -m pipeline reproduce --stamp` does where it finds the same"
    if recipe.kind in judging.IN_SHARDS and (wrong := judging.unlike(recipe, values, recipe.run.shard_episodes)):
        yield f"{path}: {wrong}"
    if recipe.kind == "latency" and judging.judge_latency(values, values)[0] == judging.BAD:
        yield f"{path}: its 95th percentile lies below its median"
    if recipe.kind == "pictures":
        yield from check_picture(recipe, values)
    if recipe.kind == "training":
        yield from check_card(recipe, values)


def names_no_machine(made: dict) -> bool:
    """Whether evidence whose last digits are a machine's does not say whose: then another result would pass as another's."""
    return "torch" in made["versions"] and not (made.get("machine") or {}).get("arithmetic")


def cells(card: str) -> list[dict[str, str]]:
    """The rows of a card's table, each cell by its column's title."""
    lines = [[cell.strip() for cell in line.strip("|").split("|")] for line in card.splitlines() if line.startswith("|")]
    return [dict(zip(lines[0], line, strict=True)) for line in lines[2:]]


def check_card(recipe: Recipe, values: dict) -> Iterator[str]:
    """Whether a checkpoint's card shows points of the learning curve that evidence has, and ends with the same."""
    card, curve = files.ROOT / "checkpoints" / recipe.name / "README.md", values["curve"]
    if not card.exists() or not curve or not all(isinstance(value, int | float) for value in curve[-1].values()):
        return
    shown, points = cells(card.read_text()), cells(checkpoints.card("", {}, curve))
    found = [[point for point in points if row.items() <= point.items()] for row in shown]  # of some columns, in any order
    if not shown or not all(found) or points[-1] not in found[-1]:
        yield f"{place(recipe.path())} has another learning curve than {place(card)}"


def check_drawings(recipe: Recipe, values: dict) -> Iterator[str]:
    """Whether drawings have the sizes that their evidence tells the page."""
    for name, told in zip(recipe.outputs, (values, values.get("narrow", {})), strict=False):
        content = (files.ROOT / name).read_text(encoding="utf-8")
        sides = re.match(r'<svg viewBox="0 0 ([\d.]+) ([\d.]+)"', content)
        found = dict(zip(("width", "height"), (round(float(side)) for side in sides.groups()), strict=True)) if sides else {}
        found["bytes"] = len(content.encode())
        if found != {key: told.get(key) for key in found}:
            yield f"{place(recipe.path())} tells another size than {name} has"


def check_picture(recipe: Recipe, values: dict) -> Iterator[str]:
    """Whether a picture has the size that its evidence tells the page."""
    path, milliseconds = files.ROOT / recipe.outputs[0], 0
    if path.suffix == ".svg":
        yield from check_drawings(recipe, values)
        return
    with Image.open(path) as image:
        found = {"width": image.width, "height": image.height, "bytes": path.stat().st_size}
        for index in range(getattr(image, "n_frames", 1)):
            image.seek(index)
            milliseconds += image.info.get("duration", 0)
    if milliseconds:
        found["seconds"] = milliseconds / 1000
    for name, value in found.items():
        if values[name] != value:
            yield f"{place(recipe.path())} says {name} {values[name]}, and {recipe.outputs[0]} has {value}"


def check_checkpoints() -> Iterator[str]:
    """Checkpoints: as their sums say, as the evidence of their training says, and of the run whose name they bear."""
    for name, recipe in {**recipes.TRAINED, **recipes.STUDIES}.items():
        folder = files.ROOT / "checkpoints" / name
        if recipe.kind != "training" or not folder.exists():
            continue
        try:
            checkpoints.verify(folder)
            checkpoints.verify_training(folder, recipe.path())
            trained = json.loads((folder / "config.json").read_text()).get("training", {})
        except ERRORS as error:
            yield str(error)
            continue
        if trained.get("name", name) != name:
            yield f"{place(folder)} holds the checkpoint of {trained['name']}: {checkpoints.cure(folder)}"
    for recipe in everything():
        for name in recipe.inputs:
            digest = fingerprints.input_digest(name, files.ROOT) if name.startswith("checkpoints/") else None
            if digest not in (None, "missing") and recipe.path().exists():
                said = records.read(recipe.path())["made"]["inputs"].get(name)
                if said != digest:
                    yield f"{place(recipe.path())} was made from another {name}"


def check_tables() -> Iterator[str]:
    """Tables say what the results say, and templates name values and hold no measured number of their own."""
    if not claims.current():
        yield "_includes/claims.json does not say what results/ say: `doit judge` judges anew"
    for name in tabulate.NAMES:
        if not tabulate.current(name):
            yield f"_includes/tables/{name}.md does not say what results/ say: `doit` fills it anew"
        text = (tabulate.TEMPLATES / f"{name}.md.j2").read_text()
        shown = re.sub(r"{%.*?%}|{#.*?#}", "", text, flags=re.DOTALL)
        own = re.search(r"\d+\.\d+", re.sub(r"{{.*?}}", "", shown)) or re.search(r"{{\s*\W?\d+\.\d+", shown)
        if own:
            yield f"templates/{name}.md.j2 holds a number of its own: {own.group()}"


def check_published() -> Iterator[str]:
    """Figures that others published: of one form, with their sources, and the same wherever they are repeated."""
    known = tabulate.results()["published"]
    for name, content in known.items():
        if isinstance(content, dict) and not content.get("source"):
            yield f"results/published.json: {name} names no source"
        for row in content.get("rows", ()) if isinstance(content, dict) else ():
            if not {"key", "method", "source", "score", "spread"} <= row.keys() or not 0 < row["score"] < 120:
                yield f"results/published.json: {name} has a row that is none: {row}"
    data, scale, control = known["d4rl_halfcheetah_medium"], known["d4rl_scale"], known["control"]
    mean, best = (round(float(HALFCHEETAH.normalized_score(data[f"return_{which}"])), 1) for which in ("mean", "max"))
    repeats = {
        "d4rl_scale random": (scale["random"], HALFCHEETAH.random_return),
        "d4rl_scale expert": (scale["expert"], HALFCHEETAH.expert_return),
        "d4rl_halfcheetah_medium score_mean": (data["score_mean"], mean),
        "d4rl_halfcheetah_medium score_max": (data["score_max"], best),
        "d4rl_halfcheetah_medium transitions": (data["transitions"], data["episodes"] * data["steps"]),
        "control period_ms": (control["period_ms"], round(1000 * control["step_seconds"])),
        "control episode_steps": (control["episode_steps"], HALFCHEETAH.episode_steps),
        "control step_seconds": (control["step_seconds"], 1 / HALFCHEETAH.control_rate),
        "control rate_hz": (control["rate_hz"], HALFCHEETAH.control_rate),
    }
    for name, (one, other) in repeats.items():
        if one != other:
            yield f"results/published.json: {name} is {one}, and elsewhere {other}"


def place(path: Path) -> str:
    """A path as a reader of the repository knows it."""
    return Path(path).relative_to(files.ROOT).as_posix()


def shard(recipe: Recipe, index: int) -> judging.Verdict:
    """Play one shard of an evaluation or a solving again."""
    import torch

    from pipeline import policies
    from pipeline.measures import evaluate, solve

    torch.set_num_threads(1)
    run, content = recipe.run, records.read(recipe.path())
    policy = policies.module(run.method).load(run)
    if recipe.kind == "evaluations":
        seeds, again = evaluate.shard_seeds(run, index), {"returns": evaluate.play_shard(policy, run, index)}
    else:
        seeds, again = solve.shard_seeds(run, index), solve.play_shard(policy, run, index, lambda: None)
    where = slice(index * run.shard_episodes, index * run.shard_episodes + len(seeds))
    values = content["values"]
    committed = {name: played[where] for name, played in judging.played(recipe, values).items()}
    published, found = (records.plain(summarise(recipe, each)) for each in (committed, again))
    for each in (published, found):
        each["seeds"] = seeds
    return judging.judge_episodes(recipe, published, found, judging.rounds_alike(content))


def summarise(recipe: Recipe, played: dict) -> dict:
    """What follows from some episodes."""
    if recipe.kind == "evaluations":
        return summaries.summarise_returns(recipe.run, played["returns"])
    return summaries.summarise_solved(recipe.run, played)


def steps_of(recipe: Recipe, dice: random.Random) -> judging.Verdict:
    """Replay a rollout step by step; of a planner's some steps in a row."""
    from pipeline.graph import replay

    planned = isinstance(recipes.EVALUATIONS[recipe.run.evaluation].run, runs.PlannedEvaluation)
    first = dice.randrange(recipe.run.steps - TRIED_STEPS) if planned else 0
    found = replay.rollout(recipe, range(first, first + TRIED_STEPS) if planned else None)
    alike = judging.rounds_alike(records.read(recipe.path()))
    verdict, detail = judging.judge_steps(found)
    if found["step"] == found["action"] == 0 or verdict == judging.BAD:
        return ("identical" if verdict != judging.BAD else verdict), detail
    return (judging.BAD if alike else verdict), detail


def remade(recipe: Recipe) -> judging.Verdict:
    """Make a piece of evidence or a picture again, elsewhere, and hold it against what is committed."""
    with tempfile.TemporaryDirectory() as folder:
        try:
            command.run_verb([recipe.verb, recipe.name, "--into", folder], "it cannot be made again")
        except PipelineError as error:
            return judging.BAD, str(error)
        return judging.judge(recipe, Path(folder))


def timed(recipe: Recipe) -> judging.Verdict:
    """Time some actions or plans: they take neither much less nor much more than the published median. A busy machine slows
    most of them, so that the fastest counts where they take more.
    """
    from dataclasses import replace

    import numpy as np
    import torch

    from pipeline import policies
    from pipeline.measures import time_actions, time_plans

    torch.set_num_threads(1)
    run, values = recipe.run, records.read(recipe.path())["values"]
    policy = policies.module(run.method).load(run)
    count = "plans" if isinstance(run, runs.PlanLatency) else "actions"
    fewer = replace(run, **{count: TRIED_ACTIONS // (4 if isinstance(run, runs.PlannedLatency) else 1)})
    times = (time_plans.time_plans if count == "plans" else time_actions.time_actions)(policy, fewer)
    fastest, middle = float(np.min(times)), float(np.median(times))
    detail = f"median {values['median_ms']:.2f} ms published, {middle:.2f} ms again, the fastest {fastest:.2f} ms"
    fits = values["median_ms"] <= judging.LATENCY_FACTOR * middle and fastest <= judging.LATENCY_FACTOR * values["median_ms"]
    return ("statistically compatible" if fits else judging.BAD), detail


def contexts(recipe: Recipe) -> judging.Verdict:
    """Collect the last shard of a dataset again: its returns may be those of the statistics, and the contexts that were drawn
    from it are in it.
    """
    import numpy as np
    import torch

    from pipeline.measures import collect
    from pipeline.methods.soft_actor_critic.model import GaussianPolicyModel
    from pipeline.policies.behaviour import BehaviourPolicy

    torch.set_num_threads(1)
    run, values = recipe.run, records.read(recipe.path())["values"]
    last = run.episodes // run.shard_episodes - 1
    found = collect.play_shard(BehaviourPolicy(checkpoints.load(run.behaviour, GaussianPolicyModel)), run, last, lambda: None)
    error = abs(found.returns.mean() - values["return_mean"]) / (values["return_sd"] / len(found) ** 0.5)
    drawn, _ = checkpoints.read_tensors(files.ROOT / recipe.outputs[0])
    episode = drawn["episode"].numpy() - last * run.shard_episodes
    inside = episode >= 0
    windows = (episode[inside, None], drawn["timesteps"].numpy()[inside])
    same = all(
        np.array_equal(getattr(found, name)[windows], drawn[name].numpy()[inside]) for name in ("observations", "actions")
    )
    detail = f"mean return {error:.1f} standard errors off, {inside.sum()} contexts {'found' if same else 'not found'} in it"
    if error > 5 or (not same and judging.rounds_alike(records.read(recipe.path()))):
        return judging.BAD, detail
    return ("identical" if same else "statistically compatible"), detail


def pieces(dice: random.Random) -> list[Piece]:
    """All that is cheap enough to be made again."""
    found = []
    for recipe in [*recipes.SOURCES["local"]["evaluate"].values(), *recipes.SOURCES["local"]["solve"].values()]:
        count = -(-recipe.run.episodes // recipe.run.shard_episodes)
        seconds = max(SECONDS.get(recipe.run.method, 0.0), recipe.seconds / count)
        for index in range(count):
            name = f"{recipe.kind}/{recipe.name}, shard {index + 1} of {count}"
            found.append(Piece(name, seconds, lambda recipe=recipe, index=index: shard(recipe, index)))
    whole = {
        "rollouts": (5.0, lambda recipe: steps_of(recipe, dice)),
        "attention": (15.0, remade),
        "attention_by_training": (40.0, remade),
        "hidden_keys": (60.0, remade),
        "conditionals": (8.0, remade),
        "walks": (8.0, remade),
        "latency": (3.0, timed),
        "memory": (20.0, remade),
        "pictures": (5.0, remade),
        "wheel": (10.0, remade),
    }
    for recipe in recipes.rebuilt():
        if recipe.kind in whole and (recipe.kind not in ("pictures", "wheel") or recipe.seconds <= LONGEST):
            seconds, check = whole[recipe.kind]
            slow = recipe.seconds / 4 if isinstance(recipe.run, runs.PlannedLatency) else seconds
            found.append(Piece(f"{recipe.kind}/{recipe.name}", slow, lambda recipe=recipe, check=check: check(recipe)))
    found += [
        Piece(f"datasets/{recipe.name}, its last shard", 10.0, lambda recipe=recipe: contexts(recipe))
        for recipe in recipes.RECORDINGS.values()
    ]
    return [piece for piece in found if piece.seconds <= LONGEST]


def sample(known: list[Piece], seconds: float, dice: random.Random) -> list[Piece]:
    """A picture, and then pieces in a random order for as long as is given, by what they are said to take."""
    order = sorted(known, key=lambda piece: dice.random())
    pictures = [piece for piece in order if piece.name.startswith("pictures/")][:1]
    chosen, left = [], seconds
    for piece in [*pictures, *order]:
        if piece not in chosen and piece.seconds <= left:
            chosen.append(piece)
            left -= piece.seconds
    return chosen


def check_asked() -> Iterator[str]:
    """The returns that policies are asked for: their log's own quantiles, and twice its largest."""
    for data, targets in studies.QUANTILES.items():
        known = records.read({**recipes.COLLECTIONS, **recipes.LOGGED_RETURNS}[data].path())["values"]
        wanted = [round(known["return_quantiles"][str(percent)], 1) for percent in studies.PERCENTILES]
        if list(targets) != wanted:
            yield f"studies.QUANTILES of {data} are {list(targets)}, and its evidence says {wanted}"
        beyond = round(2 * max(known["returns"]), 1)
        if data in studies.BEYOND and beyond != studies.BEYOND[data]:
            yield f"studies.BEYOND of {data} is {studies.BEYOND[data]}, and twice its largest return is {beyond}"


STATIC = {
    "evidence: digests, and what follows from what was played": check_files,
    "checkpoints: their sums, their training's evidence, who reads them": check_checkpoints,
    "tables from values, templates without numbers of their own": check_tables,
    "published figures: their form, and where they repeat one another": check_published,
    "returns asked for, by the logs they are of": check_asked,
}


def check_static() -> Iterator[tuple[str, list[str]]]:
    """Each check of everything, with what is wrong."""
    tabulate.results.cache_clear()
    for name, check in STATIC.items():
        try:
            yield name, list(check())
        except ERRORS as error:
            yield name, [f"{name} cannot be checked ({type(error).__name__}: {error})"]


def machines_told() -> str:
    """How many results were made on which machine, by its arithmetic; a forger's would stand alone."""
    made = [records.read(recipe.path())["made"] for recipe in recipes.measured()]
    told = Counter(each["machine"]["arithmetic"] for each in made if "torch" in each["versions"] and not names_no_machine(each))
    return ", ".join(f"{count} on {name}" for name, count in told.items())


def check_piece(piece: Piece) -> judging.Verdict:
    """A verdict on a piece of the sample."""
    try:
        return piece.check()
    except ERRORS as error:
        return judging.BAD, f"it cannot be made again ({type(error).__name__}: {error})"


def main() -> None:
    """Check everything, then a sample, one line each."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=60.0, help="about how long the sample may take (default: 60)")
    parser.add_argument("--seed", type=int, help="of the sample (default: another each time)")
    arguments = parser.parse_args()
    seed = random.SystemRandom().randrange(10**6) if arguments.seed is None else arguments.seed
    dice, wrong = random.Random(seed), []
    for name, found in check_static():
        print(f"{'wrong' if found else 'sound':26}  {name}", flush=True)
        wrong += found
    print(f"machines, by how their arithmetic rounds: {machines_told()}; this one {machines.arithmetic()}", flush=True)
    known = pieces(dice)
    chosen = sample(known, arguments.seconds, dice)
    print(f"a sample of {len(chosen)} of {len(known)} cheap pieces, `--seed {seed}`:", flush=True)
    for piece in chosen:
        began = time.perf_counter()
        verdict, detail = check_piece(piece)
        print(f"{verdict:26}  {piece.name} ({time.perf_counter() - began:.1f} s): {detail}", flush=True)
        wrong += [f"{piece.name}: {detail}"] if verdict == judging.BAD else []
    for sentence in wrong:
        print(f"wrong: {sentence}")
    if wrong:
        raise PipelineError(f"{len(wrong)} findings, the first: {wrong[0]}")


if __name__ == "__main__":
    command.run(main)

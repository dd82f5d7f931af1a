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

import json
import random
import re
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from PIL import Image

from pipeline import PipelineError, files
from pipeline.evidence import checkpoints, fingerprints, machines, recipes, records
from pipeline.evidence.records import Recipe
from pipeline.graph import judging
from pipeline.graph.sampling import ERRORS, check_piece, pieces, sample
from pipeline.show import claims, tabulate
from pipeline.study import runs, studies
from pipeline.worlds.world import HALFCHEETAH

BY_HAND = ("published.json", "attested.json")  # below results/, of no recipe


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


def main(seconds: float = 60.0, seed: int | None = None) -> None:
    """Check everything, then a sample that takes about so many seconds, one line each; without a seed another each time."""
    seed = random.SystemRandom().randrange(10**6) if seed is None else seed
    dice, wrong = random.Random(seed), []
    for name, found in check_static():
        print(f"{'wrong' if found else 'sound':26}  {name}", flush=True)
        wrong += found
    print(f"machines, by how their arithmetic rounds: {machines_told()}; this one {machines.arithmetic()}", flush=True)
    known = pieces(dice)
    chosen = sample(known, seconds, dice)
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

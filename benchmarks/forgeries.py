"""Forgeries with all digests recomputed, and what finds them: `doit`, `make check-evidence` or `make reproduce`.

    python -m benchmarks.forgeries            all of them, in a copy of the checkout below a temporary folder (minutes)
    python -m benchmarks.forgeries --static   without playing anything again

After each forgery all that follows from it by digests is brought up to date as a careful forger would: what follows from what
was played, sums, inputs, fingerprints, seals, tables. The checkout itself is never touched.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from pipeline import PipelineError, files
from pipeline.evidence import arrays, checkpoints, fingerprints, recipes, records
from pipeline.evidence.records import Recipe
from pipeline.graph import check_evidence, command, judging, reproduce, sampling
from pipeline.show import tabulate
from pipeline.statistics import summaries

SAMPLES = 2000  # of which shares tell how likely a minute's sample holds a piece

KNOWN = recipes.known()


@dataclass(frozen=True)
class Forgery:
    """What is forged; how; which evidence is made again to find it, and which pieces of a sample would; whether what follows
    from what was played is left as it was or forged.
    """

    name: str
    forge: Callable[[], None]
    recipe: Recipe | None = None
    pieces: tuple[str, ...] = ()
    derive: bool = True


def edit(name: str, change: Callable[[dict], None]) -> Callable[[], None]:
    """A forgery of a file of evidence: `change` is given its content."""

    def forge() -> None:
        path = files.ROOT / "results" / f"{name}.json"
        content = records.read(path)
        change(content)
        records.write_sealed(path, content)

    return forge


def put(place: str, value) -> Callable[[dict], None]:
    """A change of the value at a place, given as keys and indices; a function is given the value that was."""

    def change(content: dict) -> None:
        *above, last = [int(part) if part.isdigit() else part for part in place.split()]
        for part in above:
            content = content[part]
        content[last] = value(content[last]) if callable(value) else value

    return change


def add(number: float) -> Callable[[float], float]:
    """A function that adds to what was."""
    return lambda was: round(was + number, 4)


def both(*changes) -> Callable[[dict], None]:
    """Several changes of one file."""
    return lambda content: [change(content) for change in changes] and None


def move(name: str, key: str, change: Callable[[np.ndarray], None]) -> Callable[[], None]:
    """A forgery of an array beside evidence."""

    def forge() -> None:
        recipe = KNOWN[name]
        stored = arrays.read(recipe)
        change(stored[key])
        buffer = io.BytesIO()
        np.savez_compressed(buffer, allow_pickle=False, **stored)
        arrays.path(recipe).write_bytes(buffer.getvalue())

    return forge


def shift(array: np.ndarray) -> None:
    """Half a meter more from the middle on."""
    array[len(array) // 2 :, 0] += 0.5


def turn(array: np.ndarray) -> None:
    """Another action in the middle."""
    array[len(array) // 2] = (array[len(array) // 2] + 1) % 3


def paint(name: str) -> Callable[[], None]:
    """A forgery of a picture: a patch painted over in its last frame, its evidence told the new size."""

    def forge() -> None:
        recipe, path = KNOWN[f"pictures/{name}"], files.ROOT / KNOWN[f"pictures/{name}"].outputs[0]
        pixels, shown = judging.frames(path.read_bytes())
        pixels[-1, 10:20, 10:20, :3] = 0
        images = [Image.fromarray(frame[..., :3]) for frame in pixels]
        if path.suffix == ".gif":
            images[0].save(path, save_all=True, append_images=images[1:], duration=shown[1:])
        else:
            images[0].save(path)
        put("values bytes", path.stat().st_size)(content := records.read(recipe.path()))
        records.write_sealed(recipe.path(), content)

    return forge


def exchange() -> None:
    """TD3+BC's weights under the name of behavior cloning, of the same architecture; the sums fit."""
    folder = files.ROOT / "checkpoints"
    shutil.copy(folder / "local_td3bc_halfcheetah_s0" / "model.safetensors", folder / "local_bc_halfcheetah_s0")
    checkpoints.write_sums(folder / "local_bc_halfcheetah_s0")


def publish() -> None:
    """A result of a published checkpoint that nobody played."""
    run = recipes.EVALUATIONS["hub_dt_halfcheetah_6000"]
    values = summaries.summarize_returns(run.run, [11_953.0] * 10)
    made = {"fingerprint": "0" * 64, "holds": [], "inputs": {}, "sources": {}, "versions": {}}
    content = {"run": records.fields(run.run), "made": made, "values": records.plain({**values, "score_mean": 99.9})}
    records.write_sealed(run.path(), content)


def replace_text(name: str, old: str, new: str) -> Callable[[], None]:
    """A forgery of a text file."""

    def forge() -> None:
        path = files.ROOT / name
        text = path.read_text()
        if old not in text:
            raise PipelineError(f"{name} does not hold {old!r}: the forgery must follow it")
        path.write_text(text.replace(old, new, 1))

    return forge


def cell() -> None:
    """A number in a table."""
    path = tabulate.target("headline")
    text = path.read_text()
    number = json.dumps(records.read(KNOWN["evaluations/local_dt_halfcheetah_6000"].path())["values"]["score_mean"])[:4]
    path.write_text(text.replace(number, "49.9", 1))


def solve_one(content: dict) -> None:
    """The last episode that failed succeeds."""
    values = content["values"]
    episode = max(index for index, success in enumerate(values["success"]) if not success)
    values["success"][episode], values["length"][episode] = 1, 20


BC, DT, RANDOM = (f"evaluations/local_{name}" for name in ("bc_halfcheetah_s0", "dt_halfcheetah_6000", "random_halfcheetah"))
SOLVED, MAZE = "solved/local_cloning_go_to_local_s7n5", "local_leap_go_to_obj_maze_s7_open"
WHEEL = "wheel/local_bc_halfcheetah_s0"
SHARDS = (f"{BC}, shard 1 of 2", f"{BC}, shard 2 of 2")


def forgeries() -> list[Forgery]:
    """All that are tried."""
    times = "values median_ms", "values p95_ms"

    def slower(factor: float) -> Callable[[dict], None]:
        return both(*(put(place, lambda was: round(factor * was, 4)) for place in times))

    return [
        Forgery("a result's score, not its returns", edit(DT, put("values score_mean", add(5))), KNOWN[DT], derive=False),
        Forgery("an episode's return, +300, first shard", edit(BC, put("values returns 2", add(300))), KNOWN[BC], SHARDS[:1]),
        Forgery("an episode's return, +300, beyond it", edit(BC, put("values returns 7", add(300))), KNOWN[BC], SHARDS[1:]),
        Forgery(
            "five returns, +3000, beyond the first shard",
            edit(RANDOM, both(*(put(f"values returns {index}", add(3000)) for index in range(5, 10)))),
            KNOWN[RANDOM],
        ),
        Forgery("an impossible return", edit(RANDOM, put("values returns 8", 30_000.0)), KNOWN[RANDOM]),
        Forgery(
            "a pooled row",
            edit("pooled/local_td3bc_halfcheetah", put("values score_mean", add(2))),
            KNOWN["pooled/local_td3bc_halfcheetah"],
            derive=False,
        ),
        Forgery(
            "a comparison",
            edit("compared/local_td3bc_over_bc_halfcheetah", put("values score low", add(3))),
            KNOWN["compared/local_td3bc_over_bc_halfcheetah"],
            derive=False,
        ),
        Forgery(
            "a rollout's return",
            edit("rollouts/local_dt_halfcheetah_6000", put("values return", add(100))),
            KNOWN["rollouts/local_dt_halfcheetah_6000"],
            derive=False,
        ),
        Forgery(
            "a mean return in the browser, not its returns",
            edit(WHEEL, put("values return_mean", add(100))),
            KNOWN[WHEEL],
            derive=False,
        ),
        Forgery("a return in the browser, +300", edit(WHEEL, put("values returns 7", add(300))), KNOWN[WHEEL], (WHEEL,)),
        Forgery(
            "a rollout's positions",
            move("rollouts/local_dt_halfcheetah_6000", "positions", shift),
            KNOWN["rollouts/local_dt_halfcheetah_6000"],
            ("rollouts/local_dt_halfcheetah_6000",),
        ),
        Forgery(
            "a share of attention",
            edit("attention/local_dt_halfcheetah", put("values shares return 2 0 mean", add(0.1))),
            KNOWN["attention/local_dt_halfcheetah"],
            ("attention/local_dt_halfcheetah",),
        ),
        Forgery(
            "an interval of imagination",
            edit("imagination/local_tt_halfcheetah_k32", put("values imagined 3 high", add(-0.05))),
            KNOWN["imagination/local_tt_halfcheetah_k32"],
        ),
        Forgery(
            "an energy of refined plans",
            edit("refined/local_leap_go_to_local_s8n7", put("values samplers argmax energy 9 mean", add(-0.3))),
            KNOWN["refined/local_leap_go_to_local_s8n7"],
        ),
        Forgery(
            "a failed episode solved, beyond the first shard",
            edit(SOLVED, solve_one),
            KNOWN[SOLVED],
            (f"{SOLVED}, shard 4 of 4",),
        ),
        *(
            Forgery(
                f"latency times {factor}",
                edit("latency/local_dt_halfcheetah", slower(factor)),
                KNOWN["latency/local_dt_halfcheetah"],
                ("latency/local_dt_halfcheetah",),
            )
            for factor in (2, 5)
        ),
        Forgery("a cell of a table", cell, derive=False),
        Forgery(
            "a picture painted over", paint("dt_return_share"), KNOWN["pictures/dt_return_share"], ("pictures/dt_return_share",)
        ),
        Forgery(
            "a moving picture", paint("leap_baby_ai_maze"), KNOWN["pictures/leap_baby_ai_maze"], ("pictures/leap_baby_ai_maze",)
        ),
        Forgery("TD3+BC's weights as behavior cloning's", exchange, KNOWN[BC], SHARDS),
        Forgery(
            "the end of a learning curve",
            edit(
                "training/local_dt_halfcheetah",
                both(*(put(f"values {place}held_out_loss", 0.01) for place in ("", "curve 39 "))),
            ),
        ),
        Forgery(
            "a dataset's mean return, +20",
            edit("datasets/local_halfcheetah_medium", put("values return_mean", add(20))),
            None,
            ("datasets/local_halfcheetah_medium, its last shard",),
        ),
        Forgery(
            "a dataset's mean return, +500",
            edit("datasets/local_halfcheetah_medium", put("values return_mean", add(500))),
            None,
            ("datasets/local_halfcheetah_medium, its last shard",),
        ),
        Forgery("a walk", move(f"walks/{MAZE}_blind", "actions", turn), KNOWN[f"walks/{MAZE}_blind"], (f"walks/{MAZE}_blind",)),
        Forgery("a fingerprint", edit(SOLVED, put("made fingerprint", "0" * 64)), KNOWN[SOLVED], derive=False),
        Forgery(
            "the machine's name",
            edit(BC, put("made machine", lambda was: {"processor": "another", "arithmetic": "0" * 16})),
            KNOWN[BC],
        ),
        Forgery("the machine left out", edit(BC, lambda content: content["made"].pop("machine")), KNOWN[BC]),
        Forgery("a published checkpoint's score, played by nobody", publish, derive=False),
        Forgery(
            "a number in a template",
            replace_text("templates/headline.md.j2", "{{ score(values) }} | {{ ends", "49.9 | {{ ends"),
        ),
        Forgery("a published figure", replace_text("results/published.json", '"score": 42.2,', '"score": 41.2,')),
        Forgery(
            "a published figure that is repeated",
            replace_text("results/published.json", '"score_mean": 40.7', '"score_mean": 39.7'),
        ),
    ]


def bring_up_to_date(forgery: Forgery) -> None:
    """Recompute what a careful forger would: sums, what follows from what was played, inputs, fingerprints, seals, tables."""
    for recipe in check_evidence.everything():
        if recipe.path().exists() and (forgery.derive or recipe is not forgery.recipe):
            content = records.read(recipe.path())
            made, values = content["made"], content["values"]
            if recipe.outputs:
                values["sha256"] = {name: files.sha256(files.ROOT / name) for name in recipe.outputs}
            if recipe.kind != "training":
                values = summaries.derived(recipe, values, files.ROOT) or values
            made["inputs"] = {name: fingerprints.input_digest(name, files.ROOT) for name in recipe.inputs}
            made["fingerprint"] = fingerprints.fingerprint(recipe, made)
            if records.sealed({**content, "values": values}) != made["sha256"]:
                records.write_sealed(recipe.path(), {**content, "values": values})
    if forgery.derive:
        for name in tabulate.NAMES:
            tabulate.write(name)


@contextmanager
def forged(forgery: Forgery, kept: Path):
    """The checkout while a forgery lies in it; everything is put back afterwards from the folder `kept`."""
    try:
        forgery.forge()
        bring_up_to_date(forgery)
        tabulate.results.cache_clear()
        yield
    finally:
        for folder in ("results", "checkpoints", "images", "templates", "_includes/tables"):
            for path in (files.ROOT / folder).rglob("*"):
                was = kept / path.relative_to(files.ROOT)
                if path.is_file() and not was.exists():
                    path.unlink()
                elif path.is_file() and (path.stat().st_size, path.stat().st_mtime) != (
                    was.stat().st_size,
                    was.stat().st_mtime,
                ):
                    shutil.copy2(was, path)
        tabulate.results.cache_clear()


def by_doit() -> set[str]:
    """What the check of each `doit` says is stale, or wrong."""
    from pipeline.graph import plan

    said = {f"{recipe.kind}/{recipe.name}" for recipe in check_evidence.everything() if unsound(fingerprints.stale(recipe))}
    said |= {name for name in tabulate.NAMES if not tabulate.current(name)}
    try:
        plan.check_published()
    except PipelineError as error:
        said.add(str(error))
    return said | set(plan.trained_evidence_problems())


def unsound(reason: str | None) -> str | None:
    """Why evidence is stale, unless for other code or versions, which forge nothing."""
    return reason if reason and not reason.startswith("changed: source of") else None


def by_check() -> set[str]:
    """What `make check-evidence` says of everything, its sample apart."""
    return {sentence for _, found in check_evidence.check_static() for sentence in found}


def likelihood(pieces: tuple[str, ...], seconds: float = 60.0) -> float:
    """The share of a minute's samples that hold one of some pieces."""
    every = sampling.pieces(random.Random(0))
    samples = (sampling.sample(every, seconds, random.Random(seed)) for seed in range(SAMPLES))
    return sum(any(piece.name in pieces for piece in sample) for sample in samples) / SAMPLES


def by_sample(forgery: Forgery) -> str:
    """Whether the pieces that would find a forgery do, and how likely a minute's sample holds one of them."""
    every = {piece.name: piece for piece in sampling.pieces(random.Random(0))}
    for name in forgery.pieces:
        if sampling.check_piece(every[name])[0] == judging.BAD:
            return f"by sample, {likelihood(forgery.pieces):.0%}"
    return "no"


def by_reproduction(forgery: Forgery) -> bool:
    """Whether `make reproduce` finds a forgery: by the result forged, or by what it asks of trainings and tables."""
    entries = reproduce.tables() + reproduce.trained()
    if any(entry["verdict"] == judging.BAD for entry in entries):
        return True
    if forgery.recipe is None:
        return False
    try:
        reproduce.again(forgery.recipe, every_shard=False)
        return reproduce.judge(forgery.recipe)[0] == judging.BAD
    except PipelineError:
        return True
    finally:
        shutil.rmtree(reproduce.INTO, ignore_errors=True)


def rows(play: bool, kept: Path, names: list[str] | None = None) -> list[tuple[str, str, str, str]]:
    """What finds each forgery: its name, and whether the checks of `doit`, `make check-evidence` and `make reproduce` do."""
    before = by_doit(), by_check()
    found = []
    for forgery in forgeries():
        if names and forgery.name not in names:
            continue
        with forged(forgery, kept):
            doit, check = (bool(now - then) for now, then in zip((by_doit(), by_check()), before, strict=True))
            sampled = "always" if check else by_sample(forgery) if play and forgery.pieces else "no"
            again = "" if not play else "always" if by_reproduction(forgery) else "no"
        found.append((forgery.name, "always" if doit else "no", sampled, again))
        print("| " + " | ".join(found[-1]) + " |", flush=True)
    if (by_doit(), by_check()) != before:
        raise PipelineError("a forgery was not put back: the rows above are not to be trusted")
    return found


def copy_checkout(folder: Path) -> None:
    """Copy all files of the checkout but those that git ignores, as they lie there."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"], cwd=files.ROOT, capture_output=True, check=True
    )
    for name in filter(None, os.fsdecode(listed.stdout).split("\0")):
        if (files.ROOT / name).is_file() and not (files.ROOT / name).is_symlink():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(files.ROOT / name, folder / name)


def run_in_copy(words: list[str], folder: Path, **options) -> subprocess.CompletedProcess:
    """Run this module in a copy of the checkout below a folder, with another copy to put things back from."""
    for name in ("forged", "kept"):
        copy_checkout(folder / name)
    command_line = [sys.executable, "-m", "benchmarks.forgeries", "--kept", str(folder / "kept"), *words]
    return subprocess.run(command_line, cwd=folder / "forged", check=False, **options)


def main() -> None:
    """Copy the checkout and forge there; or, being the copy, forge."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", help="which forgeries (default: all)")
    parser.add_argument("--static", action="store_true", help="play nothing again")
    parser.add_argument("--kept", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.kept:
        print("| forgery | `doit` | `make check-evidence` | `make reproduce MINUTES=0` |\n|:--|:--|:--|:--|", flush=True)
        rows(not arguments.static, arguments.kept, arguments.names or None)
        return
    with tempfile.TemporaryDirectory() as folder:
        done = run_in_copy([*arguments.names, *(["--static"] if arguments.static else [])], Path(folder))
    if done.returncode:
        raise PipelineError("the forgeries could not all be tried")


if __name__ == "__main__":
    command.run(main)

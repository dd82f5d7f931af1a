"""Train a Trajectory Transformer on a dataset, or train a committed one further.

    python -m pipeline make training/local_tt_halfcheetah
    python -m pipeline make training/local_tt_halfcheetah --from local_tt_halfcheetah

Progress is kept after each interval: a killed run resumes, with the same options, at its last. `--from` begins with the
weights and the bins of a checkpoint, with a warm-up and a decay of its own, and what the run calls `further_`; the tokens seen
add up, in the curve too. The optimizer's moments are not in git, so they begin anew. The device is a GPU where there is one.
"""

from __future__ import annotations

from dataclasses import asdict, fields, replace
from pathlib import Path

import numpy as np
import torch

from pipeline import PipelineError, files
from pipeline.data.episodes import Episodes
from pipeline.evidence import checkpoints, recipes, records
from pipeline.graph import command
from pipeline.learning import guards, training
from pipeline.methods.trajectory_transformer import discretization
from pipeline.methods.trajectory_transformer import model as trajectory_transformer
from pipeline.methods.trajectory_transformer.discretization import QuantileDiscretizer
from pipeline.methods.trajectory_transformer.model import KINDS, Batches, TrajectoryTransformerModel
from pipeline.study import runs

HELD_OUT_SEED = 2**31
HELD_OUT_BATCHES = 8
HELD_OUT_WINDOWS = 32


def begin(run, learn: Episodes, earlier: str | None) -> tuple[TrajectoryTransformerModel, QuantileDiscretizer]:
    """First weights and bins made from the data, or both of an earlier checkpoint.

    Raises:
        CheckpointError: the earlier checkpoint cannot be used.
        PipelineError: it has another architecture.
    """
    torch.manual_seed(run.seed)
    model = trajectory_transformer.build(run, learn)
    if earlier is None:
        return model, discretization.fit(discretization.columns(learn), run.bins)
    known = checkpoints.load(earlier, TrajectoryTransformerModel)
    shapes, known_shapes = ({name: tuple(w.shape) for name, w in m.state_dict().items()} for m in (model, known))
    if shapes != known_shapes:
        other = next(name for name in sorted(shapes | known_shapes) if shapes.get(name) != known_shapes.get(name))
        raise PipelineError(
            f"{earlier} has another architecture than {run.name}: {other} is {known_shapes.get(other)}, not {shapes.get(other)}"
        )
    model.load_state_dict(known.state_dict())
    model.config.tokens_seen = known.config.tokens_seen
    saved = files.ROOT / "checkpoints" / earlier / discretization.FILE
    return model, discretization.read(saved, run.bins, model.config.transition_dim)


def going_on(run):
    """The run as `--from` goes on with it: where there is a field `further_x`, it stands for `x`."""
    further = {field.name: getattr(run, runs.FURTHER + field.name, None) for field in fields(run)}
    return replace(run, **{name: value for name, value in further.items() if value is not None})


def train(run, learn: Episodes, held_out: Episodes, earlier: str | None, work: Path):
    """Train to the end; returns the model, on the CPU and knowing the tokens it has seen, its bins, and its curve."""
    model, discretizer = begin(run, learn, earlier)
    model.to("cuda" if torch.cuda.is_available() else "cpu")
    batches, unseen = Batches(learn, run, discretizer), Batches(held_out, run, discretizer)
    optimizers = trajectory_transformer.make_optimizers(model, run)
    dtype = getattr(torch, run.precision)

    def draw(source: Batches, generator: np.random.Generator, size: int) -> dict:
        return {name: tensor.to(model.device) for name, tensor in source.draw(generator, size).items()}

    def update(generator: np.random.Generator) -> torch.Tensor:
        with torch.autocast(model.device.type, dtype, enabled=dtype != torch.float32):
            return trajectory_transformer.loss(model, draw(batches, generator, run.batch_size))

    def measure() -> dict[str, float]:
        generator = np.random.default_rng(HELD_OUT_SEED)
        found = [
            trajectory_transformer.losses_by_kind(model, draw(unseen, generator, HELD_OUT_WINDOWS))
            for _ in range(HELD_OUT_BATCHES)
        ]
        return {f"held_out_{kind}": float(np.mean([losses[kind] for losses in found])) for kind in KINDS}

    tokens_before, tokens_each = model.config.tokens_seen, run.batch_size * model.config.block_size
    further = replace(run, seed=run.seed + tokens_before)  # windows are drawn anew, not those of before once more
    curve = training.train(further, model, optimizers, update, measure, work)
    model.config.tokens_seen += run.updates * tokens_each
    curve = [{"tokens_seen": tokens_before + point["updates"] * tokens_each, **point} for point in curve]
    return model.cpu().eval(), discretizer, curve


def beginning(recipe, earlier: str | None) -> tuple[str | None, Path]:
    """What the training begins from, in words, and the file its progress is kept in, which is another for each beginning."""
    if earlier is None:
        return None, recipe.work() / "training.safetensors"
    folder = files.ROOT / "checkpoints" / earlier
    checkpoints.verify(folder)
    begun_from = f"{earlier}, sha256 {files.sha256(folder / 'model.safetensors')}"
    digest = records.values_digest([records.fingerprint(recipe), begun_from])
    return begun_from, files.ROOT / "build" / "further" / f"{recipe.name}_{digest[:12]}.safetensors"


def curve_before(earlier: str | None, tokens_seen: int) -> list[dict]:
    """The curve by which a checkpoint that has seen so many tokens came to be, empty where its evidence is not of that one."""
    recipe = recipes.TRAJECTORY_TRAININGS.get(earlier)
    if recipe is None or not recipe.path().exists():
        return []
    values = records.read(recipe.path())["values"]
    return values["curve"] if values["tokens_seen"] == tokens_seen else []


def card(run, values: dict) -> str:
    """The checkpoint's card."""
    facts = {
        "Model": f"Trajectory Transformer, {values['parameters']:,} parameters",
        "Data": f"{run.data}, less {run.held_out_episodes} held-out episodes",
        "Recipe": ", ".join(
            f"{key.replace('_', ' ')} {value}"
            for key, value in records.fields(run).items()
            if key not in ("name", "data", "method") and (values["begun_from"] or not key.startswith(runs.FURTHER))
        ),
        "Tokens seen": f"{values['tokens_seen']:,}"
        + (f", of which {values['tokens_seen_before']:,} by {values['begun_from']}" if values["begun_from"] else ""),
        "Held-out cross-entropy": ", ".join(f"{kind} {values[f'held_out_{kind}']:.3f}" for kind in KINDS)
        + f" nats a token; by chance {np.log(run.bins):.3f}",
    }
    curve = values["curve"]
    shown = curve[:-1][:: max(1, len(curve) // 10)] + curve[-1:]
    return checkpoints.card(run.name, facts, shown)


def main() -> None:
    """Train, write bins and checkpoint, then the evidence, then forget the working state."""
    parser = command.parser(__doc__, recipes.TRAJECTORY_TRAININGS)
    parser.add_argument("--from", dest="earlier", metavar="CHECKPOINT", help="train this one further (default: from nothing)")
    arguments = parser.parse_args()
    recipe = command.find(arguments.name, recipes.TRAJECTORY_TRAININGS)
    earlier = arguments.earlier
    run = going_on(recipe.run) if earlier else recipe.run
    torch.set_num_threads(1)
    begun_from, work = beginning(recipe, earlier)
    learn, held_out = training.dataset(run)
    begin(run, learn, earlier)  # another architecture is refused before what it saw is counted
    guards.refuse_lesser_training(replace(recipe, run=run), earlier)
    model, discretizer, curve = train(run, learn, held_out, earlier, work)
    tokens_before = model.config.tokens_seen - run.updates * run.batch_size * model.config.block_size
    values = {
        "updates": run.updates,
        "parameters": sum(parameter.numel() for parameter in model.parameters()),
        "tokens_seen": model.config.tokens_seen,
        "tokens_seen_before": tokens_before,
        "begun_from": begun_from,
        **{key: value for key, value in curve[-1].items() if key.startswith(("loss", "held_out"))},
        "curve": curve_before(earlier, tokens_before) + curve,
    }
    folder = files.ROOT / "checkpoints" / run.name
    model.config.training = asdict(recipe.run)
    discretization.write(folder / discretization.FILE, discretizer)
    checkpoints.write_model(folder, model, card(recipe.run, records.plain(values)))
    records.write(recipe, values)
    files.remove(work)


if __name__ == "__main__":
    command.run(main)

"""Learning curves in TensorBoard's format, of trainings that are done and of those under way."""

from __future__ import annotations

from pathlib import Path

from pipeline import PipelineError, files
from pipeline.evidence import checkpoints, records
from pipeline.learning import loop

INTO = files.ROOT / "build" / "curves"
COUNTS = ("updates", "steps")  # what a point of a curve counts, one or the other


def curve(name: str) -> list[dict]:
    """The points of a training's curve: of one under way, or stopped, those of the intervals that are done.

    Raises:
        PipelineError: no training of that name (with `_on_<dataset>` where it learned from another) is done or begun.
    """
    saved, done = loop.progress(name), files.ROOT / "results" / "training" / f"{name}.json"
    if saved.exists():
        return checkpoints.read_tensors(saved)[1]["curve"]
    if not done.exists():
        raise PipelineError(f"no training {name!r} is done or begun: `python -m pipeline list --kind training` names them")
    return records.read(done)["values"]["curve"]


def write(name: str, folder: Path) -> Path:
    """Write a training's curve as TensorBoard reads it, below a folder, in the place of what was written before.

    Returns:
        Its own folder there.

    Raises:
        PipelineError: no such training is done or begun, or tensorboardX is not installed.
    """
    try:
        from tensorboardX import SummaryWriter
    except ImportError:
        raise PipelineError("curves need tensorboardX, of the extra `curves`: pip install tensorboardX") from None
    points, place = curve(name), folder / name
    for left in place.glob("events.out.tfevents.*"):
        left.unlink()
    with SummaryWriter(str(place)) as writer:
        for point in points:
            done = next(point[count] for count in COUNTS if count in point)
            for key, value in point.items():
                if key not in COUNTS and isinstance(value, float | int):
                    writer.add_scalar(key, value, done)
    return place

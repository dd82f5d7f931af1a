"""What a checkpoint has learned from; one that saw more is not overwritten by one that saw less."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline import PipelineError, files
from pipeline.evidence.records import Recipe

if TYPE_CHECKING:
    from pipeline.study import trainings


def counted(folder: Path) -> tuple[int, int]:
    """What the model of a checkpoint's folder has learned from, tokens or else windows, and how many of these a window has; 0
    and 1 where it does not say.
    """
    try:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        trained, tokens = config.get("training") or {}, config.get("tokens_seen")
        return (int(tokens), int(config["block_size"])) if tokens else (int(trained["updates"] * trained["batch_size"]), 1)
    except (OSError, ValueError, RecursionError, AttributeError, LookupError, TypeError):
        return 0, 1


def to_be_seen(run: trainings.Training, folder: Path) -> int:
    """What a training from nothing would have seen at its end, counted as in the checkpoint of that folder."""
    return getattr(run, "updates", 0) * run.batch_size * counted(folder)[1]


def saw_more(recipe: Recipe) -> bool:
    """Whether the checkpoint that lies there saw more than training it from nothing would show it."""
    folder = files.ROOT / "checkpoints" / recipe.name
    return hasattr(recipe.run, "updates") and counted(folder)[0] > to_be_seen(recipe.run, folder)


def refuse_lesser_training(recipe: Recipe, earlier: str | None = None) -> None:
    """Raise where a training would overwrite a checkpoint that saw more.

    Args:
        earlier: the checkpoint that is trained further, None where training begins with nothing.

    Raises:
        PipelineError: it would.
    """
    folder = files.ROOT / "checkpoints" / recipe.name
    before = counted(folder.with_name(earlier))[0] if earlier else 0
    held, coming = counted(folder)[0], before + to_be_seen(recipe.run, folder)
    if held > coming:
        further = f"`--from {recipe.name}` trains it further" if hasattr(recipe.run, "further_updates") else ""
        raise PipelineError(
            f"{folder} has learned from {held:,} {'tokens' if further else 'windows'}, and this training would put one in its "
            f"place that saw {coming:,}: {further or f'remove {folder} first if that is what you want'}"
        )

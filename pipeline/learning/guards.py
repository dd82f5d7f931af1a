"""What is kept is not overwritten by something that passes for it: another dataset, or a training that saw less."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

from pipeline import PipelineError, files
from pipeline.evidence import recipes, records
from pipeline.evidence.records import Recipe

HERE = "_here"  # ends the name under which a dataset is kept that was collected anew and came out otherwise


def refuse_other_dataset(recipe: Recipe, digest: str) -> None:
    """Raise unless arrays of that SHA-256 are those that the dataset's evidence describes, where there is some of this run.

    Raises:
        PipelineError: they are others; nothing has been written yet.
    """
    path = recipe.path()
    if not path.exists():
        return
    content = records.read(path)
    known = content["values"].get("arrays_sha256_of_dataset")
    if content["run"] == records.fields(recipe.run) and known != digest:
        own = f"{recipe.name}{HERE}"
        cure = (
            f"`python -m pipeline make datasets/{own}` keeps them under a name of their own"
            if own in recipes.COLLECTIONS
            else ""
        )
        raise PipelineError(
            f"{recipe.name} came out with sha256 {digest[:12]}… where {path} describes {str(known)[:12]}…, since this machine "
            f"rounds otherwise, and nothing was written{': ' if cure else ''}{cure}"
        )


def seen(folder: Path) -> int:
    """What the model of a checkpoint's folder has learned from: tokens, or else windows; 0 where it does not say."""
    try:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        trained = config.get("training") or {}
        return int(config.get("tokens_seen") or trained["updates"] * trained["batch_size"])
    except (OSError, ValueError, RecursionError, AttributeError, LookupError, TypeError):
        return 0


def to_be_seen(run, folder: Path) -> int:
    """What a training from nothing would have seen at its end, counted as in the checkpoint of that folder."""
    try:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        tokens_each = int(config["block_size"]) if config.get("tokens_seen") else 1
    except (OSError, ValueError, RecursionError, AttributeError, LookupError, TypeError):
        tokens_each = 1
    return getattr(run, "updates", 0) * run.batch_size * tokens_each


def saw_more(recipe: Recipe) -> bool:
    """Whether the checkpoint that lies there saw more than training it from nothing would show it."""
    folder = files.ROOT / "checkpoints" / recipe.name
    return hasattr(recipe.run, "updates") and seen(folder) > to_be_seen(recipe.run, folder)


def refuse_lesser_training(recipe: Recipe, earlier: str | None = None) -> None:
    """Raise where a training would overwrite a checkpoint that saw more.

    Args:
        earlier: the checkpoint that is trained further, None where training begins with nothing.

    Raises:
        PipelineError: it would.
    """
    folder = files.ROOT / "checkpoints" / recipe.name
    before = seen(folder.with_name(earlier)) if earlier else 0
    held, coming = seen(folder), before + to_be_seen(recipe.run, folder)
    if held > coming:
        further = f"`--from {recipe.name}` trains it further" if hasattr(recipe.run, "further_updates") else ""
        raise PipelineError(
            f"{folder} has learned from {held:,} {'tokens' if further else 'windows'}, and this training would put one in its "
            f"place that saw {coming:,}: {further or f'remove {folder} first if that is what you want'}"
        )


def refuse_mixed_data(evaluations: Iterable[str]) -> None:
    """Raise unless the trainings whose checkpoints these evaluations play all read one dataset's evidence.

    Raises:
        PipelineError: two read datasets that differ; checkpoints that others trained, or none, are passed over.
    """
    read: dict[str, str] = {}
    for name in evaluations:
        training = recipes.TRAINED.get(recipes.EVALUATIONS[name].run.checkpoint)
        if training is None or not training.path().exists():
            continue
        inputs = records.read(training.path())["made"]["inputs"]
        read[training.name] = " ".join(
            digest for file, digest in sorted(inputs.items()) if file.startswith("results/datasets/")
        )
    learned = {name: digests for name, digests in read.items() if digests}
    if len(set(learned.values())) > 1:
        one, *others = learned
        other = next(name for name in others if learned[name] != learned[one])
        raise PipelineError(
            f"{one} and {other} learned from datasets that differ ({learned[one][:12]}…, {learned[other][:12]}…): "
            f"train one of them again on the other's, with `doit train:{other}`"
        )

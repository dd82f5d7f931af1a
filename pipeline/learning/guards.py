"""A dataset is not overwritten by another that passes for it, and what learned from several is not compared."""

from __future__ import annotations

from collections.abc import Iterable

from pipeline import PipelineError
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

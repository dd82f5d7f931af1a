"""A checkpoint's card for the hub: what it is, how it was trained, and what the evidence measured of it.

The layout is the hub's own (huggingface_hub's `ModelCardData`, `EvalResult`), so that its pages show the results.
"""

from __future__ import annotations

import json
from pathlib import Path

from huggingface_hub import EvalResult, ModelCard, ModelCardData

from pipeline import PipelineError, files
from pipeline.evidence import recipes, records
from pipeline.evidence.records import Recipe

OPTIONS = {  # that the library needs to play a model of a type
    "trajectory_transformer": ", beams=32, horizon=5",
    "decision_transformer": ", target_return=6000",
    "leap": ", horizon=5, iterations=10",
    "deterministic_policy": "",
}
MEASURED = {  # by kind: what is given, the ends of its interval, and the field that names the world
    "evaluations": ("return", "points of return", "environment"),
    "solved": ("success", "share of episodes solved", "level"),
}


def measured(checkpoint: str) -> list[Recipe]:
    """The evaluations and solved levels of a checkpoint, played whole as its method plays, whose evidence is at hand."""
    found = [recipe for kind in MEASURED for recipe in recipes.known().values() if recipe.kind == kind]
    return [
        recipe
        for recipe in found
        if recipe.run.checkpoint == checkpoint
        and recipe.run.trained
        and recipe.run.policy.endswith(".policy")
        and recipe.path().exists()
    ]


def result(recipe: Recipe) -> EvalResult:
    """What one run measured, with its interval."""
    values = records.read(recipe.path())["values"]
    stem, unit, world = MEASURED[recipe.kind]
    mean, low, high = (values[f"{stem}_{end}"] for end in ("mean", "low", "high"))
    said = f"{recipe.about}: {unit}, 95% interval {low:g} to {high:g} ({recipe.kind}/{recipe.name})"
    return EvalResult(
        task_type="reinforcement-learning",
        task_name="offline reinforcement learning",
        dataset_type=getattr(recipe.run, world),
        dataset_name=getattr(recipe.run, world),
        metric_type="mean_reward" if stem == "return" else "success_rate",
        metric_name=said,
        metric_value=mean,
    )


def card(checkpoint: str) -> ModelCard:
    """The card of a checkpoint in `checkpoints/`.

    Raises:
        PipelineError: there is no such checkpoint.
    """
    folder = files.ROOT / "checkpoints" / checkpoint
    if not (folder / "README.md").is_file():
        raise PipelineError(f"there is no checkpoint {folder}")
    results = [result(recipe) for recipe in measured(checkpoint)]
    data = ModelCardData(
        model_name=checkpoint if results else None,
        license="mit",
        library_name="sequence_rl",
        pipeline_tag="reinforcement-learning",
        tags=["offline-reinforcement-learning", "sequence-modeling"],
        eval_results=results or None,
    )
    rows = [f"| {each.dataset_name} | {each.metric_value:g} | {each.metric_name} |" for each in results]
    table = ["", "## Measured", "", "| in | mean | of what |", "|:--|--:|:--|", *rows, ""] if rows else []
    trained = files.read_text(folder / "README.md")
    return ModelCard(f"---\n{data.to_yaml()}\n---\n\n{trained}" + "\n".join(table) + use(folder))


def use(folder: Path) -> str:
    """How a checkpoint is loaded by the library, as a section; empty where that does not play it."""
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    told_returns = (config.get("training") or {}).get("method") == "return_conditioned_cloning"
    if config["model_type"] not in OPTIONS or config.get("causal") or told_returns:
        return ""
    load = f'policy = sequence_rl.load_policy("checkpoints/{folder.name}"{OPTIONS[config["model_type"]]})'
    where = "From a folder; of the hub, by this repository's name and a commit (`revision=`)."
    return f"\n## Use\n\n{where}\n\n```python\nimport sequence_rl\n\n{load}\n```\n"


def write(checkpoint: str, path: Path) -> None:
    """Write a checkpoint's card."""
    files.write_text(path, str(card(checkpoint)))

"""Fetch a published checkpoint from the Hugging Face hub, at the commit and with the bytes that `hub.lock` records.

    python -m pipeline make fetched/hub_dt_halfcheetah

Downloads lie in the hub client's cache; the checkpoint, in this project's own form, in `checkpoints/`, which git ignores. The
evidence says what it is and where it comes from.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline import files
from pipeline.evidence.records import Found, Recipe
from pipeline.hub import published

if TYPE_CHECKING:
    from pipeline.study.trainings import PublishedCheckpoint


def describe(run: PublishedCheckpoint) -> dict:
    """What was fetched: repository, commit, sums, what it was trained on, and how large it is."""
    folder = files.ROOT / "checkpoints" / run.name
    made_from = json.loads((folder / published.CONFIG).read_text(encoding="utf-8"))["published"]
    tensors, _ = published.checkpoints.read_tensors(folder / "model.safetensors")
    return {
        "repository": run.repository,
        "commit": made_from["commit"],
        "published_sha256": made_from["sha256"],
        "trained_on": run.trained_on,
        "data_sha256": made_from.get("data_sha256"),
        "parameters": sum(tensor.numel() for tensor in tensors.values()),
    }


def make(recipe: Recipe, into: Path = files.ROOT) -> Found:
    """One checkpoint, fetched unless it is here; what it is."""
    published.ensure(recipe.name)
    return Found(describe(recipe.run))

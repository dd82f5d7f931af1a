"""Arrays that belong to a piece of evidence: `.npz` beside it, without pickles, named by their sha256."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import numpy as np

from pipeline import files
from pipeline.evidence import records
from pipeline.evidence.records import EvidenceError, Recipe


def path(recipe: Recipe, root: Path = files.ROOT) -> Path:
    """Where a recipe's arrays lie: its only output."""
    (output,) = recipe.outputs
    return Path(root) / output


def write(recipe: Recipe, values: dict, arrays: dict[str, np.ndarray], root: Path = files.ROOT) -> Path:
    """Write the arrays, then the evidence that names their sha256, each whole. Returns the evidence's path."""
    buffer = io.BytesIO()
    np.savez_compressed(buffer, allow_pickle=False, **arrays)
    files.write_bytes(path(recipe, root), buffer.getvalue())
    return records.write(recipe, values, root)


def read(recipe: Recipe, root: Path = files.ROOT) -> dict[str, np.ndarray]:
    """The arrays beside a piece of evidence.

    Raises:
        EvidenceError: they are missing or cannot be read.
    """
    try:
        with np.load(path(recipe, root), allow_pickle=False) as stored:
            return dict(stored)
    except (OSError, ValueError, zipfile.BadZipFile) as error:
        raise EvidenceError(f"{path(recipe, root)} cannot be read ({error}): `doit` mends it") from None

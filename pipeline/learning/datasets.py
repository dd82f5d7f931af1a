"""The dataset that a training learns from, which must be the one its evidence describes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline import PipelineError, files
from pipeline.data import episodes
from pipeline.data.episodes import Episodes
from pipeline.evidence import recipes, records
from pipeline.learning.held_out import check_size
from pipeline.worlds.world import find_world

if TYPE_CHECKING:
    from pipeline.study import trainings


def whole_dataset(run: trainings.Training) -> Episodes:
    """The run's episodes, those to be held out at their end.

    Raises:
        PipelineError: the dataset cannot be read, is not the one its evidence describes, or is too small.
    """
    collection = recipes.COLLECTIONS[run.data]
    whole = episodes.read(files.ROOT / "data" / f"{run.data}.hdf5", find_world(collection.run.environment))
    known = records.read(collection.path())["values"]["arrays_sha256_of_dataset"]
    if episodes.sha256(whole) != known:
        described = f"results/datasets/{run.data}.json describes"
        raise PipelineError(f"data/{run.data}.hdf5 is not the dataset that {described}: collect it again")
    check_size(run, run.data, len(whole), int(whole.lengths.max()))
    return whole

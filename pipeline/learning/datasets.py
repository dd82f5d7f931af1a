"""What trainings learn from: a dataset, the last episodes of which are held out."""

from __future__ import annotations

from pipeline import PipelineError, files
from pipeline.data import episodes
from pipeline.data.episodes import Episodes
from pipeline.evidence import recipes, records


def whole_dataset(run) -> Episodes:
    """The run's episodes, those to be held out at their end.

    Raises:
        PipelineError: the dataset cannot be read, is not the one its evidence describes, or is too small.
    """
    whole = episodes.read(files.ROOT / "data" / f"{run.data}.hdf5")
    known = records.read(recipes.COLLECTIONS[run.data].path())["values"]["arrays_sha256_of_dataset"]
    if episodes.sha256(whole) != known:
        described = f"results/datasets/{run.data}.json describes"
        raise PipelineError(f"data/{run.data}.hdf5 is not the dataset that {described}: collect it again")
    check_size(run, run.data, len(whole), whole.rewards.shape[1])
    return whole


def check_size(run, data: str, episodes: int, steps: int) -> None:
    """Raise PipelineError unless a dataset leaves episodes to learn from, and a window fits into one, where windows must."""
    if episodes <= run.held_out_episodes:
        held_out = f"{run.name} holds out {run.held_out_episodes}"
        raise PipelineError(f"{data} has {episodes} episodes and {held_out}, so none is left to learn from")
    if steps < (window := getattr(run, "transitions", 1)):
        raise PipelineError(f"{data} has episodes of {steps} transitions and {run.name} learns from windows of {window}")


def split(whole, run) -> tuple:
    """Episodes, or demonstrations, to learn from, and the last ones, held out."""
    learnt = len(whole) - run.held_out_episodes
    return whole[:learnt], whole[learnt:]

"""Fetch a published dataset, or take a file of it that is already here, into `data/` in this project's form.

    python -m pipeline make datasets/d4rl-halfcheetah-medium-v2
    python -m pipeline make datasets/d4rl-halfcheetah-medium-v2 --file ~/.d4rl/datasets/halfcheetah_medium-v2.hdf5
    python -m pipeline make datasets/mujoco/halfcheetah/medium-v0

Some hundred megabytes, with progress; a download that breaks is taken up by the same command. Minari's datasets are read where
its library keeps them, and fetched by it. The first time a dataset is seen, it is held to what is known of its returns, and its
sha256 is recorded in `hub.lock`, to be committed; from then on a file with another one is refused.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from pipeline import PipelineError, files
from pipeline.data import d4rl, downloads, episodes, minari_files
from pipeline.data.episodes import Episodes, EpisodesError
from pipeline.data.normalization import observation_statistics
from pipeline.evidence.records import Found, Recipe
from pipeline.hub import client
from pipeline.study import runs
from pipeline.worlds.world import World, find_world

if TYPE_CHECKING:
    from pipeline.study.trainings import MinariDataset, PublishedDataset

TOLERANCE = 0.5  # of a return, whichever way its standard deviation is counted


def original(run: PublishedDataset | MinariDataset) -> Path:
    """Where a downloaded file is kept, as it came."""
    return files.ROOT / "data" / "downloads" / f"{run.name}.hdf5"


def obtain(run: PublishedDataset | MinariDataset) -> tuple[Path, bool]:
    """Where a dataset's file lies, downloaded if need be, and whether it is somebody else's to keep: the user's or Minari's.

    Raises:
        PipelineError: it cannot be had.
    """
    if isinstance(run, runs.MinariDataset):
        print(
            f"warning: {run.identifier} is Minari's, not D4RL's: recorded in {run.environment} by another algorithm; "
            "figures published for D4RL's dataset say nothing of it",
            file=sys.stderr,
        )
        return minari_files.obtain(run.identifier), True
    try:
        downloads.download(run.address, original(run))
    except downloads.DownloadError as error:
        raise downloads.DownloadError(f"{error}, or take a file of it that lies elsewhere with `--file PATH`") from None
    return original(run), False


def read(run: PublishedDataset | MinariDataset, path: Path) -> tuple[Episodes, int]:
    """The episodes of a file, and how many transitions of an unfinished one were left out."""
    world = find_world(run.environment)
    return (minari_files.read(path, world), 0) if isinstance(run, runs.MinariDataset) else d4rl.read(path, world)


def check(run: PublishedDataset | MinariDataset, path: Path, own: bool) -> str:
    """The file's SHA-256, which is the recorded one where there is one; a download that is not is removed.

    Raises:
        PipelineError: it is another.
    """
    digest, known = files.sha256(path), client.read_lock()["datasets"].get(run.name, {}).get("sha256")
    if known in (None, digest):
        return digest
    if not own:
        path.unlink()
    done = "was not taken" if own else "was removed; give the same command again, and do not trust a file that differs twice"
    raise PipelineError(f"{path} has sha256 {digest[:12]}… where hub.lock records {known[:12]}… for {run.name}: it {done}")


def check_known(run: PublishedDataset | MinariDataset, path: Path, whole: Episodes) -> None:
    """Raise EpisodesError unless a dataset is the one its name says, by what is known of that one."""
    known = getattr(run, "known", None)
    if known is None:
        return
    expected = (known.episodes, find_world(run.environment).episode_steps, known.mean, known.sd, known.minimum)
    returns = whole.returns
    found = (len(whole), whole.lengths.max(), returns.mean(), returns.std(), returns.min())
    if not np.allclose(found, expected, rtol=0, atol=TOLERANCE):
        said, wanted = (
            "{} episodes of {} steps, returns {:.2f} ± {:.2f}, at least {:.2f}".format(*each) for each in (found, expected)
        )
        raise EpisodesError(f"{path} is not {run.name}: it holds {said}, where {wanted} are known")


def take(run: PublishedDataset | MinariDataset, path: Path, own: bool) -> tuple[Episodes, dict]:
    """The episodes of a file, and what the lock should say of it.

    Raises:
        PipelineError: it is another than the recorded one.
        EpisodesError: it is no such dataset; a download is then removed.
    """
    digest = check(run, path, own)
    try:
        whole, left = read(run, path)
        check_known(run, path, whole)
    except EpisodesError as error:
        if own:
            raise
        path.unlink(missing_ok=True)
        raise EpisodesError(f"{error}; it was removed, and the same command fetches it again") from None
    if left:
        print(f"{left} transitions of an unfinished episode at the end of {path.name} are left out")
    return whole, {"sha256": digest, "bytes": path.stat().st_size, "arrays_sha256": episodes.sha256(whole)}


def statistics(whole: Episodes, world: World) -> dict:
    """What the dataset is: size, returns, normalized scores, and each observation dimension's mean and deviation."""
    returns = whole.returns
    mean, std = observation_statistics(whole.observations[whole.valid])
    return {
        "episodes": len(whole),
        "steps": whole.lengths.max(),
        "transitions": whole.lengths.sum(),
        "return_mean": returns.mean(),
        "return_sd": returns.std(ddof=1) if len(whole) > 1 else 0.0,
        "return_min": returns.min(),
        "return_max": returns.max(),
        "score_mean": world.normalized_score(returns.mean()),
        "score_max": world.normalized_score(returns.max()),
        "observation_mean": np.asarray(mean),
        "observation_std": np.asarray(std),
        "action_std": whole.actions[whole.valid].std(axis=0),
        "arrays_sha256_of_dataset": episodes.sha256(whole),
    }


def make(recipe: Recipe, into: Path = files.ROOT, file: Path | None = None) -> Found:
    """One dataset, fetched or taken from `file`, checked, recorded and written; its statistics."""
    run = recipe.run
    if file and not file.is_file():
        raise PipelineError(f"{file} is no file")
    path, own = (file, True) if file else obtain(run)
    whole, entry = take(run, path, own)
    if run.name not in client.read_lock()["datasets"]:
        client.record("datasets", run.name, entry)
        print(f"seen for the first time: {run.name} has sha256 {entry['sha256']}, now in hub.lock; commit it")
    episodes.write(files.ROOT / "data" / f"{run.name}.hdf5", whole, {"name": run.name, "environment": run.environment})
    return Found(statistics(whole, find_world(run.environment)))

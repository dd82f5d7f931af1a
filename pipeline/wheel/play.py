"""Play whole episodes by the files that run in the reader's browser, and keep every return.

    python -m pipeline make wheel/local_dt_halfcheetah_6000

Node runs the same JavaScript and WebAssembly as a browser does, which rounds alike everywhere; so the returns repeat to the
last digit, whatever the machine. They are not the evaluation's of the same seeds, though the start states are: models and
simulator differ in their last digits, which the simulator amplifies.
"""

from __future__ import annotations

import subprocess
from pathlib import Path

from tqdm import tqdm

from pipeline import PipelineError, files
from pipeline.evidence import records
from pipeline.evidence.records import Found, Recipe
from pipeline.statistics import summaries


def play(driver: str, episodes: int) -> list[float]:
    """The returns of a driver's episodes, in the order of the start states.

    Raises:
        PipelineError: there is no node, or it fails.
    """
    words = ["node", "wheel/play.mjs", driver, str(episodes)]
    try:
        with subprocess.Popen(words, cwd=files.ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as node:
            returns = [float(line) for line in tqdm(node.stdout, total=episodes, unit="episode", desc=driver)]
            said = node.stderr.read()
    except FileNotFoundError:
        raise PipelineError("there is no program node, which plays as browsers do: install nodejs") from None
    if node.returncode:
        reason = next((line for line in said.splitlines() if "Error" in line), f"exit status {node.returncode}")
        raise PipelineError(f"node could not play {driver}: {reason} (`npm ci` installs the simulator)")
    return returns


def make(recipe: Recipe, into: Path = files.ROOT) -> Found:
    """The returns of one driver's episodes."""
    returns = records.plain(play(recipe.run.driver, recipe.run.episodes))  # as they are kept, for what follows from them
    return Found(summaries.derived(recipe, {"returns": returns}, into))

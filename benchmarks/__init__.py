"""How fast the house is: each benchmark is a module, `python -m benchmarks.<name>`; see README.md for figures.

Every figure is a ratio or a median within one run, after a warm-up: what is compared takes turns, so that a busy machine is
busy for all of them.
"""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Callable

from pipeline.evidence import machines

ROUNDS = 7


def take_turns(contenders: dict[str, Callable[[], object]], rounds: int = ROUNDS) -> dict[str, list[float]]:
    """Seconds of each contender in each round; a round before them all is not counted."""
    seconds: dict[str, list[float]] = {name: [] for name in contenders}
    for counted in [False] + [True] * rounds:
        for name, contender in contenders.items():
            began = time.perf_counter()
            contender()
            if counted:
                seconds[name].append(time.perf_counter() - began)
    return seconds


def median(seconds: list[float]) -> str:
    """Median with the lowest and highest, in milliseconds."""
    low, middle, high = (1000 * value for value in (min(seconds), statistics.median(seconds), max(seconds)))
    return f"{middle:.3g} ms ({low:.3g} to {high:.3g})"


def machine() -> str:
    """The processor, how many of its cores there are, and how busy they were in the last minute."""
    return f"{machines.processor()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}"

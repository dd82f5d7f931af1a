"""Write the states in which the browser's episodes begin: those of the evaluations' seeds.

python -m pipeline.wheel.starts
"""

from __future__ import annotations

import json

from pipeline import files
from pipeline.worlds import environments
from pipeline.worlds.world import HALFCHEETAH

SEEDS = range(100, 112)  # as many as the longest evaluation that a driver stands beside
TARGET = "assets/wheel/starts.json"


def starts() -> list[dict]:
    """Positions (9,) and velocities (9,) of HalfCheetah after a reset with each seed."""
    simulator = environments.make(HALFCHEETAH.identifier)
    found = []
    for seed in SEEDS:
        simulator.reset(seed=seed)
        data = simulator.unwrapped.data
        found.append({"seed": seed, "positions": data.qpos.tolist(), "velocities": data.qvel.tolist()})
    simulator.close()
    return found


def main() -> None:
    """Write them, one a line."""
    lines = ",\n".join(json.dumps(start) for start in starts())
    files.write_text(files.ROOT / TARGET, f"[\n{lines}\n]\n")


if __name__ == "__main__":
    main()

"""Draw what LEAP sees: a level's grid by minigrid's own artist, and the path that a plan would take on it."""

from __future__ import annotations

import numpy as np
from minigrid.core.constants import STATE_TO_IDX
from minigrid.core.grid import Grid

STEPS = np.array([(1, 0), (0, 1), (-1, 0), (0, -1)])  # direction 0 right, 1 down, 2 left, 3 up
TURNS = {0: -1, 1: 1}
FORWARD = 2
EMPTY, DOOR, OPEN = 1, 4, STATE_TO_IDX["open"]


def crop(image: np.ndarray) -> np.ndarray:
    """A canvas (SIZE, SIZE, 3) without what lies outside the grid."""
    side = int((image[:, 0, 0] != 0).sum())
    return image[:side, :side]


def picture(image: np.ndarray, pose: np.ndarray, tile: int) -> np.ndarray:
    """Pixels (height, width, 3) uint8 of an image from `pipeline.worlds.levels.Views` and the agent, `tile` pixels a cell."""
    grid, _ = Grid.decode(crop(image))
    return grid.render(tile, tuple(map(int, pose[:2])), int(pose[2]))


def enterable(cell: np.ndarray) -> bool:
    """Whether an agent can step onto a cell (object, color, state): it is empty, or an open door."""
    return cell[0] == EMPTY or (cell[0] == DOOR and cell[2] == OPEN)


def path(image: np.ndarray, pose: np.ndarray, plan: np.ndarray) -> np.ndarray:
    """Cells (step + 1, 2), x and y, on which an agent stands before a plan and after each of its actions.

    Turns and steps alone move it; a plan ends at -1. Pushing against what is not enterable leaves it where it is.
    """
    place, direction, cells = pose[:2].copy(), int(pose[2]), [pose[:2].copy()]
    for action in plan[plan >= 0]:
        direction = (direction + TURNS.get(int(action), 0)) % 4
        ahead = place + STEPS[direction]
        if action == FORWARD and enterable(image[tuple(ahead)]):
            place = ahead
        cells.append(place.copy())
    return np.array(cells)

"""Draw a walk on a BabyAI grid as a moving picture, with what is left of the plan, and a poster for readers who want no motion.

    python -m pipeline make pictures/leap_baby_ai_maze

Nothing is simulated here; what was seen and planned comes from `results/walks/`.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from pipeline import files
from pipeline.evidence import arrays, recipes, records
from pipeline.graph import command
from pipeline.show import animate
from pipeline.worlds import grids

MILLISECONDS = 180  # a step
PLAN = (255, 255, 255)


def frame(image: np.ndarray, pose: np.ndarray, plan: np.ndarray, tile: int) -> np.ndarray:
    """Pixels (height, width, 3) uint8 of the grid, the agent, and the path of its plan."""
    drawn = Image.fromarray(grids.picture(image, pose, tile))
    pen = ImageDraw.Draw(drawn)
    centres = [tuple((cell + 0.5) * tile) for cell in grids.path(image, pose, plan)]
    pen.line(centres, fill=PLAN, width=max(2, tile // 8))
    for x, y in centres[1:]:
        pen.ellipse((x - tile / 7, y - tile / 7, x + tile / 7, y + tile / 7), fill=PLAN)
    return np.asarray(drawn)


def main() -> None:
    """Draw one walk, then write down what it was made from."""
    parser = command.parser(__doc__, recipes.GRID_ANIMATIONS)
    parser.add_argument("--into", type=Path, default=files.ROOT, help="write below this folder")
    arguments = parser.parse_args()
    recipe = command.find(arguments.name, recipes.GRID_ANIMATIONS, arguments.into)
    run = recipe.run
    walk = arrays.read(recipes.WALKS[run.walk])
    frames = [frame(*seen, run.tile) for seen in zip(walk["images"], walk["poses"], walk["plans"], strict=True)]
    pictures = [animate.gif(frames, milliseconds=MILLISECONDS), animate.png(frames[0])]
    for output, content in zip(recipe.outputs, pictures, strict=True):
        files.write_bytes(arguments.into / output, content)
    facts = {
        "width": frames[0].shape[1],
        "height": frames[0].shape[0],
        "bytes": len(pictures[0]),
        "frames": len(frames),
        "seconds": len(frames) * MILLISECONDS / 1000,
    }
    records.write(recipe, facts, arguments.into)


if __name__ == "__main__":
    command.run(main)

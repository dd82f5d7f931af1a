"""Draw a walk on a BabyAI grid as a moving picture, with its mission, what is left of the plan, and a ring around the object
that the mission names; a poster for readers who want no motion.

    python -m pipeline make pictures/leap_baby_ai_maze

Nothing is simulated here; what was seen and planned comes from `results/walks/`.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from minigrid.core.constants import COLOR_TO_IDX, OBJECT_TO_IDX
from PIL import Image, ImageDraw, ImageFont

from pipeline import files
from pipeline.evidence import arrays, recipes, records
from pipeline.evidence.records import Found, Recipe
from pipeline.show import animate
from pipeline.worlds import grids

MILLISECONDS = 180  # a step
PLAN = (255, 255, 255)
GOAL = (230, 159, 0)
HEADER = 28  # pixels above the grid, for the mission


def goals(image: np.ndarray, mission: str) -> np.ndarray:
    """Cells (object, 2), x and y, of what a mission such as "go to the grey key" names by color and kind, if it does."""
    *_, color, kind = mission.split()
    return np.argwhere((image[..., 0] == OBJECT_TO_IDX.get(kind, -1)) & (image[..., 1] == COLOR_TO_IDX.get(color, -1)))


def end(walk: dict[str, np.ndarray]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Image, pose and empty plan after a walk's last action: what is recorded lies before each of them."""
    image, pose, last = walk["images"][-1], walk["poses"][-1], walk["actions"][-1:]
    place = grids.path(image, pose, last)[-1]
    direction = (pose[2] + grids.TURNS.get(int(last[0]), 0)) % 4
    return image, np.array([*place, direction]), np.array([], dtype=int)


def frame(image: np.ndarray, pose: np.ndarray, plan: np.ndarray, tile: int, mission: str) -> np.ndarray:
    """Pixels (height, width, 3) uint8 of the mission and, below it, the grid, the agent, its goal and the path of its plan.

    Args:
        image: the grid, as `pipeline.worlds.levels.Views` has it for one episode.
        pose: the agent's, likewise.
        plan: (action,), what is left of it, then -1.
        tile: a cell's side, in pixels.
        mission: in words.
    """
    drawn = Image.fromarray(grids.picture(image, pose, tile))
    pen = ImageDraw.Draw(drawn)
    for x, y in goals(image, mission) * tile:
        pen.ellipse((x - tile / 4, y - tile / 4, x + tile * 5 / 4, y + tile * 5 / 4), outline=GOAL, width=max(2, tile // 8))
    centres = [tuple((cell + 0.5) * tile) for cell in grids.path(image, pose, plan)]
    pen.line(centres, fill=PLAN, width=max(2, tile // 8))
    for x, y in centres[1:]:
        pen.ellipse((x - tile / 7, y - tile / 7, x + tile / 7, y + tile / 7), fill=PLAN)
    framed = Image.new("RGB", (drawn.width, drawn.height + HEADER), "white")
    framed.paste(drawn, (0, HEADER))
    ImageDraw.Draw(framed).text((6, 4), mission, fill="#222222", font=ImageFont.load_default(animate.FONT_SIZE))
    return np.asarray(framed)


def make(recipe: Recipe, into: Path = files.ROOT) -> Found:
    """One walk as a moving picture, written; its size and duration."""
    run, source = recipe.run, recipes.WALKS[recipe.run.walk]
    walk, mission = arrays.read(source), records.read(source.path())["values"]["mission"]
    seen = [*zip(walk["images"], walk["poses"], walk["plans"], strict=True), end(walk)]
    frames = [frame(*step, run.tile, mission) for step in seen]
    pictures = [animate.gif(frames, milliseconds=MILLISECONDS), animate.png(frames[0])]
    return animate.keep(recipe, frames, pictures, MILLISECONDS, into)

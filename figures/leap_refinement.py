"""How LEAP revises: a plan on its grid as it is refined (dotted: the goal), and the energy of all plans by iteration."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from figures import style
from pipeline.worlds import grids

SHOWN = (0, 1, 5, 30)  # actions chosen again
SIGNS = {0: "↺", 1: "↻", 2: "↑", 3: "P", 4: "D", 5: "T"}  # left, right, forward, pickup, drop, toggle
TILE = 32
PATH = style.YELLOW  # seen on a black floor
NATS = (0.01, 0.1, 1, 10)
SAMPLERS = {"argmax": ("likeliest action", style.BLUE), "gibbs": ("Gibbs sampling, cooling", style.ORANGE)}


def draw(figure: Figure, data: dict) -> None:
    """Above: one plan after 0, 1, 5 and 30 revisions, with its energy. Below: mean energy by iteration, on two levels."""
    levels = list(data.values())
    phone = style.narrow(figure)
    above, below = figure.subfigures(2, 1, height_ratios=(1.15, 1) if phone else (1, 1.05))
    example = levels[0]["arrays"]
    grid = above.subplots(2, 2) if phone else above.subplots(1, len(SHOWN))
    for part, axes in enumerate(grid.flat):
        plan_on_grid(axes, example, part)
    panels = below.subplots(*((len(levels), 1) if phone else (1, len(levels))), sharey=True)
    for axes, values in zip(panels, levels, strict=True):
        curves(axes, values)
        axes.set_title(f"{'one room' if 'least_energy' in values else 'nine rooms'}, plans of {values['horizon']} actions")
        axes.set_ylabel("energy of a plan, nats" if phone or axes is panels[0] else "")


def pixels(data: dict) -> np.ndarray:
    """The grid that the plan is for; its path is drawn over it."""
    example = next(iter(data.values()))["arrays"]
    grid = grids.picture(example["image"], example["pose"], TILE)
    return np.dstack([grid, np.full(grid.shape[:2], 255, np.uint8)])


def plan_on_grid(axes, example: dict[str, np.ndarray], part: int) -> None:
    """The grid with the path of the plan after so many revisions, and its actions in signs."""
    revisions = SHOWN[part]
    plan, energy = example["history"][revisions], example["energies"][revisions]
    height, width = (TILE * side for side in grids.picture(example["image"], example["pose"], 1).shape[:2])
    style.plate(axes, (0, width, height, 0))
    cells = (grids.path(example["image"], example["pose"], plan) + 0.5) * TILE
    axes.plot(*cells.T, color=PATH, lw=2, marker="o", ms=2.5)
    corner = example["goal"] * TILE
    axes.add_patch(Rectangle(corner, TILE - 1, TILE - 1, fill=False, color=PATH, lw=1, ls=":"))
    axes.set(xticks=[], yticks=[], xlim=(0, width), ylim=(height, 0), box_aspect=height / width)
    axes.set_title("filled in at once" if not revisions else f"{revisions} revision{'s' if revisions > 1 else ''}")
    axes.set_xlabel(
        f"{' '.join(SIGNS[int(action)] for action in plan)}\nenergy {energy:.2f}", fontsize=style.SMALL, color=style.INK
    )


def curves(axes, values: dict) -> None:
    """Mean energy against revisions for each sampler, with intervals over plans, and the least there is where it is known."""
    for sampler, (label, color) in SAMPLERS.items():
        energy = values["samplers"][sampler]["energy"]
        steps = np.arange(len(energy))
        axes.fill_between(
            steps, [point["low"] for point in energy], [point["high"] for point in energy], color=color, alpha=0.2, lw=0
        )
        axes.plot(steps, [point["mean"] for point in energy], color=color, label=label)
    if "least_energy" in values:
        least = values["least_energy"]["mean"]
        axes.axhline(least, color=style.GREY, lw=1, ls="--", label="least of all plans")
    axes.set(xlabel="actions chosen again", yscale="log", xlim=(0, len(energy) - 1), ylim=(0.01, 50))
    axes.set_yticks(NATS, [f"{tick:g}" for tick in NATS])
    axes.set_yticks([], minor=True)
    axes.legend()


if __name__ == "__main__":
    style.make("leap_refinement", draw, 6.6, 12.4, pixels=pixels)

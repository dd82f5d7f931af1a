"""What all pictures share: colours, the style file, reading evidence, and saving with its making.

Colours are Okabe and Ito's, told apart by colour-blind readers; each also differs in lightness, for print in grey.
"""

from __future__ import annotations

import argparse
import io
import sys
from collections.abc import Callable
from pathlib import Path

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure
from PIL import Image

from pipeline import files
from pipeline.evidence import arrays, recipes, records
from pipeline.graph import command

BLUE, ORANGE, GREEN, PINK, YELLOW, SKY = "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9"
INK, GREY, PALE = "#222222", "#767676", "#D9D9D9"
TOKEN_COLORS = {"return": ORANGE, "state": BLUE, "observation": BLUE, "action": GREEN, "reward": YELLOW, "value": PINK}


def data_of(recipe) -> dict[str, dict]:
    """Values of the evidence a figure reads, by `kind/name`; arrays of a piece of evidence lie under its `arrays`."""
    known = recipes.known()
    data = {}
    for name in recipe.run.reads:
        content = records.read(known[name].path())
        data[name] = {"run": content["run"], **content["values"]}
        if any(output.endswith(".npz") for output in known[name].outputs):
            data[name]["arrays"] = arrays.read(known[name])
    return data


def whiskers(points: list[dict], stem: str = "") -> tuple[np.ndarray, np.ndarray]:
    """Means (point,) and how far their intervals reach below and above (2, point), from `<stem>mean`, `<stem>low` and so on."""
    mean, low, high = (np.array([point[f"{stem}{end}"] for point in points]) for end in ("mean", "low", "high"))
    return mean, np.stack([mean - low, high - mean])


def data_band(axes, dataset: dict) -> None:
    """The data's returns across the picture: their mean as a line, one standard deviation to each side as a band."""
    mean, deviation = dataset["return_mean"], dataset["return_sd"]
    axes.axhspan(mean - deviation, mean + deviation, color=PALE, lw=0)
    axes.axhline(mean, color=GREY, lw=1)


def make(name: str, draw: Callable[[Figure, dict], None], width: float, height: float) -> None:
    """Draw the figure of that name, `width` by `height` inches, save it, and write down what it was made from.

    Bytes repeat within one environment: no pyplot, no software name in the file.
    """

    def main() -> None:
        parser = argparse.ArgumentParser(description=sys.modules["__main__"].__doc__)
        parser.add_argument("name", nargs="?", choices=[name], help="the figure's name, which may be left out")
        parser.add_argument("--into", type=Path, default=files.ROOT, help="write below this folder")
        root = parser.parse_args().into
        recipe = command.find(name, recipes.FIGURES, root)
        with mpl.rc_context(fname=files.ROOT / "figures" / "post.mplstyle"):
            figure = Figure(figsize=(width, height))
            draw(figure, data_of(recipe))
            buffer = io.BytesIO()
            figure.savefig(buffer, format="png", metadata={"Software": None})
        files.write_bytes(root / recipe.outputs[0], buffer.getvalue())
        records.write(recipe, picture_facts(buffer.getvalue()), root)

    command.run(main)


def picture_facts(content: bytes) -> dict:
    """Size of a picture in pixels and bytes, for the page."""
    with Image.open(io.BytesIO(content)) as image:
        return {"width": image.width, "height": image.height, "bytes": len(content)}

"""What all pictures share: colors, the style file, reading evidence, and saving with its making.

Colors are Okabe and Ito's, told apart by color-blind readers; each also differs in lightness, for print in grey. Words are
written in darker ones (`WORDS`), which stand out from paper. A picture is drawn twice: for columns of text, and for a phone,
where its panels stand below one another (`panels`). A unit is a CSS pixel there, so no label is smaller than SMALL of them.
What has many pixels of its own, a map or a grid, is a PNG beside both, around which they draw axes and words (`plate`).
"""

from __future__ import annotations

import argparse
import io
import re
import sys
from collections.abc import Callable
from pathlib import Path

import matplotlib as mpl
import numpy as np
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.text import Text
from PIL import Image

from figures import svg
from pipeline import files
from pipeline.evidence import arrays, recipes, records
from pipeline.graph import command

BLUE, ORANGE, GREEN, PINK, YELLOW, SKY = "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9"
INK, GREY, PALE = "#222222", "#767676", "#D9D9D9"
TOKEN_COLORS = {"return": ORANGE, "state": BLUE, "observation": BLUE, "action": GREEN, "reward": YELLOW, "value": PINK}


WORDS = {
    BLUE: "#0067A1",
    ORANGE: "#B04A00",
    GREEN: "#007556",
    PINK: "#A0477A",
    YELLOW: "#8A6100",
    SKY: "#20739F",
    GREY: "#59616A",
}
VARIABLES = {  # of the page's style sheet, for what is drawn in SVG
    BLUE: "state",
    ORANGE: "return",
    GREEN: "action",
    PINK: "value",
    YELLOW: "reward",
    SKY: "sky",
    GREY: "soft",
    PALE: "rule",
    INK: "ink",
    "#FFFFFF": "paper",
    **{
        word: f"{name}-word"
        for word, name in zip(WORDS.values(), ("state", "return", "action", "value", "reward", "sky"), strict=False)
    },
    WORDS[GREY]: "soft",
}
SMALL = 11.5  # the smallest words
KINDS = ("wide", "narrow", "pixels")  # of a figure's files, in order
WIDE, NARROW = 8.6, 4.3  # inches: 619 and 310 units


def data_of(recipe: records.Recipe) -> dict[str, dict]:
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


def narrow(figure: Figure) -> bool:
    """Whether a picture is drawn for a phone."""
    return figure.get_figwidth() < WIDE / 1.5


def panels(figure: Figure, count: int, within=None, **options):
    """So many panels side by side, below one another on a phone; within a part of the figure if it is given."""
    place = within or figure
    if not narrow(figure):
        return place.subplots(1, count, **options)
    stacked = {"width_ratios": "height_ratios", "sharey": "sharey"}
    return place.subplots(count, 1, **{stacked[name]: value for name, value in options.items()})


def dots(axes, x, y, color: str, size: float, alpha: float = 0.7) -> None:
    """Many dots as one path: lines of no length with round ends.

    Args:
        axes: drawn on.
        x: (dot,), or one number for all.
        y: (dot,).
        color: of all.
        size: their diameter, in points.
        alpha: how opaque they are.
    """
    places = np.stack([np.broadcast_to(x, np.shape(y)), y], axis=-1)
    path = np.concatenate([places[:, None], places[:, None], np.full((len(places), 1, 2), np.nan)], axis=1).reshape(-1, 2)
    axes.plot(*path.T, color=color, lw=size, alpha=alpha, solid_capstyle="round")


def key(axes) -> None:
    """What full and hollow marks and the dashed line are, of shares of a trained and an untrained network."""
    marks = (("trained", {"marker": "o", "color": INK}), ("untrained", {"marker": "s", "color": GREY, "mfc": "white"}))
    for label, shape in marks:
        axes.plot([], [], ls="none", ms=5, label=label, **shape)
    axes.plot([], [], color=GREY, lw=1, ls=(0, (4, 3)), label="uniform")
    axes.legend(loc="upper right", handlelength=1.2, labelspacing=0.3, borderaxespad=0.1)


def plate(
    axes, extent: tuple[float, float, float, float], columns: tuple[int, int, int] = (0, 1, 1), picture: str = ""
) -> None:
    """Show a picture's pixels, or some columns of them, where axes have this extent: left, right, bottom, top.

    Args:
        columns: the first, how many, and of how many in all.
        picture: whose pixels; those of the figure itself if it is not named.
    """
    left, right, bottom, top = extent
    place = Rectangle((left, bottom), right - left, top - bottom, fill=False, lw=0, clip_on=False)
    place.set_gid(":".join(map(str, ("plate", picture, *columns))))
    axes.add_patch(place)


def make(
    name: str,
    draw: Callable[[Figure, dict], None],
    *heights: float,
    width: float = WIDE,
    pixels: Callable[[dict], np.ndarray] | None = None,
) -> None:
    """Draw the figure of that name, save it, and write down what it was made from.

    Bytes repeat within one environment: no pyplot, no software name in the file.

    Args:
        name: the figure's.
        draw: draws on a figure of the size at hand, from what `data_of` gives.
        heights: in inches, one for each file that it is drawn into: that for columns of text, and that for a phone.
        width: in inches, of the file for columns of text.
        pixels: what its plates show, side by side: uint8 (height, width, 4), saved as a PNG of its name.
    """

    def main() -> None:
        parser = argparse.ArgumentParser(description=sys.modules["__main__"].__doc__)
        parser.add_argument("name", nargs="?", choices=[name], help="the figure's name, which may be left out")
        parser.add_argument("--into", type=Path, default=files.ROOT, help="write below this folder")
        root = parser.parse_args().into
        recipe = command.begin(recipes.FIGURES[name], root)
        data, facts = data_of(recipe), []
        for output, kind, *size in zip(recipe.outputs, KINDS, (width, NARROW, None), (*heights, None), strict=False):
            content = png(pixels(data)) if kind == "pixels" else drawn(draw, data, size, Path(output))
            files.write_bytes(root / output, content)
            facts.append((kind, picture_facts(content)))
        (_, wide), *others = facts
        records.write(recipe, wide | dict(others), root)

    command.run(main)


def drawn(draw: Callable[[Figure, dict], None], data: dict, size: tuple[float, float], output: Path) -> bytes:
    """A picture as the bytes of a file of that name, PNG or SVG."""
    settings = {"svg.hashsalt": output.stem}
    with mpl.rc_context(settings, fname=files.ROOT / "figures" / "post.mplstyle"):
        figure = Figure(figsize=size)
        draw(figure, data)
        for text in figure.findobj(Text):
            text.set_color(WORDS.get(to_hex(text.get_color()).upper(), text.get_color()))
        buffer = io.BytesIO()
        if output.suffix == ".png":
            figure.savefig(buffer, format="png", metadata={"Software": None})
            return buffer.getvalue()
        figure.savefig(buffer, format="svg", metadata=dict.fromkeys(("Date", "Creator", "Format", "Type")), transparent=True)
    return svg.for_the_page(buffer.getvalue().decode(), output.stem.removesuffix("_narrow"), VARIABLES).encode()


def png(pixels: np.ndarray) -> bytes:
    """Pixels, uint8 (height, width, 4), as the bytes of a PNG."""
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "png", optimize=True)
    return buffer.getvalue()


def picture_facts(content: bytes) -> dict:
    """Size of a picture in pixels, or units, and bytes, for the page."""
    if content.startswith(b"<svg"):
        width, height = (round(float(side)) for side in re.search(rb'viewBox="0 0 ([\d.]+) ([\d.]+)"', content).groups())
    else:
        with Image.open(io.BytesIO(content)) as image:
            width, height = image.size
    return {"width": width, "height": height, "bytes": len(content)}

"""SVG as the page takes it in: from what matplotlib writes to drawings of the page's own colors and type, written short."""

from __future__ import annotations

import re

import numpy as np

PLATE = re.compile(r'<g id="plate:([^:"]*):(\d+):(\d+):(\d+)">\s*<path d="([^"]*)"[^>]*/>\s*</g>')


def for_the_page(svg: str, name: str, variables: dict[str, str]) -> str:
    """The SVG of a figure as the page takes it in: its colors are the page's, its type is inherited, no id and no style sheet
    of its own would meet another picture's, its plates show PNGs that lie beside it, and it is written short.

    Args:
        svg: what matplotlib wrote.
        name: the figure's.
        variables: of the page's style sheet, by the color that each stands for.
    """
    svg = PLATE.sub(lambda found: shown(found, name), svg[svg.index("<svg") :])
    svg = re.sub(r"<metadata>.*?</metadata>|<style.*?</style>|<!--.*?-->|<defs>\s*</defs>", "", svg, flags=re.DOTALL)
    svg = re.sub(r' width="[\d.]+pt" height="[\d.]+pt"', "", svg, count=1)
    svg = re.sub(r' xmlns:xlink="[^"]*"| version="1.1"', "", svg).replace("xlink:href", "href")
    used = set(re.findall(r'(?:href="#|url\(#)([^")]+)', svg))
    svg = re.sub(r' id="([^"]*)"', lambda found: found[0] if found[1] in used else "", svg)
    svg = re.sub(r"-?\d+\.\d{3,}", lambda found: f"{float(found[0]):.2f}".rstrip("0").rstrip("."), svg)
    svg = re.sub(r"(font-size: |font: (?:[a-z0-9]+ )*?)([\d.]+)px(?: [^;\"]*)?", r"\1\2px", svg)
    svg = re.sub(r"font: (?:(\d+|bold|italic|oblique) )?([\d.]+)px", font, svg)
    svg = re.sub(r"; font-family: [^;\"]*|font-family: [^;\"]*; ", "", svg)
    svg = re.sub(r"(<text[^>]*>)([^<]*_\{[^<]*)(?=</text>)", lambda found: found[1] + subscripts(found[2]), svg)
    known = {color.lower(): name for color, name in variables.items()}
    svg = re.sub(r"#[0-9a-f]{6}", lambda found: f"var(--{known[found[0]]}, {found[0]})" if found[0] in known else found[0], svg)
    return re.sub(r"\n\s*", "\n", shortened(svg))


def shortened(svg: str) -> str:
    """The same drawing with fewer elements and letters: without what draws nothing, turns by nothing or groups without need."""
    svg = re.sub(r' transform="rotate\(-?0 [^)]*\)"', "", svg)
    svg = re.sub(r'<path d="[^"]*" (clip-path="[^"]*" )?style="fill: none"/>', "", svg)
    svg = re.sub(r' d="([^"]*)"', lambda found: f' d="{path(found[1])}"', svg)
    return re.sub(r"<defs>\s*</defs>", "", ungrouped(svg))


def ungrouped(svg: str) -> str:
    """An SVG without the groups that say nothing of what is in them."""
    kept: list[bool] = []  # of the groups that are open here

    def tag(found: re.Match) -> str:
        if found[0] != "</g>":
            kept.append(found[0] != "<g>")
            return found[0] if kept[-1] else ""
        return found[0] if kept.pop() else ""

    return re.sub(r"<g\b[^>]*(?<!/)>|</g>", tag, svg)


def path(data: str) -> str:
    """Path data in tenths of a unit, each point told from the one before it. Its commands are M, L, C, Q and z.

    It draws what it drew to within half a tenth: each point is rounded before differences are taken, so that none adds up.
    """
    written, last, at, start = [], "", (0, 0), (0, 0)
    for command, numbers in re.findall(r"([MLCQz])([^MLCQz]*)", data):
        points = [
            tuple(round(10 * float(number)) for number in pair) for pair in zip(*[iter(numbers.split())] * 2, strict=True)
        ]
        ends = [tuple(here - there for here, there in zip(point, at, strict=True)) for point in points]
        if command in "Mz":
            at = start = points[0] if points else start
            short, values = command, at if points else ()
        elif command == "L" and 0 in ends[0]:
            short, values, at = ("h", ends[0][:1], points[-1]) if ends[0][1] == 0 else ("v", ends[0][1:], points[-1])
        else:
            short, values, at = command.lower(), sum(ends, ()), points[-1]
        said = "".join(f" {value / 10:g}" for value in values).replace(" -", "-").replace("-0.", "-.").replace(" 0.", " .")
        written.append(said if short == last != "M" else short + said.removeprefix(" "))
        last = short
    return "".join(written)


def shown(found: re.Match, name: str) -> str:
    """The columns of a picture where a plate was drawn."""
    picture, start, count, whole, outline = found.groups()
    x, y = np.array(re.findall(r"-?\d+(?:\.\d+)?", outline), float).reshape(-1, 2).T
    place = f'x="{x.min():.2f}" y="{y.min():.2f}" width="{np.ptp(x):.2f}" height="{np.ptp(y):.2f}"'
    image = f'<image href="{picture or name}.png" width="{whole}" height="1" preserveAspectRatio="none"/>'
    return f'<svg class="plate" {place} viewBox="{start} 0 {count} 1" preserveAspectRatio="none">{image}</svg>'


def subscripts(words: str) -> str:
    """Words in which a letter with a subscript is written `r_{t}`, as tspans."""
    first, *rest = re.split(r"(\w\u0302?)_\{([^}]*)\}", words)
    parts, down = [first], "3"
    for letter, below, after in zip(rest[::3], rest[1::3], rest[2::3], strict=True):
        parts.append(
            f'<tspan style="font-style: italic">{letter}</tspan><tspan dy="{down}" style="font-size: 11px">{below}</tspan>'
        )
        parts.append(f'<tspan dy="-{down}">{after}</tspan>' if after else "")
    return "".join(parts)


def font(found: re.Match) -> str:
    """The size, and weight or slant, of a `font` that names a family too."""
    weight, size = found.groups()
    kind = {"bold": "; font-weight: 650", "700": "; font-weight: 650", "italic": "; font-style: italic"}.get(weight or "", "")
    return f"font-size: {size}px{kind}"

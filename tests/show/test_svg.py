"""Drawings written short are the drawings that matplotlib wrote."""

import re

import pytest

from figures import svg


@pytest.mark.parametrize(
    ("data", "short"),
    [
        ("M 0 352.8 \nL 907.2 352.8 \nL 907.2 0 \nL 0 0 \nL 0 352.8 \nz\n", "M0 352.8h907.2v-352.8h-907.2v352.8z"),
        ("M 1 1 \nL 2.5 3 \nL 2 2.5 \nL 3 2.5 \n", "M1 1l1.5 2-.5-.5h1"),
        ("M 1.5 2 \nC 2 2 3 4 5 5.25 \nQ 6 6 7 5.2 \n", "M1.5 2c.5 0 1.5 2 3.5 3.2q1 .8 2 0"),
        ("M 3 4 \nL 3 4 \nM 5 6 \nL 5 6 \n", "M3 4h0M5 6h0"),
        ("M 1 1 \nM 2 2 \nL 3 3 \n", "M1 1M2 2l1 1"),
        ("M 1 1 \nL 2 1 \nL 2 2 \nz\nM 4 4 \nL 5 5 \n", "M1 1h1v1zM4 4l1 1"),
        ("M 1 1 \nL 2 2 \nz\nL 3 1 \n", "M1 1l1 1zh2"),
    ],
    ids=["box", "lines", "curves", "dots", "moves", "shapes", "after-the-end"],
)
def test_path_data_is_told_from_point_to_point(data, short):
    assert svg.path(data) == short


def test_rounded_points_do_not_drift():
    points = [(0.04 * step, 100 - 0.14 * step) for step in range(400)]
    short = svg.path("M " + " L ".join(f"{x:.2f} {y:.2f}" for x, y in points))
    x, y = (float(number) for number in re.match(r"M(\S+) (\S+?)(?=[a-z])", short).groups())
    for command, numbers in re.findall(r"([lhv])([^lhv]*)", short.partition(f"{y:g}")[2]):
        values = [float(number) for number in re.findall(r"-?(?:\d+\.?\d*|\.\d+)", numbers)]
        x += sum(values[::2] if command == "l" else values if command == "h" else [])
        y += sum(values[1::2] if command == "l" else values if command == "v" else [])
    assert (x, y) == pytest.approx(points[-1], abs=0.051)


def test_what_draws_nothing_is_left_out_and_what_draws_stays():
    drawn = '<path d="M 0 0 L 1 0" style="fill: none; stroke: red"/><path d="M 0 0 L 1 0" style="fill: red"/>'
    hidden = '<path d="M 0 0 \nL 1 0 \n" style="fill: none"/><path d="M 0 0 \n" clip-path="url(#a)" style="fill: none"/>'
    around = '<g>\n<g clip-path="url(#a)"><g>{}</g></g></g><defs>\n</defs>'
    words = '<text x="1" transform="rotate({} 1 2)">words</text>'
    written = svg.shortened(around.format(hidden + drawn) + words.format("-0") + words.format("-90"))
    drawn = drawn.replace("M 0 0 L 1 0", "M0 0h1")
    assert written.strip() == f'<g clip-path="url(#a)">{drawn}</g><text x="1">words</text>' + words.format("-90")


def test_groups_that_say_something_keep_their_ends():
    nested = '<g><g id="a"><g><g style="x"><g><use/></g></g></g></g><g/></g>'
    assert svg.ungrouped(nested) == '<g id="a"><g style="x"><use/></g></g><g/>'

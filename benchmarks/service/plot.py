"""A plot as SVG: lines over sizes, both axes logarithmic."""

import math
from collections.abc import Sequence
from html import escape
from itertools import pairwise
from typing import NamedTuple

WIDTH, HEIGHT = 760, 420
LEFT, RIGHT, TOP, BOTTOM = 60, 170, 40, 40
COLOURS = [
    "#4477aa",
    "#ee6677",
    "#228833",
    "#ccbb44",
    "#66ccee",
    "#aa3377",
    "#777777",
    "#ee8866",
    "#44bb99",
    "#000000",
]


class Line(NamedTuple):
    name: str
    points: Sequence[tuple[float, float]]


def plot(title: str, lines: Sequence[Line]) -> str:
    """Return the lines as SVG, each with its name at its end."""
    points = [point for line in lines for point in line.points]
    low_x, high_x = min(x for x, _ in points), max(x for x, _ in points)
    low_y = 10 ** math.floor(math.log10(min(y for _, y in points)))
    high_y = 10 ** math.ceil(math.log10(max(y for _, y in points)))

    def place(x: float, y: float) -> tuple[float, float]:
        across = math.log(x / low_x) / (math.log(high_x / low_x) or 1)
        up = math.log(y / low_y) / (math.log(high_y / low_y) or 1)
        return (
            round(LEFT + across * (WIDTH - LEFT - RIGHT), 1),
            round(HEIGHT - BOTTOM - up * (HEIGHT - TOP - BOTTOM), 1),
        )

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}">',
        '<g font-family="sans-serif" font-size="12">',
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>',
        f'<text x="{LEFT}" y="22" font-size="15">{escape(title)}</text>',
    ]
    value = low_y
    while value <= high_y:
        x, y = place(low_x, value)
        parts.append(f'<path d="M{x} {y}H{WIDTH - RIGHT}" stroke="#ddd"/>')
        parts.append(f'<text x="{x - 6}" y="{y + 4}" text-anchor="end">{value:g} ms</text>')
        value *= 10
    for size in sorted({x for x, _ in points}):
        x, y = place(size, low_y)
        parts.append(f'<text x="{x}" y="{y + 20}" text-anchor="middle">{size:,.0f}</text>')
    ends = apart([place(*line.points[-1])[1] for line in lines])
    for line, colour, end in zip(lines, COLOURS, ends, strict=False):
        path = "L".join(f"{x} {y}" for x, y in (place(*point) for point in line.points))
        parts.append(f'<path d="M{path}" fill="none" stroke="{colour}" stroke-width="2"/>')
        name = escape(line.name)
        parts.append(f'<text x="{WIDTH - RIGHT + 12}" y="{end + 4}" fill="{colour}">{name}</text>')
    return "\n".join([*parts, "</g></svg>\n"])


def apart(places: Sequence[float], least: float = 15) -> list[float]:
    """Move labels down until none covers another."""
    moved = list(places)
    order = sorted(range(len(moved)), key=moved.__getitem__)
    for above, below in pairwise(order):
        moved[below] = max(moved[below], moved[above] + least)
    return moved

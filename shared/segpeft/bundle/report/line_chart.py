"""Curves over steps or epochs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .axis import Axis, axis_of
from .html import Html, tag

WIDTH, HEIGHT = 400.0, 220.0
LEFT, RIGHT, TOP, BOTTOM = 46.0, 390.0, 10.0, 176.0
MOST = 200
"""Points of a drawn curve; a longer one is averaged over as many equal stretches."""

Points = Sequence[tuple[float, float]]


@dataclass(frozen=True)
class Curve:
    """A line.

    Attributes:
        label: what it is.
        colour: class of the style sheet that has its colour and dash.
        points: (x, y), by rising x.
    """

    label: str
    colour: str
    points: Points


def line_chart(title: str, across: str, curves: Sequence[Curve], low_high: tuple[float, float] | None = None) -> Html:
    """Returns a chart of curves.

    Args:
        title: what the values are.
        across: what the horizontal axis counts.
        curves: to draw, at least one with points.
        low_high: values that the vertical axis has to hold besides those of the curves, so that two charts agree.
    """
    drawn = [Curve(curve.label, curve.colour, thinned(curve.points)) for curve in curves]
    xs = axis_of([x for curve in drawn for x, _ in curve.points], LEFT, RIGHT, 5, whole=True)
    ys = axis_of([*(y for curve in drawn for _, y in curve.points), *(low_high or ())], BOTTOM, TOP, 4)
    said = "; ".join(f"{c.label} from {c.points[0][1]:.3g} to {c.points[-1][1]:.3g}" for c in drawn if c.points)
    return tag(
        "svg",
        [_across(ys, value, text) for value, text in ys.ticks()],
        [_up(xs, value, text) for value, text in xs.ticks()],
        [_line(curve, xs, ys) for curve in drawn],
        tag("text", across, x=(LEFT + RIGHT) / 2, y=HEIGHT - 8, text_anchor="middle"),
        class_="plot",
        viewBox=f"0 0 {WIDTH:.0f} {HEIGHT:.0f}",
        role="img",
        aria_label=f"{title} over {across}: {said}",
    )


def thinned(points: Points) -> Points:
    """Returns the points, or the means of ``MOST`` stretches of them."""
    if len(points) <= MOST:
        return points
    stretches = np.array_split(np.asarray(points, dtype=np.float64), MOST)
    return [(float(x), float(y)) for x, y in (stretch.mean(0) for stretch in stretches)]


def _across(axis: Axis, value: float, text: str) -> list[Html]:
    y = axis.place(value)
    return [
        tag("line", x1=LEFT, x2=RIGHT, y1=y, y2=y, class_="grid"),
        tag("text", text, x=LEFT - 6, y=y + 4, text_anchor="end", class_="tick"),
    ]


def _up(axis: Axis, value: float, text: str) -> Html:
    x = axis.place(value)
    anchor = "end" if x > RIGHT - 8 else "middle"  # the last one would be cut
    return tag("text", text, x=x, y=BOTTOM + 16, text_anchor=anchor, class_="tick")


def _line(curve: Curve, xs: Axis, ys: Axis) -> list[Html]:
    places = [f"{xs.place(x):.1f} {ys.place(y):.1f}" for x, y in curve.points]
    line = tag("path", d=f"M{'L'.join(places)}", class_=f"curve {curve.colour}") if places else Html()
    if len(places) > 20 or not places:
        return [line]
    return [
        line,
        *(tag("circle", cx=xs.place(x), cy=ys.place(y), r=2.5, class_=f"dot {curve.colour}") for x, y in curve.points),
    ]

"""Box plots."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from .axis import Axis, axis_of
from .html import Html, joined, tag
from .metrics import Metric

WIDTH, LEFT, RIGHT = 400.0, 8.0, 392.0
ROW, HEADING, BOX = 40.0, 22.0, 14.0
FEWEST = 5
"""Quartiles of fewer cases say less than the cases themselves."""
FEW = 60
"""So many cases or fewer are drawn as points each; of more only those beyond the whiskers."""


@dataclass(frozen=True)
class Box:
    """One row of a plot.

    Attributes:
        label: what it is.
        note: at the right end of the label.
        colour: class of the style sheet that has its colour.
        values: by case.
        ruled: cases whose value comes from the rule for empty regions.
        heading: over this row, None for none.
    """

    label: str
    note: str
    colour: str
    values: Mapping[str, float]
    ruled: Collection[str] = ()
    heading: str | None = None


def box_plot(metric: Metric, boxes: Sequence[Box]) -> Html:
    """Returns a plot with a horizontal box a row.

    Quartiles and median, whiskers to the last case within 1.5 of the box's width, cases as points (crosses where a rule
    for empty regions gave the value), the mean as a diamond. Fewer than ``FEWEST`` cases have no box.
    """
    axis = axis_of([value for box in boxes for value in box.values.values()], LEFT, RIGHT)
    parts: list[Html] = []
    top = 0.0
    for box in boxes:
        if box.heading is not None:
            parts.append(tag("text", box.heading, x=LEFT, y=top + 16, class_="heading"))
            top += HEADING
        parts.append(_row(box, axis, top))
        top += ROW
    grid = [_tick(axis, value, text, top) for value, text in axis.ticks()]
    title = tag("text", f"{metric.heading}, {metric.sense}", x=WIDTH / 2, y=top + 34, text_anchor="middle")
    said = "; ".join(f"{box.heading or ''} {box.label}: {_said(box, metric)}".strip() for box in boxes)
    return tag(
        "svg",
        *(*grid, *parts, title),
        class_="plot",
        viewBox=f"0 0 {WIDTH:.0f} {top + 40:.0f}",
        role="img",
        aria_label=f"Box plot of {metric.title}. {said}",
    )


def _said(box: Box, metric: Metric) -> str:
    if not box.values:
        return "no value"
    low, middle, high = np.percentile(list(box.values.values()), (25, 50, 75)).tolist()
    return f"median {metric.written(middle)}, quartiles {metric.written(low)} and {metric.written(high)}"


def _tick(axis: Axis, value: float, text: str, bottom: float) -> list[Html]:
    x = axis.place(value)
    anchor = "start" if x < LEFT + 1 else "end" if x > RIGHT - 1 else "middle"
    return [
        tag("line", x1=x, x2=x, y1=0, y2=bottom, class_="grid"),
        tag("text", text, x=x, y=bottom + 16, text_anchor=anchor, class_="tick"),
    ]


def _row(box: Box, axis: Axis, top: float) -> Html:
    label = tag("text", box.label, x=LEFT, y=top + 13)
    note = tag("text", box.note, x=RIGHT, y=top + 13, text_anchor="end", class_="note")
    if not box.values:
        return joined([label, note])
    middle = top + 18 + BOX / 2
    values = np.array(list(box.values.values()))
    reach = _whiskers(values)
    hidden = reach if len(values) > FEW else (np.inf, -np.inf)
    parts = _box(axis, values, reach, middle) if len(values) >= FEWEST else []
    parts += [*_points(box, axis, middle, hidden), _mean(axis, values, middle)]
    return joined([label, note, tag("g", parts, class_=box.colour if len(values) >= FEWEST else f"{box.colour} alone")])


def _whiskers(values: npt.NDArray[np.float64]) -> tuple[float, float]:
    low, high = np.percentile(values, (25, 75)).tolist()
    inside = values[(values >= low - 1.5 * (high - low)) & (values <= high + 1.5 * (high - low))]
    return float(inside.min()), float(inside.max())


def _box(axis: Axis, values: npt.NDArray[np.float64], reach: tuple[float, float], middle: float) -> list[Html]:
    left, centre, right = (axis.place(value) for value in np.percentile(values, (25, 50, 75)).tolist())
    near, far = (axis.place(value) for value in reach)
    low, high = middle - BOX / 2, middle + BOX / 2
    return [
        tag("line", x1=near, x2=left, y1=middle, y2=middle, class_="whisker"),
        tag("line", x1=right, x2=far, y1=middle, y2=middle, class_="whisker"),
        tag("rect", x=left, y=low, width=max(right - left, 1.0), height=BOX, class_="box"),
        tag("line", x1=centre, x2=centre, y1=low, y2=high, class_="median"),
    ]


def _points(box: Box, axis: Axis, middle: float, hidden: tuple[float, float]) -> list[Html]:
    points = []
    for index, (case, value) in enumerate(sorted(box.values.items())):
        x, y = axis.place(value), middle + (index * 0.618 % 1 - 0.5) * BOX * 0.7  # spread evenly, alike at every run
        if hidden[0] <= value <= hidden[1]:
            continue
        if case in box.ruled:
            points.append(tag("path", d=f"M{x - 3:.1f} {y - 3:.1f}l6 6m0 -6l-6 6", class_="ruled"))
        else:
            points.append(tag("circle", cx=x, cy=y, r=1.8, class_="point"))
    return points


def _mean(axis: Axis, values: npt.NDArray[np.float64], middle: float) -> Html:
    x = axis.place(float(values.mean()))
    return tag("path", d=f"M{x:.1f} {middle - 5:.1f}l5 5l-5 5l-5 -5z", class_="mean")

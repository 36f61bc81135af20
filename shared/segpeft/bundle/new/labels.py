"""Knobs that follow from what the labels are: their scheme, the flips that they allow, what is too small."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from segpeft.data.label_schemes import label_scheme
from segpeft.errors import InputError

from .choice import Choice
from .summary import Summary

SIDES = {
    0: r"left|right|lh|rh|l|r",
    1: r"anterior|posterior|ant|post|front|back|ventral|dorsal",
    2: r"superior|inferior|upper|lower|sup|inf|top|bottom",
}
"""Words in a region's name by which it is one of two that a mirror would exchange, by axis."""


def choose_labels(summary: Summary, names: str | Mapping[int, str]) -> list[Choice]:
    """Returns the label scheme and the axes of flips."""
    scheme = _scheme(summary, names)
    return [scheme, _flips(list(label_scheme(scheme.value).regions))]


def choose_least_size(summary: Summary, scheme: Any) -> Choice:
    """Returns below how many voxels a predicted region counts as none."""
    least: dict[str, int] = {}
    for name, values in label_scheme(scheme).regions.items():
        found = [region for region in summary.regions if region.value in values]
        if found and max(region.share for region in found) < 1:
            least[name] = min(region.least for region in found) // 2
    least = {name: size for name, size in least.items() if size > 1}
    why = "half of the smallest that was seen, of regions that some cases do not have"
    return Choice("min_voxels", least, why if least else "every case has every region: nothing to remove")


def _scheme(summary: Summary, names: str | Mapping[int, str]) -> Choice:
    """Returns the scheme.

    Raises:
        InputError: the files hold a negative value.
    """
    values = [region.value for region in summary.regions]
    if values[0] < 0:
        raise InputError(f"labels hold the value {values[0]}; expected 0 for background and positive numbers")
    if isinstance(names, str) and set(values) <= set(label_scheme(names).values):
        return Choice("label_scheme", names, "as the layout's challenge numbers its labels")
    named = {} if isinstance(names, str) else names
    every = sorted({*values, *named})
    regions = {named.get(value, f"label {value}"): [value] for value in every}
    unseen = [named[value] for value in every if value not in values]
    where = "dataset.json names them" if named else f"the values found in {summary.looked} cases; give them names"
    note = f"; no case looked at has {', '.join(unseen)}" if unseen else ""
    return Choice("label_scheme", {"name": "own", "regions": regions}, f"{where}{note}")


def _flips(regions: list[str]) -> Choice:
    """Returns the axes along which a mirror image could be another patient's."""
    held = [name for name in regions if _names_side(name, 0)]
    if held:
        return Choice("flip_axes", [], f"{held[0]!r} tells left from right: a mirror image would have the wrong label")
    why = "left and right only: a body is nearly its own mirror image in no other direction"
    along = [name for name in regions if _names_side(name, 1) or _names_side(name, 2)]
    return Choice("flip_axes", [0], f"{why}; {along[0]!r} is one end of another axis" if along else why)


def _names_side(name: str, axis: int) -> bool:
    return re.search(rf"(?<![a-z])({SIDES[axis]})(?![a-z])", name, re.IGNORECASE) is not None

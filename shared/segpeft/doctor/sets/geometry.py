"""Cases whose voxels or extents are far from those of the others."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from segpeft.data.survey import GridFacts
from segpeft.finding import NOTE, WARNING, Finding

from ..looking import CaseLook
from .alternatives import LEAST_CASES

FACTOR = 3.0
"""Between a case and the median of its set, along an axis of the patient."""
ABSURD = 20.0
"""No two protocols differ as much: a header with the unit or a size wrong."""


def check_geometry(looks: Sequence[CaseLook]) -> Iterator[Finding]:
    """Yields cases whose voxel size, or whose extent in mm, is several times larger or smaller than usual."""
    grids = [(one.facts.name, one.facts.channels[0].grid) for one in looks if one.facts.channels]
    known = [(name, grid) for name, grid in grids if grid is not None and len(grid.axes) == 3]
    if len(known) < LEAST_CASES:
        return
    for what, unit in (("voxels", "mm"), ("extent", "mm")):
        sizes = np.array([_sizes(grid, what) for _, grid in known])
        usual = np.median(sizes, axis=0)
        for (name, _), size in zip(known, sizes, strict=True):
            ratio = float(np.maximum(size / usual, usual / size).max())
            if ratio > FACTOR:
                text = f"{what} of {_listed(size)} {unit} (right-left, front-back, head-foot); median {_listed(usual)}"
                yield Finding("geometry", text, WARNING if ratio > ABSURD else NOTE, name)


def _sizes(grid: GridFacts, what: str) -> list[float]:
    """Returns mm along the patient's axes, whichever way the volume is stored."""
    found = dict(zip(grid.axes, zip(grid.spacing, grid.shape, strict=True), strict=True))
    ordered = [next(found[axis] for axis in pair if axis in found) for pair in ("RL", "AP", "SI")]
    return [size * (count if what == "extent" else 1) for size, count in ordered]


def _listed(sizes: Sequence[float]) -> str:
    return " x ".join(f"{size:.3g}" for size in sizes)

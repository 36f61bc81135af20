"""Grids of a case's channels and label that do not agree."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from nibabel.orientations import inv_ornt_aff, io_orientation, ornt_transform

from segpeft.data.grids import grid_difference
from segpeft.data.survey import CaseFacts, GridFacts
from segpeft.finding import ERROR, Finding

from ..expected import Expected


def check_grids(facts: CaseFacts, expected: Expected) -> Iterator[Finding]:
    """Yields volumes that lie on another grid than the first channel.

    A label may be stored along other axes, as the loader turns it; other channels may lie elsewhere if they are to be
    resampled.
    """
    first = facts.channels[0].grid if facts.channels else None
    if first is None:
        return
    for channel in facts.channels[1:]:
        if channel.grid and not expected.resample_channels and (text := _difference(channel.grid, first)):
            yield Finding("grids", f"{channel.path}: {text} as in the first channel", ERROR, facts.name)
    if facts.label and facts.label.grid and (text := _difference(_turned(facts.label.grid, first), first)):
        yield Finding("grids", f"{facts.label.path}: the label {text} as in its image", ERROR, facts.name)


def _difference(grid: GridFacts, reference: GridFacts) -> str | None:
    return grid_difference(grid.shape, grid.affine, reference.shape, reference.affine)


def _turned(grid: GridFacts, reference: GridFacts) -> GridFacts:
    """Returns the grid with its axes in the order and directions of the reference's, where both have three."""
    own, wanted = io_orientation(np.array(grid.affine)), io_orientation(np.array(reference.affine))
    if np.isnan(own).any() or np.isnan(wanted).any():
        return grid
    turn = ornt_transform(own, wanted)
    affine = np.array(grid.affine) @ inv_ornt_aff(turn, grid.shape)
    shape = [0] * 3
    for axis, (place, _) in enumerate(turn):
        shape[int(place)] = grid.shape[axis]
    return GridFacts(tuple(shape), grid.spacing, reference.axes, tuple(map(tuple, affine.tolist())))

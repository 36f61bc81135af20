"""A data set in numbers: what the cases that were looked at have in common, axes turned to RAS."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from nibabel.orientations import inv_ornt_aff, io_orientation
from numpy.typing import NDArray

from segpeft.data.grids import grid_difference
from segpeft.data.survey import ChannelFacts, GridFacts
from segpeft.errors import InputError

from .looking import Seen, same_scans
from .place import Place

DIRECTIONS = {"R": 0, "L": 0, "A": 1, "P": 1, "S": 2, "I": 2}


@dataclass(frozen=True)
class Region:
    """One value of the label files.

    Args:
        value: in the files.
        share: of the cases looked at that have it, 0 to 1.
        least: voxels in the case that has fewest, of those that have it.
    """

    value: int
    share: float
    least: int


@dataclass(frozen=True)
class Summary:
    """What knobs are chosen by.

    Args:
        title: of the data set.
        cases: that can be learned from.
        looked: how many of them were opened and could be read.
        bad: lines about those that could not.
        channels: names, the one first on whose grid labels lie.
        lacking: cases without the file of some channel.
        ct: the image is a CT in Hounsfield units.
        said_ct: its files say that it is a CT.
        own_grids: channels of a case lie on different grids.
        spacing: (n, 3) mm, by case and direction left-right, posterior-anterior, inferior-superior.
        size: (n, 3) voxels of what an image shows, without background around it.
        regions: values of the labels but 0, ascending.
        inside: intensities under the labels of the first channel.
        fixed_folds: how many folds a datalist has fixed, 0 where none.
    """

    title: str
    cases: int
    looked: int
    bad: tuple[str, ...]
    channels: tuple[str, ...]
    lacking: int
    ct: bool
    said_ct: bool
    own_grids: bool
    spacing: NDArray[np.float64]
    size: NDArray[np.float64]
    regions: tuple[Region, ...]
    inside: NDArray[np.float64]
    fixed_folds: int


def summarize(place: Place, found: Sequence[Seen]) -> Summary:
    """Returns a data set in numbers.

    Raises:
        InputError: no case could be read, channels are not as many as they should be, or labels hold nothing but 0.
    """
    good = [case for case in found if not case.facts.problems and case.facts.label and case.boxes]
    bad = tuple(line for case in found for line in case.facts.problems)
    if not good:
        raise InputError(f"{place.source}: no case can be used: {(bad or ('none was found',))[0]}")
    count, first = len(good[0].boxes), _reference(good)
    names = place.channels if place.named else tuple(f"channel {number + 1}" for number in range(count))
    if count != len(names):
        raise InputError(f"{place.source}: {len(names)} channels are named, the files of a case hold {count}")
    order = [first, *(index for index in range(count) if index != first)]
    ordered = list(range(count)) if same_scans(place.labelled) else order
    said_ct = "ct" in place.words
    folds = {case.fold for case in place.labelled if case.fold is not None}
    return Summary(
        title=place.title,
        cases=len(place.labelled),
        looked=len(good),
        bad=bad,
        channels=tuple(names[index] for index in ordered),
        lacking=sum(bool(case.problem) and not case.ambiguous for case in place.labelled),
        ct=count == 1 and sum(case.hounsfield[0] and (said_ct or case.air[0]) for case in good) > len(good) / 2,
        said_ct=said_ct,
        own_grids=any(_differ(case.facts.channels) for case in good),
        spacing=np.array([_in_ras(_grid(case, first).spacing, _grid(case, first)) for case in good]),
        size=np.array([_in_ras(case.boxes[first], _grid(case, first)) for case in good], dtype=float),
        regions=_regions(good, place),
        inside=np.concatenate([np.array(case.facts.channels[first].inside) for case in good]),
        fixed_folds=max(folds) + 1 if folds else 0,
    )


def _grid(case: Seen, channel: int) -> GridFacts:
    grid = case.facts.channels[channel].grid
    if grid is None:
        raise InputError(f"case {case.facts.name}: channel {channel} could not be read")
    return grid


def _reference(good: Sequence[Seen]) -> int:
    """Returns the channel on whose grid most labels lie: it has to be the first one."""
    votes = np.zeros(len(good[0].boxes))
    for case in good:
        label = case.facts.label.grid if case.facts.label else None
        votes += [label is not None and _same(channel.grid, label) for channel in case.facts.channels]
    return int(votes.argmax())


def _same(one: GridFacts | None, other: GridFacts | None) -> bool:
    if one is None or other is None:
        return one is other
    return grid_difference(*_turned(one), *_turned(other)) is None


def _turned(grid: GridFacts) -> tuple[tuple[int, ...], NDArray[np.float64]]:
    """Returns shape and affine with the axes in the order and directions of RAS, however a grid is stored."""
    affine = np.array(grid.affine)
    turns = io_orientation(affine)
    if np.isnan(turns).any():
        return grid.shape, affine
    order = np.argsort(turns[:, 0])
    return tuple(grid.shape[axis] for axis in order), affine @ inv_ornt_aff(turns, grid.shape)


def _differ(channels: Sequence[ChannelFacts]) -> bool:
    """Returns whether channels can't be stacked as they are stored."""
    grids = [channel.grid for channel in channels if channel.grid]
    return any(grid_difference(g.shape, g.affine, grids[0].shape, grids[0].affine) is not None for g in grids[1:])


def _in_ras(values: Sequence[float], grid: GridFacts) -> list[float]:
    """Returns values by file axis in the order left-right, posterior-anterior, inferior-superior."""
    axes = [DIRECTIONS.get(letter, -1) for letter in grid.axes]
    if sorted(axes) != [0, 1, 2]:
        return [float(value) for value in values]
    return [float(values[axes.index(direction)]) for direction in range(3)]


def _regions(good: Sequence[Seen], place: Place) -> tuple[Region, ...]:
    counts: dict[int, list[int]] = {}
    for case in good:
        for value, count in case.facts.label.counts if case.facts.label else ():
            if value != 0:
                counts.setdefault(value, []).append(count)
    if not counts:
        raise InputError(f"{place.source}: labels of {len(good)} cases hold nothing but 0; expected values to learn")
    return tuple(Region(value, len(found) / len(good), min(found)) for value, found in sorted(counts.items()))

"""One slice of a case: the image, and the outlines of truth and predictions in it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from segpeft.engines.pictures import fullest_slice, grey_plane

from .case_volumes import CaseVolumes
from .outlines import outline
from .plane import Plane, plane_of

LARGEST = 512
"""Pixels along an axis of a picture; of a larger slice every second (third, ...) pixel is shown."""
MARGIN = 0.4
"""Around truth and predictions, as a share of their size."""
LEAST = 24.0
"""Side in mm of the smallest square that is shown of a slice."""

Pixels = npt.NDArray[np.generic]


@dataclass(frozen=True)
class View:
    """What is drawn of a case; places are in mm from the upper left corner of the slice.

    Attributes:
        plane: in which the slice lies.
        index: of the slice along its axis, counted from 0 at the left, the back or the feet.
        count: slices along that axis.
        grey: (rows, columns), uint8.
        size: width and height.
        window: left, top and side of a square around truth and predictions.
        regions: names.
        truth: the ``d`` of a path for each region.
        predictions: such paths by evaluation, or a line that says why there are none.
    """

    plane: Plane
    index: int
    count: int
    grey: Pixels
    size: tuple[float, float]
    window: tuple[float, float, float]
    regions: Sequence[str]
    truth: Sequence[str]
    predictions: Mapping[str, Sequence[str] | str]


@dataclass(frozen=True)
class Cut:
    """One slice of volumes in RAS.

    Attributes:
        plane: in which it lies.
        index: along the plane's axis.
        pixel: width and height of a pixel in mm.
    """

    plane: Plane
    index: int
    pixel: tuple[float, float]

    def masks(self, volume: Tensor) -> list[Pixels]:
        """Returns the pictures (rows, columns) of masks (R, H, W, D)."""
        return [self.plane.picture(mask.select(self.plane.axis, self.index)) for mask in volume]

    def outlines(self, volume: Tensor) -> list[str]:
        """Returns the outlines of masks (R, H, W, D)."""
        return [outline(mask, self.pixel) for mask in self.masks(volume)]

    def grey(self, volume: Tensor) -> Pixels:
        """Returns the picture (rows, columns) of an image (H, W, D), uint8."""
        plane = volume.select(self.plane.axis, self.index)
        return self.plane.picture(torch.as_tensor(grey_plane(plane, volume)))


def view_of(case: CaseVolumes) -> View:
    """Returns the slice of a case with most truth, or most prediction where there is no truth."""
    plane = plane_of(case.spacing)
    masks = [case.truth, *(found for found in case.predictions.values() if isinstance(found, Tensor))]
    across = [mask.movedim(1 + plane.axis, -1) for mask in masks]
    cut = Cut(plane, fullest_slice(across[0], torch.cat(across)), plane.pixel(case.spacing))
    grey = cut.grey(case.image)
    step = -(-max(grey.shape) // LARGEST)
    drawn = np.any([picture for mask in masks for picture in cut.masks(mask)], axis=0)
    return View(
        plane=plane,
        index=cut.index,
        count=case.image.shape[plane.axis],
        grey=grey[::step, ::step],
        size=(grey.shape[1] * cut.pixel[0], grey.shape[0] * cut.pixel[1]),
        window=window_of(drawn, cut.pixel),
        regions=case.regions,
        truth=cut.outlines(case.truth),
        predictions={
            name: found if isinstance(found, str) else cut.outlines(found) for name, found in case.predictions.items()
        },
    )


def window_of(drawn: Pixels, pixel: tuple[float, float]) -> tuple[float, float, float]:
    """Returns left, top and side in mm of the square to show of a slice: around what is drawn, or all of it.

    Args:
        drawn: (rows, columns), bool.
        pixel: width and height of a pixel in mm.
    """
    whole = [count * step for count, step in zip(drawn.shape[::-1], pixel, strict=True)]  # width, height
    largest = max(whole)
    places = np.argwhere(drawn)[:, ::-1] * pixel  # (N, 2), left upper corners of pixels
    if not len(places):
        return (whole[0] - largest) / 2, (whole[1] - largest) / 2, largest
    low, high = places.min(0), places.max(0) + pixel
    side = min(max(float((high - low).max()) * (1 + 2 * MARGIN), LEAST), largest)
    left, top = (_inside(float(middle), side, extent) for middle, extent in zip((low + high) / 2, whole, strict=True))
    return left, top, side


def _inside(middle: float, side: float, extent: float) -> float:
    """Returns where an interval around ``middle`` begins, moved so that it covers no more outside than it has to."""
    if side >= extent:
        return (extent - side) / 2
    return min(max(middle - side / 2, 0.0), extent - side)

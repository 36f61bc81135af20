"""The plane in which a volume is shown, and which way round."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from torch import Tensor

THICK = 1.5
"""A voxel so many times longer along one axis than along the others was scanned in slices across that axis."""


@dataclass(frozen=True)
class Plane:
    """A plane across one axis of a volume in RAS.

    Attributes:
        name: axial, coronal or sagittal.
        axis: across which it lies.
        letters: what is at the left, right, top and bottom of the picture, as a radiologist expects it.
    """

    name: str
    axis: int
    letters: tuple[str, str, str, str]

    def picture(self, plane: Tensor) -> npt.NDArray[np.generic]:
        """Returns a slice (U, V) as rows and columns (V, U): both axes run backwards on the screen."""
        return np.ascontiguousarray(plane.numpy().T[::-1, ::-1])

    def pixel(self, spacing: Sequence[float]) -> tuple[float, float]:
        """Returns width and height of a pixel in mm."""
        first, second = (step for axis, step in enumerate(spacing) if axis != self.axis)
        return float(first), float(second)


SAGITTAL = Plane("sagittal", 0, ("A", "P", "S", "I"))
CORONAL = Plane("coronal", 1, ("R", "L", "S", "I"))
AXIAL = Plane("axial", 2, ("R", "L", "A", "P"))


def plane_of(spacing: Sequence[float]) -> Plane:
    """Returns the plane of the scan where voxels are much longer along one axis, else the axial one.

    Args:
        spacing: voxel size in mm along the axes of RAS.
    """
    for plane in (SAGITTAL, CORONAL):
        others = [step for axis, step in enumerate(spacing) if axis != plane.axis]
        if spacing[plane.axis] > THICK * max(others):
            return plane
    return AXIAL

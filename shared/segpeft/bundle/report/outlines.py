"""Outlines of masks as paths."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from contourpy import contour_generator

from .html import number


def outline(mask: npt.NDArray[np.generic], pixel: tuple[float, float]) -> str:
    """Returns the outline of a mask as the ``d`` of an SVG path, "" for an empty one.

    It runs between the centres of the pixels inside and outside, so that corners are cut and a single pixel is a
    diamond.

    Args:
        mask: (rows, columns), bool.
        pixel: width and height of a pixel in mm; the path is in mm from the upper left corner of the mask.
    """
    padded = np.pad(mask.astype(np.float64), 1)
    lines = contour_generator(z=padded).lines(0.5)
    return "".join(_path((np.asarray(line) - 0.5) * pixel) for line in lines)


def _path(points: npt.NDArray[np.float64]) -> str:
    """Returns one closed line; its last point is its first."""
    places = [f"{number(x)} {number(y)}" for x, y in points[:-1].tolist()]
    return f"M{'L'.join(places)}Z"

"""Signed distances in mm (negative inside) of the few solids that anatomy is put together from."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.interpolate import CubicSpline
from scipy.spatial import cKDTree

from segpeft.data.phantoms.case import FloatArray

_STATIONS = 160


def ellipsoid(
    points: FloatArray, centre: tuple[float, float, float], semi_axes: tuple[float, float, float]
) -> FloatArray:
    """Near-distance to an ellipsoid: exact in sign, first order close to the surface.

    Args:
        points: (N, 3) in mm.
        centre: centre in mm.
        semi_axes: half extents in mm.

    Returns:
        (N,) in mm.
    """
    semi = np.asarray(semi_axes, dtype=np.float32)
    offset = points - np.asarray(centre, dtype=np.float32)
    radius, slope = np.sqrt((offset * offset) @ np.stack([semi**-2, semi**-4], axis=1)).T
    return (radius - 1.0) * radius / np.maximum(slope, 1e-6)


def in_box(points: FloatArray, low: ArrayLike, high: ArrayLike) -> NDArray[np.int64]:
    """Indices of the points (N, 3) between two corners (3,), found axis by axis: most are far away along the first."""
    near = np.arange(len(points))
    for axis, (least, most) in enumerate(zip(np.asarray(low).tolist(), np.asarray(high).tolist(), strict=True)):
        along = points[near, axis]
        near = near[(along > least) & (along < most)]
    return near


def ball(points: FloatArray, centre: FloatArray, radius: float) -> tuple[NDArray[np.int64], FloatArray]:
    """Indices of the points (N, 3) in the box around a ball, and their signed distances in mm to its surface."""
    middle = np.asarray(centre, dtype=np.float32)
    near = in_box(points, middle - radius, middle + radius)
    return near, np.linalg.norm(points[near] - middle, axis=1) - radius


def capsule(
    points: FloatArray, start: Sequence[float] | FloatArray, end: Sequence[float] | FloatArray, radius: float
) -> tuple[NDArray[np.int64], FloatArray]:
    """A straight tube with round ends: what `ball` returns, for a segment instead of a centre."""
    first, last = np.asarray(start, dtype=np.float32), np.asarray(end, dtype=np.float32)
    near = in_box(points, np.minimum(first, last) - radius, np.maximum(first, last) + radius)
    offset, axis = points[near] - first, last - first
    along = np.clip(offset @ axis / float(axis @ axis), 0.0, 1.0)
    return near, np.linalg.norm(offset - along[:, None] * axis, axis=1) - np.float32(radius)


def mirrored(points: FloatArray) -> FloatArray:
    """Folds the left half onto the right one, so that a solid written once stands on both sides."""
    folded = points.copy()
    np.abs(folded[:, 0], out=folded[:, 0])
    return folded


def smooth_union(first: FloatArray, second: FloatArray, blend: float) -> FloatArray:
    """Minimum of two distances whose crease is rounded over `blend` mm."""
    overlap = np.maximum(blend - np.abs(first - second), 0.0) / blend
    return np.minimum(first, second) - 0.25 * blend * overlap**2


def coverage(distance: FloatArray, edge: float = 1.0) -> FloatArray:
    """Share of matter at a signed distance: 1 inside, 0 outside, linear over `edge` mm across the surface."""
    return np.clip(0.5 - distance / edge, 0.0, 1.0)


class Tube:
    """A smooth tube of varying radius through control points.

    Args:
        control: (K, 3) points of the centre line in mm.
        radii: (K,) radii at those points in mm.
    """

    def __init__(self, control: FloatArray, radii: FloatArray) -> None:
        knots = np.linspace(0.0, 1.0, len(control))
        stations = np.linspace(0.0, 1.0, _STATIONS)
        self.line = CubicSpline(knots, control)(stations).astype(np.float32)  # (160, 3)
        self.radii = np.interp(stations, knots, radii).astype(np.float32)
        self._tree = cKDTree(self.line)
        self._box = self.line.min(axis=0), self.line.max(axis=0)

    def distance(self, points: FloatArray, reach: float = 12.0) -> FloatArray:
        """Signed distance at points (N, 3): (N,) in mm, inf where the centre line is over `reach` mm away."""
        distance = np.full(len(points), np.inf, dtype=np.float32)
        near = in_box(points, self._box[0] - reach, self._box[1] + reach)
        gap, station = self._tree.query(points[near], distance_upper_bound=reach)
        found = np.isfinite(gap)
        distance[near[found]] = gap[found] - self.radii[station[found]]
        return distance

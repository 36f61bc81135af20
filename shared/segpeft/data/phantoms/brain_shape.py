"""The brain's outer form as signed distances in mm, in its own frame: x right, y front, z up, 0 inside the cerebrum."""

from dataclasses import dataclass

import numpy as np

from segpeft.data.phantoms.case import FloatArray
from segpeft.data.phantoms.solids import ellipsoid, mirrored, smooth_union

CLEFT = 1.5  # mm of CSF between cerebrum and cerebellum


def cerebellum(points: FloatArray) -> FloatArray:
    """Signed distance to the cerebellum: two lobes that meet in the midline."""
    return ellipsoid(mirrored(points), (17.0, -46.0, -44.0), (32.0, 28.0, 20.0))


def cerebrum_hull(points: FloatArray) -> FloatArray:
    """Signed distance to the cerebrum's smooth envelope, over fissures and sulci.

    An ovoid that narrows to the front, less the skull base below the frontal lobes, with a temporal lobe on each side.
    """
    shaped = points.copy()
    shaped[:, 0] /= 1.0 - 0.0012 * np.clip(points[:, 1], -40.0, 80.0)
    ovoid = ellipsoid(shaped, (0.0, 0.0, 9.0), (64.0, 84.0, 54.0))
    skull_base = ellipsoid(points, (0.0, 40.0, -64.0), (42.0, 62.0, 42.0))
    temporal = ellipsoid(mirrored(points), (44.0, 2.0, -29.0), (19.0, 38.0, 18.0))
    return smooth_union(np.maximum(ovoid, -skull_base), temporal, blend=6.0)


def brain_stem(points: FloatArray) -> FloatArray:
    """Signed distance to the brain stem: the pons on a shaft from the midbrain to below the field of view."""
    pons = ellipsoid(points, (0.0, -11.0, -36.0), (15.0, 13.0, 15.0))
    leant = points.copy()
    leant[:, 1] -= 0.2 * (points[:, 2] + 45.0)
    shaft = ellipsoid(leant, (0.0, -19.0, -45.0), (10.5, 9.0, 46.0))
    return smooth_union(pons, shaft, blend=4.0)


def midline_fissure(points: FloatArray) -> FloatArray:
    """Unsigned distance to the sheet between the hemispheres, which ends at the corpus callosum and all below it."""
    in_midline = points.copy()
    in_midline[:, 0] = 0.0
    depth_below_edge = np.maximum(-ellipsoid(in_midline, (0.0, -4.0, 0.0), (1e3, 46.0, 29.0)), 0.0)
    return np.hypot(points[:, 0], depth_below_edge)


def sylvian_fissure(points: FloatArray) -> FloatArray:
    """Unsigned distance to the sheets above the temporal lobes, which reach inwards as far as the insula."""
    x, y, z = np.abs(points[:, 0]), points[:, 1], points[:, 2]
    height = z + 15.0 + 0.3 * y + 0.002 * y * y
    inward = np.maximum(35.0 - x, 0.0)
    beyond = np.maximum(np.abs(y) - 32.0, 0.0)
    return np.sqrt(height**2 + inward**2 + beyond**2)


@dataclass(frozen=True)
class Surfaces:
    """Signed distances (N,) in mm to the smooth surfaces of the brain's three parts."""

    cerebrum: FloatArray
    cerebellum: FloatArray
    stem: FloatArray

    @property
    def outline(self) -> FloatArray:
        """Signed distance (N,) in mm to everything inside the skull-stripped surface."""
        return np.minimum(np.minimum(self.cerebrum, self.cerebellum), self.stem)

    @property
    def cerebrum_above_cleft(self) -> FloatArray:
        """Signed distance (N,) in mm to the cerebrum less the cerebellum and the CSF between them."""
        return np.maximum(self.cerebrum, CLEFT - self.cerebellum)


def surfaces_at(points: FloatArray) -> Surfaces:
    """Measures points (N, 3) of the brain's frame in mm."""
    return Surfaces(cerebrum_hull(points), cerebellum(points), brain_stem(points))

"""Folded cortex: how deep a point lies under the nearest piece of brain surface, sulcal walls included.

Sulci are thin sheets at the zero set of a random field. The field is read where the ray from a hemisphere's core meets
the hull, so sheets run inwards from the surface, and each ends at a depth that varies from place to place.
"""

import numpy as np

from segpeft.data.phantoms.brain_shape import Surfaces, midline_fissure, sylvian_fissure
from segpeft.data.phantoms.case import FloatArray
from segpeft.data.phantoms.waves import RandomWaves

_HULL_SEMI = np.array([40.0, 84.0, 54.0], dtype=np.float32)  # one hemisphere about its own core
_HULL_CORE = np.array([26.0, 0.0, 9.0], dtype=np.float32)
_OTHER_SIDE = np.array([-1.0, 1.0, 1.0], dtype=np.float32)
_DEEPEST_SULCUS = 24.0
_FOLIA_PERIOD = 6.5


class Cortex:
    """Depth below the pial surface of cerebrum and cerebellum, for one random pattern of folds.

    Args:
        rng: source of the pattern.
    """

    def __init__(self, rng: np.random.Generator) -> None:
        self._folds = RandomWaves(rng, wavelength=28.0, waves=16)
        self._bend = RandomWaves(rng, wavelength=26.0, waves=6, outputs=3)
        self._sulcus_depth = RandomWaves(rng, wavelength=30.0, waves=6)

    def cerebrum(self, points: FloatArray, surfaces: Surfaces) -> FloatArray:
        """Depth (N,) in mm under the cerebrum's nearest surface, negative within CSF.

        Args:
            points: (N, 3) in the brain's frame in mm.
            surfaces: the smooth surfaces' distances at these points.
        """
        hull = surfaces.cerebrum_above_cleft
        fissure = midline_fissure(points)
        depth = np.minimum(-hull, fissure)
        pial = np.minimum(-hull - 0.6, np.minimum(fissure - 1.4, sylvian_fissure(points) - 1.2))
        near = np.flatnonzero((depth < _DEEPEST_SULCUS + 4.0) & (hull < 4.0))
        pial[near] = np.minimum(pial[near], self._sulci(points[near], depth[near]))
        return pial

    def _sulci(self, points: FloatArray, depth: FloatArray) -> FloatArray:
        """Distance in mm to the nearest sulcal wall of points (N, 3) at a depth (N,) under hull or fissure."""
        core = np.where(points[:, :1] < 0, _HULL_CORE * _OTHER_SIDE, _HULL_CORE)  # (N, 3), of the nearer hemisphere
        ray = (points - core) / _HULL_SEMI
        ray /= np.maximum(np.linalg.norm(ray, axis=1, keepdims=True), 1e-3)
        anchor = ray * _HULL_SEMI + core + 2.5 * self._bend.vector(points)  # (N, 3) on the hull
        floor = 14.0 + 6.0 * np.tanh(self._sulcus_depth.scalar(anchor))
        width = np.float32(1.3) - np.float32(0.05) * np.clip(depth, 0.0, 16.0)
        return np.hypot(self._folds.zero_distance(anchor), np.maximum(depth - floor, 0.0)) - width

    def cerebellum(self, points: FloatArray, surfaces: Surfaces) -> FloatArray:
        """Depth (N,) in mm under the cerebellum's surface at points (N, 3), whose folia are nearly parallel."""
        depth = -surfaces.cerebellum
        pial = depth - 0.6
        near = np.flatnonzero((depth > -2.0) & (depth < 16.0))
        inside = points[near]
        across = inside[:, 2] + 0.35 * inside[:, 1] + 1.6 * self._bend.vector(inside)[:, 0]
        folium = np.abs(np.mod(across, _FOLIA_PERIOD) - 0.5 * _FOLIA_PERIOD)
        pial[near] = np.minimum(pial[near], np.hypot(folium, np.maximum(depth[near] - 10.0, 0.0)) - 0.4)
        return pial

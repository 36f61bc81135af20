"""Where a patient lies in the scanner and how the patient differs from the template: rotation, size, smooth warp."""

import numpy as np
from scipy.spatial.transform import Rotation

from segpeft.data.phantoms.case import FloatArray
from segpeft.data.phantoms.waves import RandomWaves


class Pose:
    """A random map from world coordinates to the template's frame, both in mm.

    Args:
        rng: source of randomness.
        max_angle: largest rotation about each axis in degrees.
        max_shift: largest translation along each axis in mm.
        max_warp: typical displacement of the smooth warp in mm.
    """

    def __init__(
        self,
        rng: np.random.Generator,
        max_angle: float = 12.0,
        max_shift: float = 4.0,
        max_warp: float = 2.0,
    ) -> None:
        angles = rng.uniform(-max_angle, max_angle, size=3)
        scale = rng.uniform(0.94, 1.06) * rng.uniform(0.96, 1.04, size=3)  # 0.90 to 1.10 along each axis
        turn = Rotation.from_euler("xyz", angles, degrees=True).as_matrix()
        self._shift = rng.uniform(-max_shift, max_shift, size=3).astype(np.float32)
        self._matrix = (turn / scale).astype(np.float32)  # points @ turn undoes the rotation, then sizes
        self._warps = (
            (max_warp, RandomWaves(rng, wavelength=110.0, waves=8, outputs=3)),
            (0.4 * max_warp, RandomWaves(rng, wavelength=45.0, waves=8, outputs=3)),
        )

    def __call__(self, points: FloatArray) -> FloatArray:
        """World points (N, 3) in the template's frame (N, 3)."""
        straight = (points - self._shift) @ self._matrix
        return straight + sum(size * waves.vector(straight) for size, waves in self._warps)

"""An old infarct: the signal of oedema in every channel, and no tumour. Only its surroundings tell it from one."""

import numpy as np
from numpy.typing import NDArray

from segpeft.data.phantoms.brain_anatomy import Sample
from segpeft.data.phantoms.brain_tumour import Tumour
from segpeft.data.phantoms.case import FloatArray
from segpeft.data.phantoms.waves import RandomWaves

INFARCT = 4
"""Class of its voxels while a case is made; in the label map they are background."""
_PLACE = np.array([[24.0, -50.0, 0.0], [40.0, 40.0, 34.0]])


class Infarct:
    """One infarct in the hemisphere without tumour, 17 to 25 mm in radius; everything random is drawn at construction.

    Args:
        rng: source of place, size and irregularity.
        tumour: of the same brain.
    """

    def __init__(self, rng: np.random.Generator, tumour: Tumour) -> None:
        self.radius = float(rng.uniform(17.0, 25.0))
        self.side = -tumour.side
        self.centre = (rng.uniform(_PLACE[0], _PLACE[1]) * np.array([self.side, 1.0, 1.0])).astype(np.float32)
        self._waves = RandomWaves(rng, wavelength=1.1 * self.radius, waves=10)

    def cover(self, classes: NDArray[np.uint8], points: FloatArray, sample: Sample) -> None:
        """Sets the class of normal points inside the infarct; it spares CSF and cortex as oedema does.

        Args:
            classes: (N,), 0 where a point is normal; changed in place.
            points: (N, 3) in the brain's frame in mm.
            sample: normal anatomy there.
        """
        offset = points - self.centre
        near = np.flatnonzero((np.einsum("ij,ij->i", offset, offset) < (1.4 * self.radius) ** 2) & (classes == 0))
        distance = np.linalg.norm(offset[near], axis=1)
        edge = distance - self.radius * (1.0 + 0.2 * np.tanh(self._waves.scalar(points[near])))
        pial = sample.pial[near]
        inside = edge + 0.8 * np.maximum(4.0 - pial, 0.0) < 0.0
        tissue = (pial > 0.0) & (sample.ventricle[near] > 0.5) & (sample.hull[near] < -2.0)
        classes[near[inside & tissue & (points[near, 0] * self.side > 1.5)]] = INFARCT

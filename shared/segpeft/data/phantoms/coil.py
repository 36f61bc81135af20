"""Surface coils: what lies near one of them is received more strongly."""

from dataclasses import dataclass

import numpy as np

from segpeft.data.phantoms.case import FloatArray


@dataclass(frozen=True)
class CoilArray:
    """Surface coils as points whose sensitivity falls off exponentially.

    Attributes:
        places: world coordinates of the coils in mm.
        strength: what one coil adds at its place, relative to the uniform part of 1.
        reach: distance in mm over which that falls to 1/e.
    """

    places: tuple[tuple[float, float, float], ...]
    strength: float
    reach: float

    def sensitivity(self, points: FloatArray) -> FloatArray:
        """Factors (N,) at world points (N, 3) in mm, 1 at the world's origin."""
        return self._raw(points) / self._raw(np.zeros((1, 3), dtype=np.float32))

    def _raw(self, points: FloatArray) -> FloatArray:
        raw = np.ones(len(points), dtype=np.float32)
        for place in self.places:
            distance = np.linalg.norm(points - np.asarray(place, dtype=np.float32), axis=1)
            raw += self.strength * np.exp(-distance / self.reach)
        return raw

"""A glioma: a core, an enhancing rim around it that may have a gap or be missing, and oedema that spares cortex."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from segpeft.data.phantoms.brain_anatomy import Sample
from segpeft.data.phantoms.case import FloatArray
from segpeft.data.phantoms.waves import RandomWaves

OEDEMA, NON_ENHANCING, ENHANCING = 1, 2, 3
NO_RIM_SHARE = 0.15
_CANDIDATES = 512
_BOX = np.array([[14.0, -60.0, -18.0], [56.0, 60.0, 48.0]])


class Tumour:
    """One tumour in the brain's frame; everything random is drawn at construction.

    The whole tumour has a radius of 20 to 34 mm, less where it meets CSF or cortex, and its core 40 to 55 % of that;
    the rim is the core's outer 4 to 7 mm. In 15 % of cases there is no rim and the core is wholly non-enhancing.

    Args:
        rng: source of place, size and irregularity.
        outline: signed distance in mm of points (N, 3) to the surface the tumour keeps away from.
    """

    def __init__(self, rng: np.random.Generator, outline: Callable[[FloatArray], FloatArray]) -> None:
        self.radius = float(rng.uniform(20.0, 34.0))
        self.core_radius = self.radius * float(rng.uniform(0.4, 0.55))
        self.has_rim = bool(rng.random() >= NO_RIM_SHARE)
        self.rim = min(float(rng.uniform(4.0, 7.0)), 0.45 * self.core_radius)
        self._mass_effect = 0.2 * self.core_radius * float(rng.uniform(0.5, 1.5))
        self._stretch = np.exp(rng.uniform(-0.18, 0.18, size=3)).astype(np.float32)
        self._core_waves = RandomWaves(rng, wavelength=1.5 * self.core_radius, waves=10)
        self._oedema_waves = RandomWaves(rng, wavelength=1.1 * self.radius, waves=10)
        self._rim_waves = RandomWaves(rng, wavelength=18.0, waves=8)
        gap = rng.normal(size=3)
        self._gap_axis = (gap / np.linalg.norm(gap)).astype(np.float32)
        self._gap_depth = float(rng.random() < 0.4)
        self.centre = self._place(rng, outline)
        self.side = float(np.sign(self.centre[0]))

    def _place(self, rng: np.random.Generator, outline: Callable[[FloatArray], FloatArray]) -> FloatArray:
        """Draws a centre (3,) whose core fits inside one hemisphere; the deepest of the candidates if none does."""
        candidates = rng.uniform(_BOX[0], _BOX[1], size=(_CANDIDATES, 3)).astype(np.float32)
        side = np.float32(rng.choice([-1.0, 1.0]))
        room = np.minimum(-outline(candidates) - 4.0, candidates[:, 0] - 2.0)
        fits = np.flatnonzero(room >= max(1.15 * self.core_radius, 0.7 * self.radius))
        chosen = candidates[fits[0] if len(fits) else np.argmax(room)]
        return chosen * np.array([side, 1.0, 1.0], dtype=np.float32)

    def displace(self, points: FloatArray) -> FloatArray:
        """Mass effect: where the tissue now at points (N, 3) lay before the tumour pushed it aside."""
        offset = points - self.centre
        falloff = np.exp(np.einsum("ij,ij->i", offset, offset) * (-0.5 / self.radius**2))
        return points - (self._mass_effect / self.radius * falloff)[:, None] * offset

    def classify(self, points: FloatArray, displaced: FloatArray, sample: Sample) -> NDArray[np.uint8]:
        """Labels points.

        Args:
            points: (N, 3) in the brain's frame in mm, before mass effect.
            displaced: (N, 3), `displace(points)`, where `sample` was taken.
            sample: normal anatomy; the tumour stays in its cerebrum, and its oedema out of CSF and most cortex.

        Returns:
            (N,) uint8 of 0, 1 (oedema), 2 (non-enhancing core) and 3 (enhancing rim).
        """
        offset = points - self.centre
        near = np.flatnonzero(np.einsum("ij,ij->i", offset, offset) < (1.8 * self.radius) ** 2)
        labels = np.zeros(len(points), dtype=np.uint8)
        stretched = offset[near] * self._stretch
        distance = np.linalg.norm(stretched, axis=1)
        core = distance - self.core_radius * (1.0 + 0.13 * self._core_waves.scalar(stretched))
        pial = sample.pial[near]
        cortex = np.maximum(4.0 - pial, 0.0)
        oedema = distance - self.radius * (1.0 + 0.2 * np.tanh(self._oedema_waves.scalar(points[near]))) + 0.8 * cortex
        tissue = (pial > 0.0) & (sample.ventricle[near] > 0.5)
        allowed = (sample.hull[near] < -2.0) & (displaced[near, 0] * self.side > 1.5)
        label = np.where(((oedema < 0.0) | (core < 2.0)) & tissue, OEDEMA, 0)
        label = np.where(core < 0.0, NON_ENHANCING, label)
        label = np.where((core < 0.0) & (core > -self._rim_thickness(stretched, distance)), ENHANCING, label)
        labels[near] = np.where(allowed, label, 0)
        return labels

    def _rim_thickness(self, offset: FloatArray, distance: FloatArray) -> FloatArray:
        """Rim thickness (N,) in mm at offsets (N, 3) from the centre: uneven, and 0 inside the gap if there is one."""
        if not self.has_rim:
            return np.zeros(len(offset), dtype=np.float32)
        uneven = 1.0 + 0.25 * np.tanh(self._rim_waves.scalar(offset))
        towards_gap = (offset @ self._gap_axis) / np.maximum(distance, 1e-3)
        closed = 1.0 - self._gap_depth * np.clip((towards_gap - 0.6) / 0.25, 0.0, 1.0)
        return (self.rim * uneven * closed).astype(np.float32)

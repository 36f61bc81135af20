"""The prostate: peripheral zone, surgical capsule, transition zone with nodules, lesions, and the plexus around it."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from segpeft.data.phantoms.case import BoolArray, FloatArray
from segpeft.data.phantoms.prostate_tissue import Kind
from segpeft.data.phantoms.solids import ellipsoid
from segpeft.data.phantoms.waves import RandomWaves

PLEXUS_THICKNESS = 6.0
ONE_ZONE_SHARE = 0.1
"""Of the cases as many lack the transition zone, and as many the peripheral zone."""
LESION_SHARE = 0.5
_CAPSULE_THICKNESS = 1.2
_RIM_THICKNESS = 1.0


@dataclass(frozen=True)
class _Ball:
    """A nodule or a lesion: a ball of one kind."""

    centre: FloatArray  # (3,)
    radius: float
    kind: Kind

    def distance(self, points: FloatArray) -> FloatArray:
        """Signed distance (N,) in mm at points (N, 3)."""
        return np.linalg.norm(points - self.centre, axis=1) - self.radius


class Gland:
    """One patient's gland, centred in its frame (x right, y front, z up); everything random is drawn at construction.

    Hyperplasia (`growth`, 0 to 1) enlarges the transition zone, and the gland with it from about 25 to 65 ml.

    Args:
        rng: source of size, zones, nodules and lesions.
    """

    def __init__(self, rng: np.random.Generator) -> None:
        growth = float(rng.uniform())
        self.semi_axes = (22.0 + 7.0 * growth, 15.0 + 7.0 * growth, 18.0 + 6.0 * growth)
        x, y, z = self.semi_axes
        share = 0.62 + 0.18 * growth
        self._inner_centre = (0.0, 0.28 * y, 0.12 * z)
        self._inner_axes = (share * x, share * y, share * z)
        draw = float(rng.uniform())
        self.has_transition = draw >= ONE_ZONE_SHARE
        self.has_peripheral = not ONE_ZONE_SHARE <= draw < 2.0 * ONE_ZONE_SHARE
        self._edge = RandomWaves(rng, wavelength=22.0, waves=8, outputs=2)
        self._darkening = RandomWaves(rng, wavelength=20.0, waves=10, outputs=2)
        self._nodules = [self._draw_nodule(rng) for _ in range(int(rng.integers(6, 11)))]
        self._lesion = self._draw_lesion(rng) if rng.uniform() < LESION_SHARE else None

    def _draw_nodule(self, rng: np.random.Generator) -> _Ball:
        """A nodule in the transition zone, large in a large gland."""
        axes = np.asarray(self._inner_axes)
        centre = np.asarray(self._inner_centre) + 0.8 * axes * _direction(rng) * rng.uniform() ** (1.0 / 3.0)
        kind = Kind.CYSTIC_NODULE if rng.uniform() < 0.75 else Kind.STROMAL_NODULE
        return _Ball(centre.astype(np.float32), float(rng.uniform(0.35, 0.6) * axes.min()), kind)

    def _draw_lesion(self, rng: np.random.Generator) -> _Ball:
        """A lesion of 4 to 8 mm radius near the gland's surface at the back, where most are."""
        towards = _direction(rng) * (1.0, 1.0, 0.6)
        towards[1] = -abs(towards[1])
        centre = 0.75 * np.asarray(self.semi_axes) * towards
        return _Ball(centre.astype(np.float32), float(rng.uniform(4.0, 8.0)), Kind.PERIPHERAL_LESION)

    def lay(self, kinds: NDArray[np.uint8], points: FloatArray) -> None:
        """Sets the kinds (N,) of points (N, 3) in the gland, in place."""
        x, y, z = self.semi_axes
        near = np.flatnonzero((np.abs(points) < np.array([x, y, z]) + 4.0).all(axis=1))
        near = near[self.surface(points[near]) < 0.0]
        inside = points[near]
        peripheral = self._peripheral_kinds(inside)
        depth = self._transition(inside)
        found = np.where(depth < 0.0, self._transition_kinds(inside, depth), peripheral)
        if self._lesion is not None:
            ill = self._lesion.distance(inside) < 0.0
            found[ill] = np.where(depth < 0.0, Kind.TRANSITION_LESION, Kind.PERIPHERAL_LESION)[ill]
        kinds[near] = found

    def lay_plexus(self, kinds: NDArray[np.uint8], points: FloatArray) -> None:
        """Sets the kinds (N,) of points (N, 3) around the gland, in place; their ADC continues the gland's."""
        reach = np.array(self.semi_axes) + PLEXUS_THICKNESS + 4.0
        near = np.flatnonzero((np.abs(points) < reach).all(axis=1))
        near = near[self.surface(points[near]) < PLEXUS_THICKNESS]
        kinds[near] = self._peripheral_kinds(points[near]) - Kind.PERIPHERAL + Kind.PLEXUS

    def surface(self, points: FloatArray) -> FloatArray:
        """Signed distance (N,) in mm of points (N, 3) to the gland's surface."""
        return ellipsoid(points, (0.0, 0.0, 0.0), self.semi_axes) + 0.8 * self._edge.vector(points)[:, 0]

    def _transition(self, points: FloatArray) -> FloatArray:
        """Signed distance (N,) in mm to the transition zone with its capsule, which reaches the gland's front."""
        if not self.has_transition:
            return np.full(len(points), np.inf, dtype=np.float32)
        if not self.has_peripheral:
            return np.full(len(points), -np.inf, dtype=np.float32)
        x, y, z = self._inner_axes
        core = ellipsoid(points, self._inner_centre, self._inner_axes)
        front = ellipsoid(points, (0.0, 1.5 * y, 0.2 * z), (0.7 * x, 0.9 * y, 0.9 * z))
        return np.minimum(core, front) + 0.8 * self._edge.vector(points)[:, 1]

    def _peripheral_kinds(self, points: FloatArray) -> NDArray[np.uint8]:
        """Kinds (N,) of the peripheral zone: a quarter normal and two parts of equal size, as waves divide it."""
        dark, restricted = self._darkening.vector(points).T
        kinds = np.where(restricted > 0.0, Kind.PERIPHERAL_RESTRICTED, Kind.PERIPHERAL_DARKENED)
        return np.where(dark > 0.7, Kind.PERIPHERAL, kinds).astype(np.uint8)

    def _transition_kinds(self, points: FloatArray, depth: FloatArray) -> NDArray[np.uint8]:
        """Kinds (N,) of the transition zone at signed distances `depth` (N,) to its surface."""
        kinds = np.full(len(points), Kind.STROMA, dtype=np.uint8)
        free: BoolArray = np.ones(len(points), dtype=bool)
        for nodule in self._nodules:
            distance = nodule.distance(points)
            kinds[free & (distance < _RIM_THICKNESS)] = Kind.FIBROUS
            kinds[free & (distance < 0.0)] = nodule.kind
            free &= distance >= 0.0
        kinds[depth > -_CAPSULE_THICKNESS] = Kind.FIBROUS
        return kinds


def _direction(rng: np.random.Generator) -> NDArray[np.float64]:
    """A random unit vector (3,)."""
    vector = rng.normal(size=3)
    return np.asarray(vector / np.linalg.norm(vector))

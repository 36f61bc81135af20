"""The frame of the trunk: skin, fat, muscle, spine, ribs, hips, lungs, great vessels, and the table under it.

Frames are those of a patient in mm: x to the right, y to the front, z up; the kidneys lie around z = 0.
"""

import numpy as np
from numpy.typing import NDArray

from segpeft.data.phantoms.abdomen_tissue import Kind
from segpeft.data.phantoms.case import FloatArray
from segpeft.data.phantoms.solids import ellipsoid, in_box, mirrored

WALL = 12.0
_ENDLESS = 1e4  # mm: a cylinder along z
_CAVITY_CENTRE, _CAVITY_AXES = (0.0, 3.0, 0.0), (128.0, 85.0, _ENDLESS)
_VERTEBRA, _COMPACT = 36.0, 2.5
_RIB_PITCH, _RIB_WIDTH, _RIB_SLOPE = 27.0, 9.0, 0.45
_DOME = 132.0
_TABLE_RADIUS = 420.0
_MUSCLES = (  # right halves: centre, semi-axes
    ((37.0, -93.0, 0.0), (29.0, 19.0, _ENDLESS)),  # erector spinae
    ((63.0, -75.0, -30.0), (24.0, 8.0, 75.0)),  # quadratus lumborum
    ((33.0, -46.0, -90.0), (16.0, 18.0, 120.0)),  # psoas
    ((22.0, 94.0, 0.0), (30.0, 9.0, _ENDLESS)),  # rectus abdominis
)


class Trunk:
    """One patient's trunk; everything random is drawn at construction.

    Args:
        rng: source of the fat, of where vertebrae and ribs begin, and of the width and course of the vessels.
    """

    def __init__(self, rng: np.random.Generator) -> None:
        self.fat = float(10.0 + 30.0 * rng.beta(1.6, 2.2))
        self.skin_axes = (128.0 + WALL + self.fat, 109.0 + 0.8 * self.fat, _ENDLESS)
        self._level, self._rib_level = rng.uniform(0.0, _VERTEBRA), rng.uniform(0.0, _RIB_PITCH)
        self._bow, self._aorta = rng.normal(scale=(2.0, 3.0)), float(rng.uniform(8.5, 12.0))
        self._dome = _DOME + float(rng.uniform(-12.0, 12.0))

    @property
    def lowest(self) -> float:
        """Height (y) in mm of the skin of the back."""
        return -7.0 - self.skin_axes[1]

    def lay(self, kinds: NDArray[np.uint8], points: FloatArray) -> NDArray[np.int64]:
        """Sets the kinds (N,) of points (N, 3) inside the skin, in place.

        Returns:
            The indices of those that lie in the cavity and are free for organs; they are set to fat.
        """
        body = np.flatnonzero(ellipsoid(points, (0.0, -7.0, 0.0), self.skin_axes) < 0.0)
        inside = points[body]
        found = np.full(len(body), Kind.SUBCUTANEOUS, dtype=np.uint8)
        wall = ellipsoid(inside, _CAVITY_CENTRE, _CAVITY_AXES)
        found[wall < WALL] = Kind.MUSCLE
        found[wall < 0.0] = Kind.FAT
        self._lay_ribs(found, inside, wall)
        found[(wall < 0.0) & (inside[:, 2] > self._diaphragm(inside))] = Kind.LUNG
        self._lay_muscles(found, mirrored(inside))
        self._lay_spine(found, inside)
        self._lay_hips(found, mirrored(inside))
        self._lay_vessels(found, inside)
        kinds[body] = found
        return body[found == Kind.FAT]

    def lay_table(self, kinds: NDArray[np.uint8], points: FloatArray) -> None:
        """Sets the kinds (N,) of points (N, 3) of the scanner's frame that lie in the table and not in the body."""
        height = points[:, 1] - self.lowest
        low = np.flatnonzero((height < 90.0) & (kinds == Kind.AIR))
        x, y = points[low, 0], height[low] - _TABLE_RADIUS
        depth = np.hypot(x, y) - _TABLE_RADIUS - 2.0
        found = np.where(np.abs(depth - 14.0) < 11.0, Kind.TABLE_CORE, Kind.TABLE_SHELL)
        table = (np.abs(depth - 14.0) < 14.0) & (np.abs(x) < 215.0)
        kinds[low[table]] = found[table]

    def _diaphragm(self, points: FloatArray) -> FloatArray:
        """Height (N,) in mm of the diaphragm over points (N, 3)."""
        aside = np.abs(points[:, 0]) - 62.0
        return self._dome - 0.011 * aside * aside - 0.009 * (points[:, 1] - 22.0) ** 2

    def _lay_ribs(self, kinds: NDArray[np.uint8], points: FloatArray, wall: FloatArray) -> None:
        """Lays slanting ribs into the muscle of the wall, in place."""
        x, y, z = points.T
        along = z - self._rib_level + _RIB_SLOPE * (y + 40.0)
        gap = np.abs((along + 0.5 * _RIB_PITCH) % _RIB_PITCH - 0.5 * _RIB_PITCH)
        covered = (z > 12.0 + 0.5 * y) & (y < 70.0) & (np.abs(x) > 25.0)
        depth = np.hypot(np.maximum(gap - 0.5 * _RIB_WIDTH + 2.5, 0.0), np.abs(wall - 5.0))
        kinds[covered & (depth < 4.5)] = Kind.COMPACT_BONE
        kinds[covered & (depth < 2.2)] = Kind.MARROW

    def _lay_muscles(self, kinds: NDArray[np.uint8], both: FloatArray) -> None:
        """Lays the muscles of back and belly at the mirrored points `both` (N, 3), in place."""
        for centre, semi_axes in _MUSCLES:
            near = in_box(both, np.subtract(centre, semi_axes), np.add(centre, semi_axes))
            near = near[ellipsoid(both[near], centre, semi_axes) < 0.0]
            kinds[near[kinds[near] != Kind.LUNG]] = Kind.MUSCLE

    def _lay_spine(self, kinds: NDArray[np.uint8], points: FloatArray) -> None:
        """Lays vertebral bodies, discs, arches and the canal, in place."""
        near = in_box(points, (-50.0, -120.0, -_ENDLESS), (50.0, -25.0, _ENDLESS))
        place = points[near] - np.array([self._bow[0], 0.0, 0.0], dtype=np.float32)
        found, level = kinds[near], np.abs((points[near, 2] + self._level) % _VERTEBRA - 0.5 * _VERTEBRA)
        arch = ellipsoid(place, (0.0, -82.0, 0.0), (15.0, 14.0, _ENDLESS))
        spinous = ellipsoid(place, (0.0, -101.0, 0.0), (4.5, 15.0, _ENDLESS))
        transverse = ellipsoid(mirrored(place), (28.0, -76.0, 0.0), (20.0, 5.0, _ENDLESS))
        body = ellipsoid(place, (0.0, -53.0, 0.0), (24.0, 17.0, _ENDLESS))
        found[(np.minimum(arch, spinous) < 0.0) & (level < 12.0)] = Kind.COMPACT_BONE
        found[(transverse < 0.0) & (level < 5.0)] = Kind.COMPACT_BONE
        found[body < 0.0] = Kind.COMPACT_BONE
        found[(body < -_COMPACT) & (level < 0.5 * _VERTEBRA - 4.0 - 0.5 * _COMPACT)] = Kind.MARROW
        found[(body < -0.5) & (level > 0.5 * _VERTEBRA - 4.0)] = Kind.DISC
        found[ellipsoid(place, (0.0, -79.0, 0.0), (9.0, 8.0, _ENDLESS)) < 0.0] = Kind.CANAL
        kinds[near] = found

    def _lay_hips(self, kinds: NDArray[np.uint8], both: FloatArray) -> None:
        """Lays the wings of the hips below the kidneys at the mirrored points `both` (N, 3), in place."""
        near = in_box(both, (45.0, -_ENDLESS, -_ENDLESS), (_ENDLESS, 55.0, -85.0))
        place = both[near]
        sheet = np.abs(ellipsoid(place, (48.0, -12.0, -185.0), (72.0, 72.0, 92.0)))
        wing = place[:, 0] > 60.0
        kinds[near[wing & (sheet < 6.0)]] = Kind.COMPACT_BONE
        kinds[near[wing & (sheet < 3.0)]] = Kind.MARROW

    def _lay_vessels(self, kinds: NDArray[np.uint8], points: FloatArray) -> None:
        """Lays the aorta and the inferior vena cava in front of the spine, in place."""
        near = in_box(points, (-35.0, -45.0, -_ENDLESS), (45.0, 0.0, _ENDLESS))
        x, y, z = points[near].T
        sway = 2.5 * np.sin(z / 45.0 + self._bow[1])
        aorta = np.hypot(x + 9.0 + sway, y + 25.0) < self._aorta * np.where(z < -95.0, 0.6, 1.0)
        cava = np.hypot((x - 22.0 + sway) / 1.25, y + 26.0) < 9.5
        kinds[near[cava]] = Kind.VEIN
        kinds[near[aorta]] = Kind.ARTERY

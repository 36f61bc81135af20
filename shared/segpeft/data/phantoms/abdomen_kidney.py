"""A kidney: cortex, pyramids, a sinus of fat with the renal pelvis, its vessels, and the adrenal on its upper pole."""

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from segpeft.data.phantoms.abdomen_masses import Mass, draw_masses
from segpeft.data.phantoms.abdomen_tissue import Kind
from segpeft.data.phantoms.case import FloatArray
from segpeft.data.phantoms.solids import ball, capsule, ellipsoid, in_box
from segpeft.data.phantoms.waves import RandomWaves

RIGHT, LEFT = 1, -1
REACH = 110.0
_SEMI_AXES = np.array([27.0, 23.0, 54.0])  # towards the hilum, across, along
_CORTEX = 7.0
_TOWARDS_FRONT, _UPPER_POLE_IN, _LOWER_POLE_FRONT = 35.0, 10.0, 12.0  # degrees


class Kidney:
    """One kidney in the patient's frame; everything random is drawn at construction.

    Args:
        rng: source of place, size, inner structure and masses.
        side: `RIGHT` (x > 0) or `LEFT`.
        tumours: how many tumours it has.
    """

    def __init__(self, rng: np.random.Generator, side: int, tumours: int) -> None:
        self.side = side
        height = -6.0 if side == RIGHT else 9.0  # the liver pushes the right one down
        place = np.array([side * 67.0, -37.0, height]) + rng.normal(scale=(2.5, 2.5, 7.0))
        self.centre = place.astype(np.float32)
        self.semi_axes = _SEMI_AXES * rng.uniform(0.88, 1.12) * rng.uniform(0.94, 1.06, size=3)
        self._axes = _axes(rng, side)  # (3, 3), columns: towards the hilum, across, along
        self._edge = RandomWaves(rng, wavelength=34.0, waves=6)
        self._pyramids = RandomWaves(rng, wavelength=19.0, waves=8)
        self._fat = float(rng.uniform(5.0, 16.0))
        self._pelvis = float(rng.uniform(0.7, 1.5))
        self._adenoma = float(rng.uniform(7.0, 14.0)) if rng.uniform() < 0.25 else 0.0
        self.masses: list[Mass] = draw_masses(rng, self.semi_axes, tumours)

    def local(self, points: FloatArray) -> FloatArray:
        """Points (N, 3) in the kidney's own frame (N, 3): towards the hilum, across, along."""
        return np.asarray((points - self.centre) @ self._axes, dtype=np.float32)

    def lay(self, kinds: NDArray[np.uint8], points: FloatArray) -> None:
        """Sets the kinds (N,) of points (N, 3) of the cavity, in place, from the fat around it to its masses."""
        self._lay_vessels(kinds, points)
        near = in_box(points, self.centre - REACH, self.centre + REACH)
        place = self.local(points[near])
        found = kinds[near]
        surface = self._surface(place)
        found[surface < self._fat] = Kind.FAT
        self._lay_adrenal(found, place)
        self._lay_inside(found, place, surface)
        for mass in self.masses:
            mass.lay(found, place, surface)
        kinds[near] = found

    def _surface(self, place: FloatArray) -> FloatArray:
        """Signed distance (N,) in mm to the kidney without its masses, with the dent of the hilum."""
        u, v, w = self.semi_axes.tolist()
        distance = ellipsoid(place, (0.0, 0.0, 0.0), (u, v, w))
        near = np.flatnonzero(distance < 20.0)
        dent = ellipsoid(place[near], (1.15 * u, 0.0, 0.0), (0.5 * u, 0.55 * v, 0.3 * w))
        distance[near] = np.maximum(distance[near] + 1.2 * self._edge.scalar(place[near]), -dent)
        return distance

    def _lay_inside(self, kinds: NDArray[np.uint8], place: FloatArray, surface: FloatArray) -> None:
        """Lays cortex, pyramids, sinus and pelvis, in place."""
        u, v, w = self.semi_axes.tolist()
        inner = np.flatnonzero(surface < 0.0)
        found = np.full(len(inner), Kind.CORTEX, dtype=np.uint8)
        deep = surface[inner] < -_CORTEX
        found[deep & (self._pyramids.scalar(place[inner]) > -0.35)] = Kind.MEDULLA
        kinds[inner] = found
        hilum = np.flatnonzero((surface < 6.0) & (place[:, 0] > -0.3 * u))
        sinus = ellipsoid(place[hilum], (0.55 * u, 0.0, 0.0), (0.62 * u, 0.42 * v, 0.46 * w))
        sinus += 1.5 * self._pyramids.scalar(place[hilum])
        kinds[hilum[(sinus < 0.0) & (surface[hilum] < 0.0)]] = Kind.SINUS_FAT
        water = (0.3 * u * self._pelvis, 0.18 * v * self._pelvis, 0.26 * w * self._pelvis)
        pelvis = ellipsoid(place[hilum], (0.72 * u, 0.0, 0.0), water)
        kinds[hilum[(pelvis < 0.0) & (sinus < 1.0)]] = Kind.PELVIS

    def _lay_vessels(self, kinds: NDArray[np.uint8], points: FloatArray) -> None:
        """Lays the artery from the aorta, the vein to the cava, and the ureter, in place."""
        hilum = self.centre + self._axes @ np.array([0.6 * self.semi_axes[0], 0.0, 0.0], dtype=np.float32)
        aorta = np.array([-9.0, -25.0, hilum[2] + 8.0], dtype=np.float32)
        cava = np.array([22.0, -26.0, hilum[2] + 2.0], dtype=np.float32)
        lower = np.array([self.side * 34.0, -18.0, hilum[2] - 110.0], dtype=np.float32)
        courses = ((aorta, 3.2, Kind.ARTERY), (cava, 5.0, Kind.VEIN), (lower, 2.2, Kind.PELVIS))
        for end, radius, kind in courses:
            near, distance = capsule(points, hilum, end, radius)
            kinds[near[distance < 0.0]] = kind

    def _lay_adrenal(self, kinds: NDArray[np.uint8], place: FloatArray) -> None:
        """Lays the two limbs of the adrenal over the upper pole, and an adenoma where there is one, in place."""
        u, v, w = self.semi_axes.tolist()
        for tilt in (-0.35, 0.35):
            limb = place - np.array([0.6 * u, 0.2 * v, 1.02 * w], dtype=np.float32)
            limb = limb @ np.asarray(Rotation.from_euler("z", tilt).as_matrix(), dtype=np.float32)
            near = in_box(limb, (-20.0, -20.0, -20.0), (20.0, 20.0, 20.0))
            kinds[near[ellipsoid(limb[near], (0.0, 0.0, 0.0), (2.6, 12.0, 13.0)) < 0.0]] = Kind.ADRENAL
        if self._adenoma:
            top = np.array([0.6 * u, 0.2 * v, w + self._adenoma + 2.0], dtype=np.float32)
            near, distance = ball(place, top, self._adenoma)
            kinds[near[distance < 0.0]] = Kind.ADENOMA


def _axes(rng: np.random.Generator, side: int) -> FloatArray:
    """Directions (3, 3) as columns: towards the hilum (inwards and to the front), across, along (up and inwards)."""
    front, inward, tip = np.radians([_TOWARDS_FRONT, _UPPER_POLE_IN, _LOWER_POLE_FRONT] + rng.normal(scale=4.0, size=3))
    along = np.array([-side * np.sin(inward), -np.sin(tip), np.cos(inward)])
    along /= np.linalg.norm(along)
    hilum = np.array([-side * np.cos(front), np.sin(front), 0.0])
    hilum -= along * (hilum @ along)
    hilum /= np.linalg.norm(hilum)
    return np.stack([hilum, np.cross(along, hilum), along], axis=1).astype(np.float32)

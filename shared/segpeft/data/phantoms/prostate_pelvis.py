"""The pelvis around the gland: fat, muscle, bone, bladder, rectum and seminal vesicles."""

import numpy as np
from numpy.typing import NDArray

from segpeft.data.phantoms.case import FloatArray
from segpeft.data.phantoms.prostate_gland import PLEXUS_THICKNESS, Gland
from segpeft.data.phantoms.prostate_tissue import Kind
from segpeft.data.phantoms.solids import Tube, ellipsoid, mirrored
from segpeft.data.phantoms.waves import RandomWaves

_WALL = 3.0
_COMPACT = 2.5
_SUBCUTANEOUS = 18.0
_ENDLESS = 1e4  # mm: a cylinder along z
_BONES = (  # right halves: centre, semi-axes
    ((80.0, 0.0, 6.0), (22.0, 30.0, 60.0)),  # acetabulum and ischium
    ((24.0, 52.0, -2.0), (20.0, 12.0, 19.0)),  # pubis
    ((0.0, -82.0, 20.0), (22.0, 9.0, 45.0)),  # sacrum and coccyx
)
_MUSCLES = (
    ((51.0, 0.0, 0.0), (9.0, 36.0, 44.0)),  # obturator internus
    ((60.0, -78.0, 0.0), (46.0, 18.0, 90.0)),  # gluteus
    ((66.0, 66.0, -10.0), (26.0, 16.0, 60.0)),  # pectineus
)


class Pelvis:
    """One patient's pelvis in the gland's frame in mm; everything random is drawn at construction.

    Args:
        rng: source of fillings and courses.
        gland: of the same patient, whose size moves bladder and rectum.
    """

    def __init__(self, rng: np.random.Generator, gland: Gland) -> None:
        self._gland = gland
        _, y, z = gland.semi_axes
        filling = float(rng.uniform(0.7, 1.3))
        self._bladder_axes = (32.0 * filling, 26.0 * filling, 22.0 * filling)
        self._bladder_centre = (0.0, 8.0, z + 0.8 * self._bladder_axes[2])
        self._vesicle_centre = (15.0, -0.75 * y, z + 2.0)
        radius = float(rng.uniform(9.0, 15.0))
        self._rectum = _rectum(rng, radius, behind=y + 0.5 * PLEXUS_THICKNESS + _WALL)
        self._filling = Kind.GAS if rng.uniform() < 0.5 else Kind.STOOL
        self._wobble = RandomWaves(rng, wavelength=50.0, waves=8)

    def kinds(self, points: FloatArray) -> NDArray[np.uint8]:
        """Kinds of tissue (N,) at points (N, 3); what is laid later covers what was there."""
        kinds = np.full(len(points), Kind.FAT, dtype=np.uint8)
        wobble = 2.0 * self._wobble.scalar(points)
        skin = ellipsoid(points, (0.0, -4.0, 0.0), (175.0, 106.0, _ENDLESS)) + wobble
        both = mirrored(points)
        self._lay_frame(kinds, both, wobble, skin)
        self._lay_levator(kinds, both)
        self._gland.lay_plexus(kinds, points)
        bladder = ellipsoid(points, self._bladder_centre, self._bladder_axes) + wobble
        _lay_hollow(kinds, bladder, Kind.URINE)
        kinds[ellipsoid(both, self._vesicle_centre, (15.0, 5.0, 7.0)) + 0.5 * wobble < 0.0] = Kind.VESICLE
        _lay_hollow(kinds, self._rectum.distance(points, reach=24.0), self._filling)
        self._gland.lay(kinds, points)
        kinds[skin > 0.0] = Kind.AIR
        return kinds

    def _lay_frame(self, kinds: NDArray[np.uint8], both: FloatArray, wobble: FloatArray, skin: FloatArray) -> None:
        """Lays muscles and bones at the mirrored points `both` (N, 3), in place."""
        for centre, semi_axes in _MUSCLES:
            muscle = ellipsoid(both, centre, semi_axes) + wobble
            kinds[(muscle < 0.0) & (skin < -_SUBCUTANEOUS)] = Kind.MUSCLE
        for centre, semi_axes in _BONES:
            bone = ellipsoid(both, centre, semi_axes) + wobble
            kinds[bone < 0.0] = Kind.COMPACT_BONE
            kinds[bone < -_COMPACT] = Kind.MARROW

    def _lay_levator(self, kinds: NDArray[np.uint8], both: FloatArray) -> None:
        """Lays the sheet of muscle beside gland and rectum at the mirrored points `both` (N, 3), in place."""
        x, y, z = self._gland.semi_axes
        axes = (x + PLEXUS_THICKNESS + 4.0, y + 34.0, z + 30.0)
        sheet = np.abs(ellipsoid(both, (0.0, -16.0, -8.0), axes))
        kinds[(sheet < 2.0) & (both[:, 2] < 8.0) & (both[:, 1] < y)] = Kind.MUSCLE


def _lay_hollow(kinds: NDArray[np.uint8], distance: FloatArray, filling: Kind) -> None:
    """Lays a hollow organ by the signed distance (N,) to its outer surface, in place."""
    kinds[distance < 0.0] = Kind.HOLLOW_WALL
    kinds[distance < -_WALL] = filling


def _rectum(rng: np.random.Generator, radius: float, behind: float) -> Tube:
    """The rectum: down at `behind` mm behind the gland, then back to the anal canal; `radius` (mm) is the inner one."""
    outer = radius + _WALL
    course = np.array(
        [[0, -16, 75], [0, -6, 45], [0, 0, 15], [0, 0, -10], [0, -6, -35], [0, -22, -65]], dtype=np.float32
    )
    course[:, 1] -= behind - _WALL + outer
    course[:, 0] += rng.normal(scale=2.5, size=len(course))
    radii = outer * np.array([1.1, 1.0, 1.0, 0.95, 0.7, 0.55])
    return Tube(course, radii.astype(np.float32))

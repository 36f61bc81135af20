"""The organs around the kidneys; none carries a label, and several look like one that does."""

import numpy as np
from numpy.typing import NDArray

from segpeft.data.phantoms.abdomen_tissue import Kind
from segpeft.data.phantoms.case import FloatArray
from segpeft.data.phantoms.solids import ball, capsule, ellipsoid, in_box
from segpeft.data.phantoms.waves import RandomWaves

_WALL = 3.5
_LIVER = (((76.0, 8.0, 72.0), (60.0, 76.0, 66.0)), ((4.0, 46.0, 92.0), (68.0, 34.0, 36.0)))
_SPLEEN = ((-98.0, -30.0, 74.0), (26.0, 40.0, 46.0))
_STOMACH = ((-48.0, 40.0, 84.0), (46.0, 34.0, 42.0))
_GALL_BLADDER = ((50.0, 48.0, 22.0), (13.0, 17.0, 22.0))
_PANCREAS = (((36.0, 8.0, 22.0), (4.0, 24.0, 34.0)), ((4.0, 24.0, 34.0), (-74.0, -8.0, 58.0)))
_DUODENUM = (((34.0, 22.0, 40.0), (44.0, -4.0, 24.0)), ((44.0, -4.0, 24.0), (40.0, -8.0, -34.0)))
_COLON = (  # right, across, left: from, to
    ((99.0, -8.0, -130.0), (94.0, 4.0, 14.0)),
    ((94.0, 22.0, 20.0), (-88.0, 44.0, 40.0)),
    ((-108.0, -16.0, 48.0), (-100.0, -14.0, -130.0)),
)
_SMALL_BOWEL = ((0.0, 30.0, -78.0), (92.0, 56.0, 108.0))


class Organs:
    """One patient's liver, spleen, stomach, bowel and the like; everything random is drawn at construction.

    Args:
        rng: source of sizes, fillings and lesions.
    """

    def __init__(self, rng: np.random.Generator) -> None:
        self._size = rng.uniform(0.92, 1.08, size=3)
        self._edge = RandomWaves(rng, wavelength=60.0, waves=6)
        self._loops = RandomWaves(rng, wavelength=46.0, waves=8)
        self._filling = RandomWaves(rng, wavelength=70.0, waves=5)
        self._colon = rng.uniform(14.0, 22.0, size=3)
        self._lesions = [
            (self._inside(rng, centre, axes), float(rng.uniform(5.0, 15.0)), Kind(int(rng.choice(_LESION_KINDS))))
            for centre, axes in (_LIVER[0], _LIVER[0], _SPLEEN)
            if rng.uniform() < 0.4
        ]
        self._portal = np.array([[30.0, 14.0, 40.0], [70.0, 6.0, 82.0]]) + rng.normal(scale=3.0, size=(2, 3))

    @staticmethod
    def _inside(
        rng: np.random.Generator, centre: tuple[float, float, float], axes: tuple[float, float, float]
    ) -> FloatArray:
        return np.asarray(centre + 0.5 * np.array(axes) * rng.uniform(-1.0, 1.0, size=3), dtype=np.float32)

    def lay(self, kinds: NDArray[np.uint8], points: FloatArray) -> None:
        """Sets the kinds (N,) of points (N, 3) of the cavity, in place; what is laid later covers what was there."""
        self._lay_small_bowel(kinds, points)
        for (start, end), radius in zip(_COLON, self._colon, strict=True):
            self._lay_gut(kinds, points, *capsule(points, start, end, float(radius)))
        for start, end in _DUODENUM:
            self._lay_gut(kinds, points, *capsule(points, start, end, 12.0))
        for start, end in _PANCREAS:
            near, distance = capsule(points, start, end, 11.0)
            kinds[near[distance < 0.0]] = Kind.PANCREAS
        self._lay_solid(kinds, points, _STOMACH, Kind.BOWEL_WALL)
        self._fill_stomach(kinds, points)
        self._lay_solid(kinds, points, _SPLEEN, Kind.SPLEEN)
        for lobe in _LIVER:
            self._lay_solid(kinds, points, lobe, Kind.LIVER)
        self._lay_solid(kinds, points, _GALL_BLADDER, Kind.BILE)
        for centre, radius, kind in self._lesions:
            near, distance = ball(points, centre, radius)
            near = near[distance < 0.0]
            kinds[near[(kinds[near] == Kind.LIVER) | (kinds[near] == Kind.SPLEEN)]] = kind
        near, distance = capsule(points, self._portal[0], self._portal[1], 6.5)
        kinds[near[distance < 0.0]] = Kind.VEIN

    def _lay_solid(
        self,
        kinds: NDArray[np.uint8],
        points: FloatArray,
        solid: tuple[tuple[float, float, float], tuple[float, float, float]],
        kind: Kind,
    ) -> None:
        """Lays an organ of one kind, its surface a little uneven, in place."""
        near, distance = self._around(points, solid)
        kinds[near[distance < 0.0]] = kind

    def _around(
        self, points: FloatArray, solid: tuple[tuple[float, float, float], tuple[float, float, float]]
    ) -> tuple[NDArray[np.int64], FloatArray]:
        """Returns the indices of points (N, 3) near an organ and their signed distances in mm to its surface."""
        centre, axes = np.array(solid[0], dtype=np.float32), np.array(solid[1]) * self._size
        near = in_box(points, centre - axes - 6.0, centre + axes + 6.0)
        place = points[near]
        x, y, z = axes.tolist()
        return near, ellipsoid(place, solid[0], (x, y, z)) + 2.5 * self._edge.scalar(place)

    def _fill_stomach(self, kinds: NDArray[np.uint8], points: FloatArray) -> None:
        """Fills the stomach; gas rises to the front of a patient who lies on the back."""
        near, distance = self._around(points, _STOMACH)
        lumen = near[distance < -_WALL]
        kinds[lumen] = np.where(points[lumen, 1] > 52.0, Kind.GAS, Kind.BOWEL_CONTENT)

    def _lay_gut(
        self, kinds: NDArray[np.uint8], points: FloatArray, near: NDArray[np.int64], distance: FloatArray
    ) -> None:
        """Lays a piece of gut with what waves fill it with, by the signed distances (M,) of points `near`, in place."""
        kinds[near[distance < 0.0]] = Kind.BOWEL_WALL
        lumen = near[distance < -_WALL]
        kinds[lumen] = np.where(self._filling.scalar(points[lumen]) > 0.1, Kind.GAS, Kind.BOWEL_CONTENT)

    def _lay_small_bowel(self, kinds: NDArray[np.uint8], points: FloatArray) -> None:
        """Lays loops where a wave field is high, their walls around them, and the mesentery's vessels between."""
        near, distance = self._around(points, _SMALL_BOWEL)
        near = near[distance < 0.0]
        height = self._loops.scalar(points[near])
        kinds[near[height > 0.0]] = Kind.BOWEL_WALL
        lumen = near[height > 0.55]
        kinds[lumen] = np.where(self._filling.scalar(points[lumen]) > 1.2, Kind.GAS, Kind.BOWEL_CONTENT)
        kinds[near[height < -1.75]] = Kind.VEIN


_LESION_KINDS = (Kind.LESION, Kind.LESION, Kind.BILE)  # metastases, and cysts of the liver

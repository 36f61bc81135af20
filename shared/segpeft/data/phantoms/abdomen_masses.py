"""What grows on a kidney: tumours, which are labelled as such, and cysts, which KiTS19 counts as kidney."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from segpeft.data.phantoms.abdomen_tissue import TUMOUR_KINDS, Kind
from segpeft.data.phantoms.case import FloatArray
from segpeft.data.phantoms.solids import in_box
from segpeft.data.phantoms.waves import RandomWaves

TUMOUR_RADII = (8.0, 40.0)
CYST_RADII = (5.0, 24.0)
_TUMOUR_SHARES = (0.6, 0.22, 0.18)  # of TUMOUR_KINDS
_NECROSIS_FROM = 16.0
_CAPSULE = 1.0


@dataclass(frozen=True)
class Mass:
    """A tumour or a cyst in the frame of its kidney.

    Attributes:
        centre: (3,) in mm.
        radius: in mm, before stretch and unevenness.
        kind: of its tissue.
        stretch: (3,) factors of distances along each axis.
        edge: its unevenness.
        uneven: amplitude of the unevenness, a share of the radius.
        necrosis: radius in mm of a dead centre, 0 where there is none.
    """

    centre: FloatArray
    radius: float
    kind: Kind
    stretch: FloatArray
    edge: RandomWaves
    uneven: float
    necrosis: float

    def lay(self, kinds: NDArray[np.uint8], place: FloatArray, kidney: FloatArray) -> None:
        """Sets the kinds (N,) of points (N, 3) in the mass, in place.

        Args:
            kinds: kinds of tissue so far.
            place: points in the kidney's frame in mm.
            kidney: signed distance (N,) in mm to the kidney's surface.
        """
        near = in_box(place, self.centre - 1.6 * self.radius, self.centre + 1.6 * self.radius)
        offset = (place[near] - self.centre) * self.stretch
        rough = self.radius * self.uneven * self.edge.scalar(offset)
        distance = np.linalg.norm(offset, axis=1) + rough - self.radius
        kinds[near[distance < 0.0]] = self.kind
        if self.necrosis:
            dead = np.linalg.norm(offset, axis=1) + 2.5 * rough < self.necrosis
            kinds[near[dead & (distance < -3.0)]] = Kind.NECROSIS


def draw_masses(rng: np.random.Generator, semi_axes: NDArray[np.float64], tumours: int) -> list[Mass]:
    """Draws the cysts and `tumours` of a kidney with `semi_axes` (3,) in mm; a tumour covers a cyst in its place."""
    cysts = int(rng.choice(4, p=(0.45, 0.3, 0.15, 0.1)))
    return [
        *(_cyst(rng, semi_axes) for _ in range(cysts)),
        *(_tumour(rng, semi_axes) for _ in range(tumours)),
    ]


def _cyst(rng: np.random.Generator, semi_axes: NDArray[np.float64]) -> Mass:
    radius = _between(rng, CYST_RADII)
    centre = _place(rng, semi_axes, radius, outwards=float(rng.uniform(-0.7, 0.5)))
    stretch = np.exp(rng.uniform(-0.06, 0.06, size=3)).astype(np.float32)
    edge = RandomWaves(rng, wavelength=2.0 * radius, waves=4)
    return Mass(centre, radius, Kind.CYST, stretch, edge, 0.02, 0.0)


def _tumour(rng: np.random.Generator, semi_axes: NDArray[np.float64]) -> Mass:
    radius = _between(rng, TUMOUR_RADII)
    centre = _place(rng, semi_axes, radius, outwards=float(rng.uniform(-0.9, 0.6)))
    kind = Kind(int(rng.choice(TUMOUR_KINDS, p=_TUMOUR_SHARES)))
    stretch = np.exp(rng.uniform(-0.14, 0.14, size=3)).astype(np.float32)
    edge = RandomWaves(rng, wavelength=1.6 * radius, waves=8)
    dead = radius > _NECROSIS_FROM and rng.uniform() < 0.6
    necrosis = radius * float(rng.uniform(0.35, 0.65)) if dead else 0.0
    return Mass(centre, radius, kind, stretch, edge, 0.09, necrosis)


def _between(rng: np.random.Generator, radii: tuple[float, float]) -> float:
    return float(np.exp(rng.uniform(*np.log(radii))))


def _place(rng: np.random.Generator, semi_axes: NDArray[np.float64], radius: float, outwards: float) -> FloatArray:
    """A centre (3,) away from the hilum: `outwards` radii outside of the kidney's surface, inside of it if negative."""
    direction = rng.normal(size=3)
    direction[0] = -abs(direction[0]) + 0.35 * rng.uniform()
    direction /= np.linalg.norm(direction)
    surface = semi_axes * direction
    depth = np.linalg.norm(surface)
    return np.asarray(surface * max(depth + outwards * radius, 0.3 * depth) / depth, dtype=np.float32)

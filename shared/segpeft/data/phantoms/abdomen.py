"""Kidneys with tumours and cysts on contrast-enhanced CT, among organs that share their Hounsfield units.

`abdomen_tissue` says which kinds of tissue coincide. Every case has a protocol of its own: phase of contrast, size of
the field of view, thickness and number of slices, noise, and whether what lies outside the round field is filled.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from segpeft.data.phantoms.abdomen_body import Trunk
from segpeft.data.phantoms.abdomen_kidney import LEFT, RIGHT, Kidney
from segpeft.data.phantoms.abdomen_organs import Organs
from segpeft.data.phantoms.abdomen_tissue import (
    KIDNEY,
    LABELS,
    PHASE_SHARES,
    PHASES,
    TEXTURE,
    TUMOUR,
    Kind,
    draw_hounsfield,
)
from segpeft.data.phantoms.case import FloatArray, Phantom, PhantomCase, Shape, source_of_case
from segpeft.data.phantoms.ct_physics import MATRIX, Scanner, draw_scanner
from segpeft.data.phantoms.grid import Grid
from segpeft.data.phantoms.pose import Pose
from segpeft.data.phantoms.waves import RandomWaves

SMALLEST = (24, 24, 8)
KIDNEYS = (0.0, -30.0, 0.0)  # the middle between them in mm
ONE_KIDNEY_SHARE = 0.1
NO_TUMOUR_SHARE = 0.08
TWO_TUMOURS_SHARE = 0.12
_LOWEST, _HIGHEST = (-185.0, -100.0), (95.0, 165.0)


@dataclass(frozen=True)
class _Patient:
    """All that is random about a case but the noise, drawn before any voxel is, so that the grid cannot change it."""

    pose: Pose
    trunk: Trunk
    organs: Organs
    kidneys: tuple[Kidney, ...]
    texture: RandomWaves
    hounsfield: FloatArray  # (32,)
    scanner: Scanner
    bottom: float  # z in mm
    top: float


def abdomen_case(
    shape: Shape | None, seed: int, index: int, targeted: tuple[float, float, float] | None = None
) -> PhantomCase:
    """Makes one case; it depends on nothing but the arguments.

    Args:
        shape: voxels along x, y and z over the case's field of view; None: 512 x 512 pixels of 0.6 to 0.95 mm and as
            many slices of 1 to 5 mm as it is high.
        seed: seed of the data set.
        index: number of the case in the data set, from 0.
        targeted: extent in mm about the kidneys that is reconstructed, as far as it was scanned; None: all of it.

    Returns:
        CT in HU with the label of kidney (1, with its cysts, without sinus and pelvis) and tumour (2); a tenth of the
        cases has one kidney, 8 % have no tumour.

    Raises:
        InputError: if an axis has too few voxels (24, 24, 8), or seed or index is negative.
    """
    patient = _draw_patient(source_of_case(seed, index))
    grid = _grid(patient, shape, targeted)
    hounsfield = np.empty(grid.shape, dtype=np.float32)
    label = np.empty(grid.shape, dtype=np.uint8)
    for block in grid.blocks():
        hounsfield.reshape(-1)[block], label.reshape(-1)[block] = _rasterise(patient, grid, block)
    noise = np.random.default_rng([seed, index, 1])  # a 0 at the end would be the patient's stream once more
    image = patient.scanner.acquire(hounsfield, grid.spacing, noise)
    return PhantomCase(image[None], label, grid.affine)


def _draw_patient(rng: np.random.Generator) -> _Patient:
    """Draws anatomy, contrast and protocol."""
    pose, trunk, organs = Pose(rng, max_angle=4.0, max_shift=8.0, max_warp=3.0), Trunk(rng), Organs(rng)
    kidneys = _draw_kidneys(rng)
    texture = RandomWaves(rng, wavelength=9.0, waves=12)
    hounsfield = draw_hounsfield(rng, int(rng.choice(len(PHASES), p=PHASE_SHARES)))
    scanner = draw_scanner(rng, 2.0 * trunk.skin_axes[0])
    bottom, top = rng.uniform(*_LOWEST), rng.uniform(*_HIGHEST)
    return _Patient(pose, trunk, organs, kidneys, texture, hounsfield, scanner, float(bottom), float(top))


def _draw_kidneys(rng: np.random.Generator) -> tuple[Kidney, ...]:
    """Draws one or two kidneys, and on which of them none, one or two tumours are."""
    draw = rng.uniform(size=4)
    sides = [RIGHT, LEFT]
    if draw[0] < ONE_KIDNEY_SHARE:
        sides.remove(RIGHT if draw[1] < 0.5 else LEFT)
    count = 0 if draw[2] < NO_TUMOUR_SHARE else 2 if draw[2] > 1.0 - TWO_TUMOURS_SHARE else 1
    ill = sides[int(draw[3] * len(sides))]
    return tuple(Kidney(rng, side, count if side == ill else 0) for side in sides)


def _grid(patient: _Patient, shape: Shape | None, targeted: tuple[float, float, float] | None) -> Grid:
    """The case's grid, with whole slices if full: about the kidneys, or a little behind the patient, table and all."""
    scanner = patient.scanner
    bottom, top, in_plane, middle = patient.bottom, patient.top, (MATRIX * scanner.pixel,) * 2, (0.0, -14.0)
    if targeted is not None:
        bottom, top = max(bottom, KIDNEYS[2] - targeted[2] / 2), min(top, KIDNEYS[2] + targeted[2] / 2)
        in_plane, middle = targeted[:2], KIDNEYS[:2]
    slices = round((top - bottom) / scanner.thickness)
    field_of_view = (*in_plane, slices * scanner.thickness)
    centre = (*middle, 0.5 * (bottom + top))
    return Grid(shape or (MATRIX, MATRIX, slices), field_of_view, centre=centre, smallest=SMALLEST)


def _rasterise(patient: _Patient, grid: Grid, block: NDArray[np.int64]) -> tuple[FloatArray, NDArray[np.uint8]]:
    """Turns one block of voxels into true HU (N,) and labels (N,), mixing what a slice's thickness holds."""
    centres, offsets = grid.centres(block), grid.offsets(axes=(2,))
    points = (centres[:, None] + offsets).reshape(-1, 3)  # (N * S, 3)
    kinds = _kinds(patient, points).reshape(-1, len(offsets))
    hounsfield = patient.hounsfield[kinds].mean(axis=1)
    rough = TEXTURE[kinds].mean(axis=1)
    body = np.flatnonzero(rough)
    hounsfield[body] += rough[body] * patient.texture.scalar(centres[body])
    labels = LABELS[kinds]
    shares = np.stack([(labels == value).sum(axis=1) for value in (0, KIDNEY, TUMOUR)])
    return hounsfield, shares.argmax(axis=0).astype(np.uint8)


def _kinds(patient: _Patient, points: FloatArray) -> NDArray[np.uint8]:
    """Kinds of tissue (N,) at points (N, 3) of the world."""
    kinds = np.full(len(points), Kind.AIR, dtype=np.uint8)
    place = patient.pose(points)
    free = patient.trunk.lay(kinds, place)
    found, cavity = kinds[free], place[free]
    patient.organs.lay(found, cavity)
    for kidney in patient.kidneys:
        kidney.lay(found, cavity)
    kinds[free] = found
    patient.trunk.lay_table(kinds, points)
    return kinds


PHANTOM = Phantom(
    name="abdomen",
    title="Abdomen phantom",
    description="Synthetic kidneys with tumours and cysts on CT. No patient data; not for clinical use.",
    file_prefix="abdomen",
    modality=("CT",),
    labels=("background", "kidney", "tumour"),
    default_shape=None,
    version=1,
    make_case=abdomen_case,
    smallest_shape=SMALLEST,
    default_layout="kits",
)

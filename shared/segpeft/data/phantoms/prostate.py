"""A prostate with its zones in T2 and ADC, which only together tell the zones from each other and from the pelvis.

`prostate_tissue` says which signals coincide. ADC is made as the quotient it is: receive coils cancel out of it, it is
noisier, and scanners set it to 0 where nothing is measured.
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from segpeft.data.phantoms.case import (
    FloatArray,
    Phantom,
    PhantomCase,
    SeriesCase,
    Shape,
    Volume,
    source_of_case,
)
from segpeft.data.phantoms.coil import CoilArray
from segpeft.data.phantoms.grid import Grid
from segpeft.data.phantoms.mr_physics import Receiver, draw_receivers
from segpeft.data.phantoms.pose import Pose
from segpeft.data.phantoms.prostate_gland import Gland
from segpeft.data.phantoms.prostate_pelvis import Pelvis
from segpeft.data.phantoms.prostate_tissue import LABELS, PERIPHERAL, SIGNALS, TRANSITION
from segpeft.data.phantoms.waves import RandomWaves

CHANNELS = ("T2", "ADC")
_T2, _ADC = range(2)
IN_PLANE = 192.0
SLICE_MM = 3.6
SLICES = (11, 24)
MATRIX = 320
SMALLEST = (24, 24, 8)
ADC_IN_PLANE = 168.0
ADC_VOXEL_MM = 1.6
_LEVELS = (220.0, 1000.0)
_ANTERIOR_AND_POSTERIOR = ((-45.0, 112.0, 0.0), (45.0, 112.0, 0.0), (-45.0, -118.0, 0.0), (45.0, -118.0, 0.0))


@dataclass(frozen=True)
class _Patient:
    """All that is random about a case but the noise, drawn before any voxel is, so that the grid cannot change it."""

    slices: int
    adc_turn: tuple[float, float, float]
    adc_centre: tuple[float, float, float]
    pose: Pose
    pelvis: Pelvis
    texture: RandomWaves
    signals: FloatArray  # (22, 2)
    receivers: tuple[Receiver, Receiver]


def prostate_case(shape: Shape | None, seed: int, index: int) -> PhantomCase:
    """Makes one case with both channels on one grid, as the Decathlon has them.

    Args:
        shape: voxels along x, y and z over the case's field of view of 192 x 192 mm and 11 to 24 slices of 3.6 mm;
            None: 320 x 320 and those slices.
        seed: seed of the data set.
        index: number of the case in the data set, from 0.

    Returns:
        T2 and ADC with the label of peripheral (1) and transition zone (2); a tenth of the cases lacks one, a tenth
        the other.

    Raises:
        InputError: if an axis has too few voxels (24, 24, 8), or seed or index is negative.
    """
    patient = _draw_patient(seed, index)
    grid = _t2_grid(patient, shape)
    images, label = _acquire(patient, grid, [_T2, _ADC], seed, index)
    return PhantomCase(images, label, grid.affine)


def prostate_series(shape: Shape | None, seed: int, index: int) -> SeriesCase:
    """Makes one case with T2 as in `prostate_case` and ADC on a grid of its own.

    ADC has a field of view of 168 x 168 mm, voxels of 1.6 mm (more if those of T2 are nearly as large) and slices a
    tenth thicker; its grid is turned by a few degrees about each axis and shifted by a few mm.

    Args:
        shape: as in `prostate_case`, of T2.
        seed: seed of the data set.
        index: number of the case in the data set, from 0.

    Raises:
        InputError: as `prostate_case`.
    """
    patient = _draw_patient(seed, index)
    grid = _t2_grid(patient, shape)
    adc_grid = _adc_grid(patient, grid)
    t2, label = _acquire(patient, grid, [_T2], seed, index)
    adc, _ = _acquire(patient, adc_grid, [_ADC], seed, index)
    return SeriesCase((Volume(t2[0], grid.affine), Volume(adc[0], adc_grid.affine)), Volume(label, grid.affine))


def _draw_patient(seed: int, index: int) -> _Patient:
    """Draws protocol, anatomy, contrast and receivers."""
    rng = source_of_case(seed, index)
    slices = int(rng.integers(SLICES[0], SLICES[1] + 1))
    turn = rng.choice([-1.0, 1.0], size=3) * rng.uniform(2.0, 5.0, size=3)
    centre = rng.uniform(-4.0, 4.0, size=3)
    pose, gland = Pose(rng, max_angle=7.0), Gland(rng)
    pelvis = Pelvis(rng, gland)
    texture = RandomWaves(rng, wavelength=8.0, waves=24, outputs=len(CHANNELS))
    signals = SIGNALS * (1.0 + 0.02 * rng.uniform(-1.0, 1.0, size=SIGNALS.shape))
    t2, adc = draw_receivers(rng, _LEVELS)
    coil = CoilArray(_ANTERIOR_AND_POSTERIOR, strength=float(rng.uniform(0.6, 1.2)), reach=40.0)
    receivers = replace(t2, coil=coil, bias_amplitude=0.1), replace(adc, bias_amplitude=0.03, noise=0.08)
    return _Patient(slices, _three(turn), _three(centre), pose, pelvis, texture, signals.astype(np.float32), receivers)


def _three(values: NDArray[np.float64]) -> tuple[float, float, float]:
    x, y, z = values.tolist()
    return x, y, z


def _t2_grid(patient: _Patient, shape: Shape | None) -> Grid:
    field_of_view = (IN_PLANE, IN_PLANE, SLICE_MM * patient.slices)
    return Grid(shape or (MATRIX, MATRIX, patient.slices), field_of_view, smallest=SMALLEST)


def _adc_grid(patient: _Patient, t2: Grid) -> Grid:
    """The grid of ADC, coarser than that of T2 along every axis and covering nearly as many slices."""
    in_plane = max(ADC_VOXEL_MM, 1.25 * float(t2.spacing[:2].max()))
    thickness = 1.1 * float(t2.spacing[2])
    across, slices = round(ADC_IN_PLANE / in_plane), round(t2.field_of_view[2] / thickness)
    field_of_view = (across * in_plane, across * in_plane, slices * thickness)
    return Grid((across, across, slices), field_of_view, patient.adc_turn, patient.adc_centre, smallest=(1, 1, 1))


def _acquire(
    patient: _Patient, grid: Grid, channels: list[int], seed: int, index: int
) -> tuple[NDArray[np.int16], NDArray[np.uint8]]:
    """Returns the stored intensities (len(channels), X, Y, Z) and the label (X, Y, Z) on a grid.

    The noise of each channel has a source of its own, so that T2 is the same whatever ADC's grid.
    """
    noise = [_noise_source(seed, index, channel) for channel in channels]
    images = np.zeros((len(channels), *grid.shape), dtype=np.int16)
    label = np.zeros(grid.shape, dtype=np.uint8)
    for block in grid.blocks():
        centres = grid.centres(block)
        signals, label.reshape(-1)[block] = _rasterise(patient, grid, centres)
        for image, channel, rng in zip(images, channels, noise, strict=True):
            signal = signals[:, channel]
            measured = np.flatnonzero(signal > 0.0) if channel == _ADC else np.arange(len(block))
            received = patient.receivers[channel].receive(signal[measured], centres[measured], rng)
            image.reshape(-1)[block[measured]] = received
    return images, label


def _noise_source(seed: int, index: int, channel: int) -> np.random.Generator:
    return np.random.default_rng([seed, index, channel + 1])  # a 0 at the end would be the patient's stream once more


def _rasterise(patient: _Patient, grid: Grid, centres: FloatArray) -> tuple[FloatArray, NDArray[np.uint8]]:
    """Turns voxels at `centres` (N, 3) into noise-free signals (N, 2) and labels (N,), mixing what each one holds."""
    offsets = grid.offsets()
    points = (centres[:, None] + offsets).reshape(-1, 3)  # (N * S, 3)
    kinds = patient.pelvis.kinds(patient.pose(points)).reshape(-1, len(offsets))
    signals = patient.signals[kinds].mean(axis=1) * (1.0 + 0.04 * patient.texture.vector(centres))
    zones = LABELS[kinds]
    shares = np.stack([(zones == zone).sum(axis=1) for zone in (0, PERIPHERAL, TRANSITION)])
    return signals, shares.argmax(axis=0).astype(np.uint8)


PHANTOM = Phantom(
    name="prostate",
    title="Prostate phantom",
    description="Synthetic prostates with zones in T2-weighted MRI and ADC. No patient data; not for clinical use.",
    file_prefix="prostate",
    modality=CHANNELS,
    labels=("background", "PZ", "TZ"),
    default_shape=None,
    version=2,
    make_case=prostate_case,
    make_series=prostate_series,
    smallest_shape=SMALLEST,
)

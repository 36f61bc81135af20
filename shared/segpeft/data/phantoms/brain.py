"""A brain tumour in four MR channels, of which each shows a part of what the labels need.

Signals are relative to white matter. Oedema differs from normal brain in FLAIR only: elsewhere it lies half-way between
white and grey matter. The core differs from oedema in T1w, T1gd and T2w but not in FLAIR. The enhancing rim differs
from the rest of the core in T1gd only: elsewhere both have one distribution. Vessels (T1gd) and periventricular caps
(FLAIR) are as bright as tumour in one channel and carry no label; an infarct in the other hemisphere has the signal of
oedema in all channels and carries none either: what tells them apart is the core that oedema surrounds.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from segpeft.data.phantoms.brain_anatomy import Anatomy, Tissue
from segpeft.data.phantoms.brain_decoys import Decoys
from segpeft.data.phantoms.brain_infarct import INFARCT, Infarct
from segpeft.data.phantoms.brain_tumour import ENHANCING, NON_ENHANCING, OEDEMA, Tumour
from segpeft.data.phantoms.case import FloatArray, Phantom, PhantomCase, Shape, source_of_case
from segpeft.data.phantoms.grid import Grid
from segpeft.data.phantoms.mr_physics import draw_receivers
from segpeft.data.phantoms.pose import Pose
from segpeft.data.phantoms.waves import RandomWaves

FIELD_OF_VIEW = (240.0, 240.0, 155.0)
DEFAULT_SHAPE = (240, 240, 155)
CHANNELS = ("FLAIR", "T1w", "t1gd", "T2w")
_POINTS_PER_BLOCK = 5000
LEVELS = (700.0, 900.0, 800.0, 600.0)
_TISSUE_SIGNAL = {
    Tissue.WHITE: (1.00, 1.00, 1.00, 1.00),
    Tissue.GREY: (1.25, 0.74, 0.76, 1.40),
    Tissue.DEEP_GREY: (1.18, 0.82, 0.84, 1.22),
    Tissue.CSF: (0.30, 0.36, 0.36, 2.60),
    Tissue.CAP: (1.75, 0.90, 0.90, 1.20),
    Tissue.VESSEL: (1.10, 0.74, 1.75, 0.90),
}
_LESION_SIGNAL = {
    OEDEMA: (1.80, 0.87, 0.88, 1.20),
    NON_ENHANCING: (1.80, 0.55, 0.52, 2.30),
    ENHANCING: (1.80, 0.55, 1.75, 2.30),
    INFARCT: (1.80, 0.87, 0.88, 1.20),
}


@dataclass(frozen=True)
class _Patient:
    """All that is random about a case, drawn before any voxel is, so that the grid cannot change it."""

    pose: Pose
    anatomy: Anatomy
    decoys: Decoys
    tumour: Tumour
    infarct: Infarct
    texture: RandomWaves
    tissue_signal: FloatArray  # (6, 4)
    lesion_signal: FloatArray  # (5, 4), row 0 unused


@dataclass(frozen=True)
class _Voxels:
    """The voxels of one block that lie inside the brain."""

    index: NDArray[np.int64]  # (N,) into the flattened volume
    signal: FloatArray  # (N, 4)
    label: NDArray[np.uint8]  # (N,)


def brain_case(shape: Shape | None, seed: int, index: int) -> PhantomCase:
    """Makes one case; it depends on nothing but the arguments.

    Args:
        shape: voxels along x, y and z, None for 1 mm each; the field of view is 240 x 240 x 155 mm whatever the shape.
        seed: seed of the data set.
        index: number of the case in the data set, from 0.

    Returns:
        FLAIR, T1w, T1gd and T2w with the label of oedema (1), non-enhancing (2) and enhancing (3) tumour.

    Raises:
        InputError: if an axis is below 24 voxels, or seed or index is negative.
    """
    grid = Grid(shape or DEFAULT_SHAPE, FIELD_OF_VIEW)
    rng = source_of_case(seed, index)
    patient = _draw_patient(rng)
    receivers = draw_receivers(rng, LEVELS)
    blocks = [_rasterise(patient, grid, block) for block in _blocks(patient, grid)]
    inside = np.concatenate([block.index for block in blocks])
    signal = np.concatenate([block.signal for block in blocks])
    points = grid.centres(inside)
    image = np.zeros((len(CHANNELS), *grid.shape), dtype=np.int16)
    for channel, receiver in enumerate(receivers):
        image[channel].reshape(-1)[inside] = receiver.receive(signal[:, channel], points, rng)
    label = np.zeros(grid.shape, dtype=np.uint8)
    label.reshape(-1)[inside] = np.concatenate([block.label for block in blocks])
    return PhantomCase(image, label, grid.affine)


def _draw_patient(rng: np.random.Generator) -> _Patient:
    """Draws anatomy, tumour and contrast; the two parts of the core keep one signal in all channels but T1gd."""
    pose, anatomy, decoys = Pose(rng), Anatomy(rng), Decoys(rng)
    tumour = Tumour(rng, anatomy.outline)
    texture = RandomWaves(rng, wavelength=10.0, waves=24, outputs=len(CHANNELS))
    jitter = 1.0 + 0.03 * rng.uniform(-1.0, 1.0, size=(len(Tissue), len(CHANNELS)))
    normal = np.array([_TISSUE_SIGNAL[tissue] for tissue in Tissue]) * jitter
    abnormal = np.array([(0.0,) * len(CHANNELS), *(_LESION_SIGNAL[kind] for kind in sorted(_LESION_SIGNAL))])
    abnormal = abnormal * (1.0 + 0.03 * rng.uniform(-1.0, 1.0, size=len(CHANNELS)))
    infarct = Infarct(rng, tumour)
    return _Patient(
        pose, anatomy, decoys, tumour, infarct, texture, normal.astype(np.float32), abnormal.astype(np.float32)
    )


def _blocks(patient: _Patient, grid: Grid) -> list[NDArray[np.int64]]:
    """Flat indices of all voxels that may lie inside, in blocks whose working arrays stay in the processor's cache."""
    reach = 0.5 + 0.35 * float(np.linalg.norm(grid.spacing))  # beyond it less than half a voxel is inside
    near = []
    for block in grid.blocks():
        place = patient.tumour.displace(patient.pose(grid.centres(block)))
        near.append(block[patient.anatomy.outline(place) < reach])
    voxels = np.concatenate(near)
    return np.array_split(voxels, 1 + len(voxels) * len(grid.offsets()) // _POINTS_PER_BLOCK)


def _rasterise(patient: _Patient, grid: Grid, block: NDArray[np.int64]) -> _Voxels:
    """Turns one block of voxels into signals and labels; normal tissue mixes within a voxel, lesions do not.

    Lesions are kept pure so that their parts share one distribution wherever they should: a mixed rim would betray
    itself.
    """
    centres, offsets = grid.centres(block), grid.offsets()
    points = (centres[:, None] + offsets).reshape(-1, 3)  # (N * S, 3)
    brain_points = patient.pose(points)
    displaced = patient.tumour.displace(brain_points)
    sample = patient.anatomy.sample(displaced)
    patient.decoys.lay(sample, displaced)
    classes = patient.tumour.classify(brain_points, displaced, sample)
    patient.infarct.cover(classes, brain_points, sample)
    classes = classes.reshape(-1, len(offsets))
    shares = np.stack([(classes == k).mean(axis=1) for k in range(len(patient.lesion_signal))])
    lesion = shares.argmax(axis=0).astype(np.uint8)
    tissue = (sample.tissue * sample.inside[:, None]).reshape(-1, len(offsets), len(Tissue)).sum(axis=1)
    inside = sample.inside.reshape(-1, len(offsets)).mean(axis=1)
    tissue /= np.maximum(tissue.sum(axis=1, keepdims=True), 1e-6)
    kept = (inside > 0.5) | (lesion > 0)
    signal = _signal(patient, centres[kept], tissue[kept], lesion[kept])
    return _Voxels(block[kept], signal, np.where(lesion[kept] == INFARCT, 0, lesion[kept]).astype(np.uint8))


def _signal(patient: _Patient, centres: FloatArray, tissue: FloatArray, lesion: NDArray[np.uint8]) -> FloatArray:
    """Noise-free signals (N, 4) of voxels with tissue shares (N, 6) and kinds of lesion (N,), 0 for none."""
    signal = tissue @ patient.tissue_signal
    ill = np.flatnonzero(lesion)
    texture = 1.0 + 0.05 * patient.texture.vector(centres[ill])
    signal[ill] = patient.lesion_signal[lesion[ill]] * texture
    return signal


PHANTOM = Phantom(
    name="brain",
    title="BRATS phantom",
    description="Synthetic gliomas in skull-stripped multi-parametric MRI. No patient data; not for clinical use.",
    file_prefix="BRATS",
    modality=CHANNELS,
    labels=("background", "edema", "non-enhancing tumor", "enhancing tumour"),
    default_shape=DEFAULT_SHAPE,
    version=2,
    make_case=brain_case,
)

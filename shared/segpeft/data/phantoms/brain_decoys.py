"""What looks like tumour in one channel and is none: enhancing vessels (T1gd) and periventricular caps (FLAIR)."""

import numpy as np

from segpeft.data.phantoms.brain_anatomy import Sample, Tissue
from segpeft.data.phantoms.case import FloatArray
from segpeft.data.phantoms.solids import Tube, coverage, mirrored

_HORNS = ((12.0, 44.0, 1.0), (24.0, -38.0, 6.0))


class Decoys:
    """Vessels and caps of one patient.

    Args:
        rng: source of the vessels' courses and the caps' sizes.
    """

    def __init__(self, rng: np.random.Generator) -> None:
        self._vessels = [_sagittal_sinus(), *(_middle_cerebral_artery(rng, side) for side in (-1.0, 1.0))]
        self._vessels.append(_anterior_cerebral_artery(rng))
        self._cap_radius = rng.uniform(5.0, 9.0, size=len(_HORNS))
        self._cap_thickness = float(rng.uniform(2.5, 4.5))

    def lay(self, sample: Sample, points: FloatArray) -> None:
        """Adds the decoys to a sample taken at points (N, 3) of the brain's frame in mm."""
        both = mirrored(points)
        shell = coverage(sample.ventricle - self._cap_thickness, edge=1.5)
        for horn, radius in zip(_HORNS, self._cap_radius.tolist(), strict=True):
            ball = np.linalg.norm(both - np.array(horn, dtype=np.float32), axis=1) - radius
            share = coverage(ball, edge=2.0) * shell * (1.0 - sample.tissue[:, Tissue.CSF])
            sample.cover(Tissue.CAP, share.astype(np.float32))
        distance = np.minimum.reduce([vessel.distance(points, reach=5.0) for vessel in self._vessels])
        sample.cover(Tissue.VESSEL, coverage(distance))


def _sagittal_sinus() -> Tube:
    """The sinus along the top of the midline, just inside the stripped surface."""
    angle = np.linspace(0.15, np.pi - 0.1, 12)
    arc = np.stack([0.0 * angle, 81.0 * np.cos(angle), 9.0 + 51.0 * np.sin(angle)], axis=1)
    return Tube(arc.astype(np.float32), np.linspace(2.2, 3.4, 12).astype(np.float32))


def _middle_cerebral_artery(rng: np.random.Generator, side: float) -> Tube:
    """The artery of one side (-1 left, 1 right) through the Sylvian fissure."""
    course = np.array([[9, 12, -18], [24, 14, -20], [37, 8, -17], [46, -6, -13], [51, -20, -9], [58, -30, 0]])
    course = (course + rng.normal(scale=1.5, size=course.shape)) * np.array([side, 1.0, 1.0])
    return Tube(course.astype(np.float32), np.array([2.5, 2.5, 2.4, 2.3, 2.0, 1.6], dtype=np.float32))


def _anterior_cerebral_artery(rng: np.random.Generator) -> Tube:
    """The artery around the front of the corpus callosum, in the midline."""
    course = np.array([[2, 22, -18], [1, 44, -10], [0, 50, 6], [0, 42, 24], [1, 20, 33], [1, -4, 34]])
    course = course + rng.normal(scale=1.0, size=course.shape)
    return Tube(course.astype(np.float32), np.array([2.0, 2.2, 2.1, 2.0, 1.8, 1.5], dtype=np.float32))

"""Normal brain tissue: how much of which tissue a point in the brain's frame holds."""

from dataclasses import dataclass
from enum import IntEnum

import numpy as np

from segpeft.data.phantoms.brain_cortex import Cortex
from segpeft.data.phantoms.brain_shape import Surfaces, surfaces_at
from segpeft.data.phantoms.case import FloatArray
from segpeft.data.phantoms.solids import Tube, coverage, ellipsoid, mirrored
from segpeft.data.phantoms.waves import RandomWaves

CORTEX_THICKNESS = 3.0
CEREBELLAR_CORTEX_THICKNESS = 2.0


class Tissue(IntEnum):
    """Tissues, as columns of `Sample.tissue`; the last two are decoys that a tumour's channel shows as brightly."""

    WHITE = 0
    GREY = 1
    DEEP_GREY = 2
    CSF = 3
    CAP = 4
    VESSEL = 5


@dataclass
class Sample:
    """Anatomy at N points.

    Attributes:
        tissue: (N, 6) shares that sum to 1.
        inside: (N,) share inside the skull-stripped surface.
        pial: (N,) depth in mm under the cerebrum's nearest surface, negative in CSF and outside.
        hull: (N,) signed distance in mm to the cerebrum's smooth hull.
        ventricle: (N,) signed distance in mm to the lateral ventricles.
    """

    tissue: FloatArray
    inside: FloatArray
    pial: FloatArray
    hull: FloatArray
    ventricle: FloatArray

    def cover(self, tissue: Tissue, share: FloatArray) -> None:
        """Lays a tissue over what is there, where `share` (N,) is above 0."""
        self.tissue *= (1.0 - share)[:, None]
        self.tissue[:, tissue] += share


class Anatomy:
    """One patient's normal brain; everything random is drawn at construction.

    Args:
        rng: source of the folds, the ventricles' size and their irregularity.
    """

    def __init__(self, rng: np.random.Generator) -> None:
        self.cortex = Cortex(rng)
        self._wobble = RandomWaves(rng, wavelength=24.0, waves=8)
        self._ventricles = _lateral_ventricles(float(rng.uniform(0.7, 1.25)))
        self._caudate = Tube(
            np.array([[13, 26, 2], [15, 14, 9], [18, -2, 18], [21, -20, 20]], dtype=np.float32),
            np.array([6.5, 6.0, 3.5, 2.0], dtype=np.float32),
        )

    def outline(self, points: FloatArray) -> FloatArray:
        """Signed distance (N,) in mm of points (N, 3) to the smooth skull-stripped surface."""
        return surfaces_at(points).outline

    def sample(self, points: FloatArray) -> Sample:
        """Reads the anatomy at points (N, 3) of the brain's frame in mm."""
        wobble = self._wobble.scalar(points)
        surfaces = surfaces_at(points)
        pial = self.cortex.cerebrum(points, surfaces)
        tissue = np.zeros((len(points), len(Tissue)), dtype=np.float32)
        tissue[:, Tissue.WHITE] = 1.0
        both = mirrored(points)
        ventricle = np.minimum.reduce([tube.distance(both, reach=14.0) for tube in self._ventricles]) + 0.8 * wobble
        # The surface sinks a little over sulci, as it does after skull stripping.
        surface = surfaces.outline + np.maximum(1.0 - np.maximum(pial + 1.0, 0.0), 0.0)
        sample = Sample(tissue, coverage(surface), pial, surfaces.cerebrum_above_cleft, ventricle.astype(np.float32))
        self._lay_cortex(sample, points, surfaces)
        self._lay_deep_grey(sample, both, wobble)
        sample.cover(Tissue.CSF, coverage(sample.ventricle))
        sample.cover(Tissue.CSF, coverage(_third_ventricle(points)))
        return sample

    def _lay_cortex(self, sample: Sample, points: FloatArray, surfaces: Surfaces) -> None:
        """Lays cortex and the CSF over it, separately in the cerebrum, the cerebellum and the stem between them."""
        cerebellar = self.cortex.cerebellum(points, surfaces)
        in_cerebrum = sample.hull < 0.0
        pial = np.where(in_cerebrum, sample.pial, cerebellar)
        thickness = np.where(in_cerebrum, CORTEX_THICKNESS, CEREBELLAR_CORTEX_THICKNESS).astype(np.float32)
        outside_stem = 1.0 - coverage(surfaces.stem, edge=2.0)
        sample.cover(Tissue.GREY, coverage(pial - thickness) * outside_stem)
        sample.cover(Tissue.CSF, coverage(pial) * outside_stem)
        fourth = ellipsoid(points, (0.0, -31.0, -42.0), (6.0, 4.0, 8.0))
        sample.cover(Tissue.CSF, coverage(fourth))

    def _lay_deep_grey(self, sample: Sample, both: FloatArray, wobble: FloatArray) -> None:
        """Lays thalamus, lentiform nucleus and caudate at the mirrored points `both` (N, 3)."""
        thalamus = ellipsoid(both, (10.5, -5.0, -2.0), (8.5, 14.0, 8.5))
        lentiform = ellipsoid(both, (25.0, 16.0, -6.0), (6.5, 17.0, 9.0))
        nuclei = np.minimum(np.minimum(thalamus, lentiform), self._caudate.distance(both)) + 0.6 * wobble
        sample.cover(Tissue.DEEP_GREY, coverage(nuclei, edge=1.5))


def _lateral_ventricles(size: float) -> tuple[Tube, Tube]:
    """The right lateral ventricle: one tube from the frontal to the occipital horn, one for the temporal horn."""
    main = np.array(
        [[12, 44, -2], [10, 34, 6], [8, 18, 12], [9, 0, 15], [15, -18, 14], [23, -30, 7], [22, -46, 1]],
        dtype=np.float32,
    )
    temporal = np.array([[23, -30, 7], [31, -24, -10], [33, -8, -24], [31, 6, -29]], dtype=np.float32)
    return (
        Tube(main, size * np.array([2.5, 5.0, 5.0, 4.8, 5.2, 7.0, 2.0], dtype=np.float32)),
        Tube(temporal, size * np.array([4.5, 3.0, 2.4, 1.4], dtype=np.float32)),
    )


def _third_ventricle(points: FloatArray) -> FloatArray:
    """Signed distance (N,) in mm to the slit between the thalami."""
    return ellipsoid(points, (0.0, -2.0, -6.0), (1.8, 15.0, 8.0))

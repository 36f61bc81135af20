"""What a phantom is and what it makes: the records that every organ's file fills and the writers read."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from segpeft.errors import InputError

FloatArray = NDArray[np.float32]
BoolArray = NDArray[np.bool_]
Shape = tuple[int, int, int]
SMALLEST_SHAPE: Shape = (24, 24, 24)


def source_of_case(seed: int, index: int) -> np.random.Generator:
    """Returns the random numbers of case `index` of the data set `seed`; raises InputError if one is negative."""
    if seed < 0 or index < 0:
        raise InputError(f"seed {seed}, index {index}: both must be at least 0")
    return np.random.default_rng([seed, index])


@dataclass(frozen=True)
class PhantomCase:
    """One synthetic patient.

    Attributes:
        image: int16 of shape (C, X, Y, Z): HU of a CT; of others 0 only where a channel has nothing to show.
        label: uint8 of shape (X, Y, Z), the values of the phantom's `labels`.
        affine: float64 of shape (4, 4), voxel indices to RAS millimetres.
    """

    image: NDArray[np.int16]
    label: NDArray[np.uint8]
    affine: NDArray[np.float64]

    def series(self) -> SeriesCase:
        """Returns the channels as volumes of their own, all on the case's grid."""
        images = tuple(Volume(channel, self.affine) for channel in self.image)
        return SeriesCase(images, Volume(self.label, self.affine))


@dataclass(frozen=True)
class Volume:
    """One volume on its own grid.

    Attributes:
        values: (X, Y, Z), int16 of an image or uint8 of a label.
        affine: float64 of shape (4, 4), voxel indices to RAS millimetres.
    """

    values: NDArray[np.int16] | NDArray[np.uint8]
    affine: NDArray[np.float64]


@dataclass(frozen=True)
class SeriesCase:
    """One synthetic patient whose channels were acquired one by one.

    Attributes:
        images: one volume a channel; their grids may differ.
        label: on the grid of the first channel.
    """

    images: tuple[Volume, ...]
    label: Volume


@dataclass(frozen=True)
class Phantom:
    """One kind of phantom.

    Attributes:
        name: the name on the command line, "brain".
        title: the data set's name in `dataset.json`.
        description: one or two sentences for `dataset.json`.
        file_prefix: what file names begin with, "BRATS" for BRATS_001.nii.gz.
        modality: channel names, in the order of the image's first axis.
        labels: label names, in the order of the label's values.
        default_shape: voxels along x, y and z when none are asked for; None: each case draws its own.
        version: raised whenever the same seed gives other voxels, so that two generations never mix in one folder.
        make_case: (shape or None, seed, index) to a case; pure and at module level, so that workers can import it.
        make_series: the same for channels with grids of their own; None: they share one in this phantom.
        smallest_shape: the fewest voxels along x, y and z that still show the anatomy.
        default_layout: how its cases lie on disk when no layout is asked for.
    """

    name: str
    title: str
    description: str
    file_prefix: str
    modality: tuple[str, ...]
    labels: tuple[str, ...]
    default_shape: Shape | None
    version: int
    make_case: Callable[[Shape | None, int, int], PhantomCase]
    make_series: Callable[[Shape | None, int, int], SeriesCase] | None = None
    smallest_shape: Shape = SMALLEST_SHAPE
    default_layout: str = "msd"

    def series_case(self, shape: Shape | None, seed: int, index: int) -> SeriesCase:
        """Returns a case whose channels are volumes of their own; the arguments are those of `make_case`."""
        if self.make_series is None:
            return self.make_case(shape, seed, index).series()
        return self.make_series(shape, seed, index)

    def dataset_header(self) -> dict[str, str | Mapping[str, str]]:
        """Returns the entries of an MSD `dataset.json` that do not depend on the cases."""
        return {
            "name": self.title,
            "description": self.description,
            "tensorImageSize": "4D" if len(self.modality) > 1 else "3D",
            "modality": {str(i): name for i, name in enumerate(self.modality)},
            "labels": {str(i): name for i, name in enumerate(self.labels)},
        }

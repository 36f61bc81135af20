"""What a phantom is and what it makes: the two records that every organ's file fills and the writer reads."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float32]
BoolArray = NDArray[np.bool_]
Shape = tuple[int, int, int]


@dataclass(frozen=True)
class PhantomCase:
    """One synthetic patient.

    Attributes:
        image: int16 of shape (C, X, Y, Z), exactly 0 outside the organ.
        label: uint8 of shape (X, Y, Z), the values of the phantom's `labels`.
        affine: float64 of shape (4, 4), voxel indices to RAS millimetres.
    """

    image: NDArray[np.int16]
    label: NDArray[np.uint8]
    affine: NDArray[np.float64]


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
        default_shape: voxels along x, y and z when none are asked for.
        version: raised whenever the same seed gives other voxels, so that two generations never mix in one folder.
        make_case: (shape, seed, index) to a case; a pure function, at module level so that workers can import it.
    """

    name: str
    title: str
    description: str
    file_prefix: str
    modality: tuple[str, ...]
    labels: tuple[str, ...]
    default_shape: Shape
    version: int
    make_case: Callable[[Shape, int, int], PhantomCase]

    def dataset_header(self) -> dict[str, str | Mapping[str, str]]:
        """Returns the entries of an MSD `dataset.json` that do not depend on the cases."""
        return {
            "name": self.title,
            "description": self.description,
            "tensorImageSize": "4D" if len(self.modality) > 1 else "3D",
            "modality": {str(i): name for i, name in enumerate(self.modality)},
            "labels": {str(i): name for i, name in enumerate(self.labels)},
        }

"""Ten faults, one function each, that are planted into a case of a set in the layout of the Decathlon."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
from numpy.typing import NDArray

from segpeft.data.phantoms.nifti_files import write_nifti

FLAIR, T1GD, T2W, CT = 0, 2, 3, 4
Files = tuple[Path, Path]
"""Image (X, Y, Z, C) and label of a case."""


def truncated(files: Files) -> None:
    """Leaves half of the compressed image."""
    content = files[0].read_bytes()
    files[0].write_bytes(content[: len(content) // 2])


def swapped_channel(files: Files) -> None:
    """Stores FLAIR and T2w in each other's place."""
    voxels, affine = _read(files[0])
    order = list(range(voxels.shape[-1]))
    order[FLAIR], order[T2W] = T2W, FLAIR
    write_nifti(files[0], voxels[..., order], affine)


def not_a_number(files: Files) -> None:
    """Puts a few NaN into one channel."""
    voxels, affine = _read(files[0])
    voxels = voxels.astype(np.float32)
    voxels[20:22, 20:22, 20, T2W] = np.nan
    write_nifti(files[0], voxels, affine)


def label_value_7(files: Files) -> None:
    """Draws a voxel of the label with a value that nobody has named."""
    voxels, affine = _read(files[1])
    voxels[tuple(np.argwhere(voxels > 0)[0])] = 7
    write_nifti(files[1], voxels, affine)


def other_shape(files: Files) -> None:
    """Leaves out the label's last slice."""
    voxels, affine = _read(files[1])
    write_nifti(files[1], voxels[..., :-1], affine)


def other_affine(files: Files) -> None:
    """Places the label 8 mm away from its image."""
    voxels, affine = _read(files[1])
    affine[0, 3] += 8
    write_nifti(files[1], voxels, affine)


def flipped_label(files: Files) -> None:
    """Mirrors the voxels of the label along the first axis, under the same header."""
    voxels, affine = _read(files[1])
    write_nifti(files[1], voxels[::-1], affine)


def zero_channel(files: Files) -> None:
    """Empties one channel."""
    voxels, affine = _read(files[0])
    voxels[..., T1GD] = 0
    write_nifti(files[0], voxels, affine)


def duplicate(files: Files) -> None:
    """Stores the image among the test cases as well, as another type of numbers."""
    voxels, affine = _read(files[0])
    write_nifti(files[0].parents[1] / "imagesTs" / f"copy_of_{files[0].name}", voxels.astype(np.float32), affine)


def unsigned_hounsfield(files: Files) -> None:
    """Stores the CT with 1024 added, as unsigned numbers."""
    voxels, affine = _read(files[0])
    voxels[..., CT] += 1024
    write_nifti(files[0], voxels.astype(np.uint16), affine)


def _read(path: Path) -> tuple[NDArray[Any], NDArray[np.float64]]:
    image = nibabel.Nifti1Image.from_filename(path)
    return np.array(image.dataobj), np.array(image.affine)


@dataclass(frozen=True)
class Fault:
    """One planted fault.

    Attributes:
        name: what a person reads.
        plant: changes the files of a case.
        check: the check that should find it.
    """

    name: str
    plant: Callable[[Files], None]
    check: str


FAULTS = (
    Fault("truncated gz", truncated, "files"),
    Fault("swapped channel", swapped_channel, "channel order"),
    Fault("NaN", not_a_number, "intensities"),
    Fault("label value 7", label_value_7, "labels"),
    Fault("shapes that differ", other_shape, "grids"),
    Fault("affines that differ", other_affine, "grids"),
    Fault("flipped label", flipped_label, "mirrored label"),
    Fault("all-zero channel", zero_channel, "intensities"),
    Fault("duplicate case in train and test", duplicate, "duplicates"),
    Fault("HU stored unsigned with offset 1024", unsigned_hounsfield, "hounsfield"),
)

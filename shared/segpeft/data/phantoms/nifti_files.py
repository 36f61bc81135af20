"""NIfTI files that are the same bytes for the same volume."""

import gzip
from pathlib import Path

import nibabel as nib
import numpy as np
from numpy.typing import NDArray

from segpeft.atomic_files import replacing

_GZIP_LEVEL = 4


def write_nifti(path: Path, volume: NDArray[np.generic], affine: NDArray[np.float64]) -> None:
    """Writes a gzipped NIfTI-1 file in mm without a time stamp.

    Args:
        path: ends in .nii.gz; its folder is made if need be.
        volume: (X, Y, Z) or (X, Y, Z, C).
        affine: (4, 4), voxel indices to RAS millimetres.
    """
    image = nib.Nifti1Image(volume, affine)
    image.header.set_xyzt_units("mm", "sec")
    with replacing(path) as partial:
        partial.write_bytes(gzip.compress(image.to_bytes(), compresslevel=_GZIP_LEVEL, mtime=0))

"""NIfTI headers of no voxels, or of voxels without a size, which nibabel replaces by 1 mm with a remark in the log."""

from __future__ import annotations

import numpy as np
from nibabel.nifti1 import Nifti1Header
from nibabel.openers import ImageOpener

from segpeft.errors import InputError

_HEADER_BYTES = 348


def check_voxel_size(path: str) -> None:
    """Refuses a NIfTI-1 file without voxels, or whose voxels have no size along an axis.

    The sform, where there is one, gives the size; otherwise `pixdim` does. Other formats, and what is no header at all,
    are left to the reader.

    Raises:
        InputError: there is no voxel along an axis, or a size is 0, or no number.
    """
    try:
        with ImageOpener(path) as file:
            raw = file.read(_HEADER_BYTES)
        header = Nifti1Header(raw, check=False)
        if int(header["sizeof_hdr"]) != _HEADER_BYTES:
            return
        shape = [int(size) for size in header["dim"][1 : 1 + int(header["dim"][0])]]
        sizes = (
            np.linalg.norm(header.get_sform()[:3, :3], axis=0) if header["sform_code"] > 0 else header["pixdim"][1:4]
        )
    except Exception:  # nibabel raises nearly anything for a damaged file: its reader will say what is wrong
        return
    if 0 in shape:
        raise InputError(f"{path}: has the shape {shape}; expected at least one voxel an axis")
    if not (np.isfinite(sizes) & (sizes != 0)).all():
        listed = " x ".join(f"{float(size):g}" for size in sizes)
        raise InputError(f"{path}: its voxels have a size of {listed} mm; expected three sizes that are not 0")

"""The layout of KiTS19 as it is distributed: a folder a case, slices first, the head at the end of the first axis."""

from collections.abc import Sequence
from pathlib import Path

import nibabel as nib
import numpy as np
from nibabel.orientations import axcodes2ornt, io_orientation, ornt_transform
from numpy.typing import NDArray

from segpeft.data.phantoms.case import Phantom
from segpeft.data.phantoms.case_files import CaseFiles
from segpeft.data.phantoms.nifti_files import write_nifti
from segpeft.data.phantoms.settings import Settings

ORIENTATION = "IPL"


class KitsLayout:
    """`case_00000/imaging.nii.gz` and `segmentation.nii.gz`, arrays (slices, rows, columns) in orientation IPL."""

    record = "kits.json"

    def case_files(self, phantom: Phantom, folder: Path, settings: Settings, index: int) -> CaseFiles:
        """Returns the paths of a case, whose folder is numbered from 0."""
        case = folder / f"case_{index:05d}"
        label = case / "segmentation.nii.gz" if settings.labelled else None
        return CaseFiles(index, case, (case / "imaging.nii.gz",), label)

    def listing(self, phantom: Phantom, folder: Path, cases: Sequence[CaseFiles]) -> dict[str, object]:
        """Returns the names of the data set, its labels and case folders."""
        return {**phantom.dataset_header(), "cases": [case.shown.name for case in cases]}

    def write(self, phantom: Phantom, settings: Settings, files: CaseFiles) -> None:
        """Makes one case and writes its label, then its image."""
        case = phantom.make_case(settings.shape, settings.seed, files.index)
        if files.label is not None:
            write_nifti(files.label, *slices_first(case.label, case.affine))
        write_nifti(files.images[0], *slices_first(case.image[0], case.affine))


def slices_first(
    volume: NDArray[np.generic], affine: NDArray[np.float64]
) -> tuple[NDArray[np.generic], NDArray[np.float64]]:
    """Returns a volume (X, Y, Z) and its affine with the axes in `ORIENTATION`; every voxel keeps its place."""
    turn = ornt_transform(io_orientation(affine), axcodes2ornt(ORIENTATION))
    turned = nib.Nifti1Image(volume, affine).as_reoriented(turn)
    return np.asarray(turned.dataobj), np.asarray(turned.affine, dtype=np.float64)

"""The layout of the Medical Segmentation Decathlon: 4D NIfTI files (3D if of one channel) listed in `dataset.json`."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from segpeft.data.phantoms.case import Phantom
from segpeft.data.phantoms.case_files import CaseFiles
from segpeft.data.phantoms.nifti_files import write_nifti
from segpeft.data.phantoms.settings import Settings


class MsdLayout:
    """Labelled cases in imagesTr and labelsTr, unlabelled ones in imagesTs, all channels of a case on one grid."""

    record = "dataset.json"

    def case_files(self, phantom: Phantom, folder: Path, settings: Settings, index: int) -> CaseFiles:
        """Returns the paths of a case, numbered from 1."""
        name = f"{phantom.file_prefix}_{index + 1:03d}.nii.gz"
        image = folder / ("imagesTr" if settings.labelled else "imagesTs") / name
        return CaseFiles(index, image, (image,), folder / "labelsTr" / name if settings.labelled else None)

    def listing(self, phantom: Phantom, folder: Path, cases: Sequence[CaseFiles]) -> dict[str, object]:
        """Returns the entries of the Decathlon's `dataset.json`: labelled cases as training, others as test."""

        def entry(path: Path) -> str:
            return "./" + path.relative_to(folder).as_posix()

        training = [{"image": entry(case.shown), "label": entry(case.label)} for case in cases if case.label]
        test = [entry(case.shown) for case in cases if case.label is None]
        return {
            **phantom.dataset_header(),
            "numTraining": len(training),
            "numTest": len(test),
            "training": training,
            "test": test,
        }

    def write(self, phantom: Phantom, settings: Settings, files: CaseFiles) -> None:
        """Makes one case and writes its label, then its image."""
        case = phantom.make_case(settings.shape, settings.seed, files.index)
        if files.label is not None:
            write_nifti(files.label, case.label, case.affine)
        channels = np.moveaxis(case.image, 0, -1)  # (X, Y, Z, C)
        write_nifti(files.shown, channels[..., 0] if len(case.image) == 1 else channels, case.affine)

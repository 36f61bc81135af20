"""A folder a case, as scans come from an archive: every channel a volume with a grid of its own, NIfTI or DICOM."""

from collections.abc import Sequence
from pathlib import Path

from segpeft.data.phantoms.case import Phantom
from segpeft.data.phantoms.case_files import CaseFiles
from segpeft.data.phantoms.dicom_files import SeriesIdentity, write_dicom_series
from segpeft.data.phantoms.nifti_files import write_nifti
from segpeft.data.phantoms.settings import Settings


class SeriesLayout:
    """`<case>/<channel>.nii.gz` or `<case>/<channel>/*.dcm`, and `<case>/label.nii.gz` on the first channel's grid."""

    record = "phantom.json"  # not dataset.json, by which readers recognise the Decathlon's layout

    def case_files(self, phantom: Phantom, folder: Path, settings: Settings, index: int) -> CaseFiles:
        """Returns the paths of a case, whose folder is numbered from 1."""
        case = folder / f"{phantom.file_prefix}_{index + 1:03d}"
        images = tuple(case / (name if settings.dicom else f"{name}.nii.gz") for name in phantom.modality)
        return CaseFiles(index, case, images, case / "label.nii.gz" if settings.labelled else None)

    def listing(self, phantom: Phantom, folder: Path, cases: Sequence[CaseFiles]) -> dict[str, object]:
        """Returns the names of the data set, its channels, labels and case folders."""
        return {**phantom.dataset_header(), "tensorImageSize": "3D", "cases": [case.shown.name for case in cases]}

    def write(self, phantom: Phantom, settings: Settings, files: CaseFiles) -> None:
        """Makes one case and writes its label, then its channels."""
        case = phantom.series_case(settings.shape, settings.seed, files.index)
        if files.label is not None:
            write_nifti(files.label, case.label.values, case.label.affine)
        for number, (path, image) in enumerate(zip(files.images, case.images, strict=True), start=1):
            if path.exists():
                continue
            if settings.dicom:
                study = f"{phantom.name} phantom {phantom.version}, seed {settings.seed}, shape {settings.shape}"
                modality = "CT" if path.name == "CT" else "MR"
                write_dicom_series(path, image, SeriesIdentity(study, files.shown.name, path.name, number, modality))
            else:
                write_nifti(path, image.values, image.affine)

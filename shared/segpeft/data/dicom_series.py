"""One DICOM series, a folder of one file a slice, read as a volume; what is wrong with the folder is said in one line.

ITK reads whatever it finds: of two series the first, and slices that are missing or doubled as if they were evenly
spaced. So the headers are compared here before any pixel is read.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from monai.config import PathLike
from monai.data.image_reader import ITKReader
from monai.utils import ensure_tuple
from numpy.typing import NDArray

from segpeft.errors import InputError

SPACING_TOLERANCE = 0.05
"""By how much the distance of two slices may differ from the usual one, as a share of it: rounding, not a gap."""
_DIRECTION_TOLERANCE = 1e-3
_SERIES_UID, _POSITION = "0020|000e", "0020|0032"


@dataclass(frozen=True)
class Slice:
    """The header of one slice.

    Attributes:
        path: its file.
        series: UID of the series it says it belongs to.
        size: columns and rows.
        spacing: mm between columns and between rows.
        position: (3,) first voxel's centre in patient coordinates (LPS) in mm.
        direction: (3, 3) directions of rows, of columns, and their normal, as rows.
    """

    path: Path
    series: str
    size: tuple[int, int]
    spacing: tuple[float, float]
    position: NDArray[np.float64]
    direction: NDArray[np.float64]

    @property
    def height(self) -> float:
        """Position along the normal in mm."""
        return float(self.direction[2] @ self.position)


def series_files(folder: PathLike) -> list[str]:
    """Returns the files of the one series in a folder, from the lowest slice to the highest along their normal.

    Hidden files and files that are no DICOM are passed over, unless they are named .dcm. Slices missing at an end of
    the series cannot be noticed.

    Raises:
        InputError: no DICOM, two series, files of other size, voxels or orientation, a slice missing or doubled, slices
            that are not stacked along their normal, an unreadable file, or itk is not installed.
    """
    itk, folder = _itk(), Path(folder)
    paths = sorted(path for path in folder.iterdir() if path.is_file() and not path.name.startswith("."))
    slices = [_read_header(itk, path) for path in paths if _is_dicom(itk, path)]
    if not slices:
        raise InputError(f"{folder}: holds no DICOM file; expected one series, a file a slice")
    series = sorted({header.series for header in slices})
    if len(series) > 1:
        raise InputError(f"{folder}: holds {len(series)} DICOM series ({', '.join(series)}); expected one a folder")
    _check_alike(folder, slices)
    slices.sort(key=_height)
    _check_stack(folder, slices)
    return [str(header.path) for header in slices]


class DicomSeriesReader(ITKReader):
    """MONAI's `ITKReader` for one folder that holds one DICOM series, which is checked first.

    Raises:
        InputError: itk is not installed, or see `series_files`.
    """

    def __init__(self) -> None:
        _itk()
        super().__init__()

    def read(self, data: Sequence[PathLike] | PathLike, **kwargs: Any) -> Any:
        """Returns the ITK image (float32) of the series in the one folder that `data` names."""
        folders = ensure_tuple(data)
        if len(folders) != 1:
            raise InputError(f"{', '.join(map(str, folders))}: expected the folder of one DICOM series")
        itk = _itk()
        # One type for all slices, as each may have a scale of its own.
        return itk.imread(series_files(folders[0]), pixel_type=itk.F, **kwargs)


def _itk() -> Any:
    """Imports itk when the first series is met: it takes seconds, and data sets of NIfTI files need it not."""
    try:
        import itk
    except ImportError as error:
        raise InputError("DICOM series need the package itk, which is not installed; run pip install itk") from error
    return itk


def _is_dicom(itk: Any, path: Path) -> bool:
    """Tells DICOM files from others in the folder, such as a licence."""
    if itk.GDCMImageIO.New().CanReadFile(str(path)):
        return True
    if path.suffix.lower() == ".dcm":
        raise InputError(f"{path.parent}: {path.name} is no readable DICOM image; expected an intact file")
    return False


def _read_header(itk: Any, path: Path) -> Slice:
    """Reads one header; the pixels stay on disk."""
    reader = itk.GDCMImageIO.New()
    reader.SetFileName(str(path))
    try:
        reader.ReadImageInformation()
    except RuntimeError as error:
        raise InputError(f"{path.parent}: {path.name} cannot be read as DICOM; expected an intact file") from error
    tags = reader.GetMetaDataDictionary()
    frames = reader.GetDimensions(2) if reader.GetNumberOfDimensions() > 2 else 1
    if frames > 1:
        raise InputError(f"{path.parent}: {path.name} holds {frames} frames; expected one slice a file")
    if not tags.HasKey(_POSITION):
        raise InputError(f"{path.parent}: {path.name} has no position in space; expected slices of a volume")
    return Slice(
        path,
        str(tags[_SERIES_UID]).strip() if tags.HasKey(_SERIES_UID) else "",
        (reader.GetDimensions(0), reader.GetDimensions(1)),
        (reader.GetSpacing(0), reader.GetSpacing(1)),
        np.array([reader.GetOrigin(axis) for axis in range(3)]),
        np.array([reader.GetDirection(axis) for axis in range(3)]),
    )


def _height(header: Slice) -> float:
    return header.height


def _check_alike(folder: Path, slices: list[Slice]) -> None:
    """Raises InputError where a slice has another in-plane grid than the first."""
    first = slices[0]
    for header in slices[1:]:
        pair = f"{header.path.name} and {first.path.name}"
        if header.size != first.size:
            raise InputError(f"{folder}: {pair} have {header.size} and {first.size} pixels; expected one size")
        if not np.allclose(header.spacing, first.spacing, rtol=_DIRECTION_TOLERANCE):
            raise InputError(
                f"{folder}: {pair} have pixels of {header.spacing} and {first.spacing} mm; expected one size"
            )
        if not np.allclose(header.direction, first.direction, atol=_DIRECTION_TOLERANCE):
            raise InputError(f"{folder}: {pair} are turned differently; expected parallel slices in one orientation")


def _check_stack(folder: Path, slices: list[Slice]) -> None:
    """Raises InputError unless sorted slices lie evenly above each other."""
    steps = np.diff([header.position for header in slices], axis=0)  # (N - 1, 3)
    rises = steps @ slices[0].direction[2]
    usual = float(np.sort(rises)[(len(rises) - 1) // 2]) if len(rises) else 0.0  # of two, the one without a gap
    for lower, upper, step, rise in zip(slices, slices[1:], steps, rises.tolist(), strict=False):
        pair = f"{lower.path.name} and {upper.path.name}"
        if rise < SPACING_TOLERANCE * max(usual, float(np.linalg.norm(step)), 1e-3):
            raise InputError(f"{folder}: {pair} lie in the same place; expected one file a slice (a duplicate?)")
        if abs(rise - usual) > SPACING_TOLERANCE * usual:
            missing = "missing slices" if rise > usual else "slices of another stack"
            raise InputError(f"{folder}: {pair} lie {rise:.4g} mm apart, the others {usual:.4g} mm ({missing}?)")
        aside = float(np.linalg.norm(step - rise * lower.direction[2]))
        if aside > SPACING_TOLERANCE * usual:
            raise InputError(
                f"{folder}: {pair} are shifted by {aside:.4g} mm in their plane; expected a straight stack"
            )

"""A volume as a DICOM series of MR or CT: a file a slice, in patient coordinates (LPS), the same bytes every time."""

import os
import tempfile
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
from numpy.typing import NDArray

from segpeft.data.phantoms.case import Volume

_IMAGE_STORAGE = {"MR": "1.2.840.10008.5.1.4.1.1.4", "CT": "1.2.840.10008.5.1.4.1.1.2"}
_RAS_TO_LPS = np.diag([-1.0, -1.0, 1.0, 1.0])


@dataclass(frozen=True)
class SeriesIdentity:
    """What tells a series from all others.

    Attributes:
        data_set: which data set it is of; with the patient it makes the study's UID.
        patient: patient's name and id.
        description: the series' description, a channel's name.
        number: of the series in its study, from 1.
        modality: "MR" or "CT".
    """

    data_set: str
    patient: str
    description: str
    number: int
    modality: str = "MR"

    def uid(self, *parts: object) -> str:
        """Returns a UID that depends on the data set, the patient and `parts` alone (the root 2.25 is for UUIDs)."""
        name = "/".join(map(str, ("segpeft", self.data_set, self.patient, *parts)))
        return f"2.25.{uuid.uuid5(uuid.NAMESPACE_URL, name).int}"


def write_dicom_series(folder: Path, volume: Volume, identity: SeriesIdentity) -> None:
    """Writes one file a slice; the folder appears under its name only when all are there.

    The volume is turned to rows from right to left and columns from front to back, as scanners store axial slices, so
    that viewers show it upright. World coordinates stay.

    Args:
        folder: must not exist.
        volume: int16 values.
        identity: patient, study and series.
    """
    turned = nib.as_closest_canonical(nib.Nifti1Image(volume.values, _RAS_TO_LPS @ volume.affine))
    values, affine = np.asarray(turned.dataobj), np.asarray(turned.affine)
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".partial-{folder.name}-", dir=folder.parent) as temporary:
        partial = Path(temporary) / folder.name
        partial.mkdir()
        for index in range(values.shape[2]):
            _write_slice(partial / f"{index + 1:04d}.dcm", values, affine, index, identity)
        os.replace(partial, folder)


def _write_slice(
    path: Path, values: NDArray[np.int16], affine: NDArray[np.float64], index: int, identity: SeriesIdentity
) -> None:
    """Writes slice `index` of `values` (X, Y, Z), whose `affine` gives LPS millimetres."""
    import itk  # takes seconds, and only this option needs it

    image = itk.image_from_array(np.ascontiguousarray(values[:, :, index : index + 1].T))  # (1, Y, X), as ITK stores it
    spacing = np.linalg.norm(affine[:3, :3], axis=0)
    image.SetOrigin((affine[:3, :3] @ [0.0, 0.0, float(index)] + affine[:3, 3]).tolist())
    image.SetSpacing(spacing.tolist())
    image.SetDirection(itk.matrix_from_array(affine[:3, :3] / spacing))
    _set_tags(image, index, spacing[2], identity)
    encoder = itk.GDCMImageIO.New()
    encoder.KeepOriginalUIDOn()
    writer = itk.ImageFileWriter[type(image)].New(Input=image, FileName=str(path), ImageIO=encoder)
    writer.Update()


def _set_tags(image: Any, index: int, thickness: float, identity: SeriesIdentity) -> None:
    """Puts the tags that ITK does not derive from the image into its dictionary."""
    series = identity.description, identity.number
    tags = {
        "0008|0016": _IMAGE_STORAGE[identity.modality],
        "0008|0018": identity.uid(*series, index),  # instance
        "0008|0020": "20000101",  # study date: fixed, so that the bytes are
        "0008|0021": "20000101",
        "0008|0030": "000000",
        "0008|0060": identity.modality,
        "0008|103e": identity.description,
        "0010|0010": identity.patient,
        "0010|0020": identity.patient,
        "0018|0050": f"{thickness:.6g}",
        "0018|0088": f"{thickness:.6g}",  # centre to centre: slices have no gap
        "0020|000d": identity.uid(),  # study
        "0020|000e": identity.uid(*series),
        "0020|0011": str(identity.number),
        "0020|0013": str(index + 1),
        "0020|0052": identity.uid("frame of reference"),  # shared: channels lie in one space
        # Values are stored as they are. Said here since GDCM says it only after having read a series in the process.
        "0028|1052": "0",
        "0028|1053": "1",
        "0028|1054": "HU" if identity.modality == "CT" else "US",
    }
    dictionary = image.GetMetaDataDictionary()
    for tag, value in tags.items():
        dictionary[tag] = value

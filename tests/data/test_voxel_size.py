"""Headers as tools write them that do not check: nibabel would take 1 mm for a size of 0."""

from pathlib import Path

import nibabel
import numpy as np
import pytest

from segpeft.data.loading import LoadVolumed
from segpeft.errors import InputError

AFFINE = np.diag([-1.5, 1.2, 2.0, 1.0])


def header() -> nibabel.Nifti1Header:
    return nibabel.Nifti1Image(np.zeros((5, 6, 7), np.int16), AFFINE).header


def without_sform(header: nibabel.Nifti1Header) -> None:
    header["sform_code"] = 0


def flat_sform(header: nibabel.Nifti1Header) -> None:
    for row in ("srow_x", "srow_y", "srow_z"):
        header[row][2] = 0


def load(folder: Path, *changes) -> np.ndarray:
    made = header()
    for change in changes:
        change(made)
    voxels = np.arange(210, dtype=np.int16).tobytes()
    (folder / "a.nii").write_bytes(made.binaryblock + bytes(4) + voxels)
    return LoadVolumed("image")({"image": str(folder / "a.nii")})["image"].affine.numpy()


def no_thickness(header: nibabel.Nifti1Header) -> None:
    header["pixdim"][3] = 0


def no_number(header: nibabel.Nifti1Header) -> None:
    header["pixdim"][1] = np.nan


def qform(header: nibabel.Nifti1Header) -> None:
    header["qform_code"] = 1


@pytest.mark.parametrize(
    ("changes", "sizes"),
    [
        ((flat_sform,), "1.5 x 1.2 x 0"),
        ((flat_sform, no_thickness), "1.5 x 1.2 x 0"),
        ((without_sform, no_thickness), "1.5 x 1.2 x 0"),
        ((without_sform, qform, no_thickness), "1.5 x 1.2 x 0"),
        ((without_sform, no_number), "nan x 1.2 x 2"),
    ],
    ids=["sform", "sform and pixdim", "pixdim", "qform", "nan"],
)
def test_voxels_without_a_size_are_refused(tmp_path, changes, sizes):
    with pytest.raises(InputError, match=rf"a\.nii: its voxels have a size of {sizes} mm; expected") as caught:
        load(tmp_path, *changes)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("changes", [(), (without_sform,), (without_sform, qform)], ids=["sform", "pixdim", "qform"])
def test_other_headers_pass(tmp_path, changes):
    assert np.linalg.norm(load(tmp_path, *changes)[:3, :3], axis=0) == pytest.approx([1.5, 1.2, 2.0])


def test_a_sform_counts_where_there_is_one(tmp_path):
    assert np.linalg.norm(load(tmp_path, no_thickness)[:3, :3], axis=0)[:2] == pytest.approx([1.5, 1.2])


def test_an_affine_without_inverse_is_refused(tmp_path, write_nifti):
    affine = np.array([[1.0, 1, 0, 0], [1, 1, 0, 0], [0, 0, 2, 0], [0, 0, 0, 1]])
    image = write_nifti(tmp_path / "a.nii.gz", np.ones((5, 6, 7), np.int16), affine)
    with pytest.raises(InputError, match=r"a\.nii\.gz: its affine places several voxels at one point; expected"):
        LoadVolumed("image")({"image": image})

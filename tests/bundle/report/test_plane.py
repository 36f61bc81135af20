import nibabel
import numpy as np
import pytest
import torch
from nibabel.orientations import axcodes2ornt, ornt_transform

from segpeft.bundle.report.plane import AXIAL, CORONAL, SAGITTAL, plane_of
from segpeft.bundle.report.volumes import read_volume


@pytest.mark.parametrize(
    ("spacing", "plane"),
    [
        pytest.param((1, 1, 1), AXIAL, id="cubes"),
        pytest.param((0.5, 0.5, 5), AXIAL, id="thick-axial"),
        pytest.param((0.6, 3.6, 0.6), CORONAL, id="thick-coronal"),
        pytest.param((4, 1, 1), SAGITTAL, id="thick-sagittal"),
        pytest.param((1, 1.3, 1), AXIAL, id="nearly-cubes"),
    ],
)
def test_plane_of_the_scan(spacing, plane):
    assert plane_of(spacing) is plane


@pytest.mark.parametrize("code", ["RAS", "LPS", "LAS", "IPL", "SRP"])
@pytest.mark.parametrize(
    ("plane", "corner"),
    [
        pytest.param(AXIAL, "upper left: right, anterior", id="axial"),
        pytest.param(CORONAL, "upper left: right, superior", id="coronal"),
        pytest.param(SAGITTAL, "upper left: anterior, superior", id="sagittal"),
    ],
)
def test_letters_are_true_whatever_the_file(tmp_path, code, plane, corner):
    voxels = np.zeros((6, 5, 4), np.float32)
    voxels[5, 4, 3] = 1  # the most right, anterior and superior one
    file = nibabel.Nifti1Image(voxels, np.diag([1.0, 2.0, 3.0, 1.0]))
    turned = file.as_reoriented(ornt_transform(axcodes2ornt("RAS"), axcodes2ornt(code)))
    nibabel.save(turned, tmp_path / "a.nii.gz")
    volume = torch.as_tensor(read_volume(str(tmp_path / "a.nii.gz"))).as_subclass(torch.Tensor)[0]
    picture = plane.picture(volume.movedim(plane.axis, -1)[..., -1])
    assert picture[0, 0] == 1, corner
    assert picture.sum() == 1


def test_pixel_is_width_and_height():
    assert AXIAL.pixel((1, 2, 3)) == (1, 2)
    assert CORONAL.pixel((1, 2, 3)) == (1, 3)
    assert SAGITTAL.pixel((1, 2, 3)) == (2, 3)

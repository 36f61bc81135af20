import gzip
from pathlib import Path

import nibabel
import numpy as np
import pytest
import torch
from monai.data import MetaTensor
from monai.transforms import LoadImaged

from segpeft.data.loading import LoadVolumed
from segpeft.data.provenance import file_of
from segpeft.errors import InputError

AFFINE = np.array([[-1.5, 0, 0, 40], [0, 1.2, 0, -30], [0, 0, 2, -20], [0, 0, 0, 1]])


def values(channels: int = 4) -> np.ndarray:
    shape = (5, 6, 7) if channels == 1 else (5, 6, 7, channels)
    return np.random.default_rng(0).normal(size=shape).astype(np.float32)


def channel_files(folder: Path, write_nifti, affines=None, arrays=None) -> list[str]:
    arrays = arrays or [values()[..., index] for index in range(4)]
    affines = affines or [AFFINE] * 4
    return [write_nifti(folder / f"c{i}.nii.gz", arrays[i], affines[i]) for i in range(4)]


def test_a_4d_file_becomes_channels_first(tmp_path, write_nifti):
    image = LoadVolumed("image")({"image": write_nifti(tmp_path / "a.nii.gz", values(), AFFINE)})["image"]
    assert isinstance(image, MetaTensor)
    assert image.dtype == torch.float32
    np.testing.assert_array_equal(image.numpy(), np.moveaxis(values(), -1, 0))
    np.testing.assert_allclose(image.affine, AFFINE)
    assert file_of(image).endswith("a.nii.gz")


@pytest.mark.parametrize(
    "shape",
    [pytest.param((5, 6, 7), id="3D"), pytest.param((5, 6, 7, 1), id="4D"), pytest.param((5, 6, 7, 1, 1), id="5D")],
)
def test_one_channel_in_any_form(tmp_path, write_nifti, shape):
    path = write_nifti(tmp_path / "a.nii", values(1).reshape(shape), AFFINE)
    assert LoadVolumed("image")({"image": path})["image"].shape == (1, 5, 6, 7)


def test_files_of_one_channel_are_stacked_in_order(tmp_path, write_nifti):
    paths = channel_files(tmp_path, write_nifti)
    image = LoadVolumed("image")({"image": paths[::-1]})["image"]
    np.testing.assert_array_equal(image.numpy(), np.moveaxis(values(), -1, 0)[::-1])
    assert [file_of(image, channel) for channel in range(4)] == paths[::-1]
    assert file_of(image) == paths[3]


def test_float_noise_between_affines_is_tolerated(tmp_path, write_nifti):
    paths = channel_files(tmp_path, write_nifti, affines=[AFFINE, AFFINE + 1e-5, AFFINE * (1 + 1e-6), AFFINE])
    assert LoadVolumed("image")({"image": paths})["image"].shape == (4, 5, 6, 7)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        pytest.param("affine", r"affine entry \[0, 3\] = 41, expected 40", id="affine"),
        pytest.param("shape", r"has shape \(5, 6, 8\), expected \(5, 6, 7\)", id="shape"),
        pytest.param("channels", "has 2 channels; expected 1", id="channels"),
    ],
)
def test_channels_that_do_not_fit_are_named(tmp_path, write_nifti, change, said):
    arrays, affines = [values()[..., i] for i in range(4)], [AFFINE.copy() for _ in range(4)]
    if change == "affine":
        affines[2][0, 3] += 1
    else:
        arrays[2] = np.zeros((5, 6, 8) if change == "shape" else (5, 6, 7, 2), dtype=np.float32)
    with pytest.raises(InputError, match=said) as caught:
        LoadVolumed("image")({"image": channel_files(tmp_path, write_nifti, affines, arrays)})
    assert "c2.nii.gz" in str(caught.value)


@pytest.mark.parametrize("kind", ["truncated gz", "truncated nii", "text", "empty", "missing", "2D", "damaged header"])
def test_unreadable_files_end_in_one_line_with_their_name(tmp_path, write_nifti, kind):
    path = Path(write_nifti(tmp_path / ("a.nii" if kind == "truncated nii" else "a.nii.gz"), values(), AFFINE))
    whole = path.read_bytes()
    if kind.startswith("truncated"):
        path.write_bytes(whole[: len(whole) // 2])
    elif kind == "damaged header":
        path.write_bytes(gzip.compress(b"\x07" * 400))
    elif kind == "2D":
        nibabel.save(nibabel.Nifti1Image(values(1)[0], np.eye(4)), path)
    elif kind == "missing":
        path.unlink()
    else:
        path.write_bytes(b"" if kind == "empty" else b"hello")
    with pytest.raises(InputError) as caught:
        LoadVolumed("image")({"image": str(path)})
    assert str(caught.value).startswith(str(path))
    assert "\n" not in str(caught.value)


def test_a_server_can_ask_for_meta_dictionaries(tmp_path, write_nifti):
    load = LoadVolumed("image")
    assert isinstance(load, LoadImaged)
    load._loader.image_only = False  # what MONAI Label does
    loaded = load({"image": write_nifti(tmp_path / "a.nii.gz", values(), AFFINE)})
    assert loaded["image"].shape == (4, 5, 6, 7)
    assert loaded["image_meta_dict"]["filename_or_obj"].endswith("a.nii.gz")


def test_itk_reads_the_same_single_channel_volume(tmp_path, write_nifti):
    item = {"image": write_nifti(tmp_path / "a.nii.gz", values(1), AFFINE)}
    nibabels, itks = LoadVolumed("image")(item)["image"], LoadVolumed("image", reader="ITKReader")(item)["image"]
    assert nibabels.shape == itks.shape == (1, 5, 6, 7)
    np.testing.assert_array_equal(nibabels.numpy(), itks.numpy())


@pytest.mark.parametrize("shape", [(5, 6, 0), (0, 6, 7)], ids=["last axis", "first axis"])
def test_a_volume_without_slices_is_refused(shape, tmp_path, write_nifti):
    path = write_nifti(tmp_path / "a.nii.gz", np.zeros(shape, np.int16))
    with pytest.raises(InputError, match=r"a\.nii\.gz: has the shape \[\d, 6, \d\]; expected at least") as caught:
        LoadVolumed("image")({"image": path})
    assert "\n" not in str(caught.value)

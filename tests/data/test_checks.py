import numpy as np
import pytest

from segpeft.data.checks import CheckImaged, CheckLabeld
from segpeft.data.loading import LoadVolumed
from segpeft.errors import InputError

SHAPE = (6, 5, 4)


def image(channels: int = 4) -> np.ndarray:
    return np.random.default_rng(0).normal(size=(*SHAPE, channels)).astype(np.float32)


def check(path: str, channels: int = 4) -> dict:
    return CheckImaged(channels=channels)(LoadVolumed("image")({"image": path}))


def test_a_good_image_passes_unchanged(tmp_path, write_nifti):
    checked = check(write_nifti(tmp_path / "a.nii.gz", image()))["image"]
    np.testing.assert_array_equal(checked.numpy(), np.moveaxis(image(), -1, 0))


@pytest.mark.parametrize("found", [3, 5])
def test_another_number_of_channels_is_refused(tmp_path, write_nifti, found):
    with pytest.raises(InputError, match=rf"a\.nii\.gz: has {found} channels; expected 4"):
        check(write_nifti(tmp_path / "a.nii.gz", image(found)))


@pytest.mark.parametrize(
    ("value", "said"),
    [
        pytest.param(np.nan, "channel 2 has 1 NaN or infinite", id="nan"),
        pytest.param(np.inf, "channel 2 has 1 NaN or infinite", id="inf"),
    ],
)
def test_values_that_are_no_numbers_are_refused(tmp_path, write_nifti, value, said):
    array = image()
    array[1, 2, 3, 2] = value
    with pytest.raises(InputError, match=said):
        check(write_nifti(tmp_path / "a.nii.gz", array))


@pytest.mark.parametrize(("value", "said"), [(0, "channel 1 is all zero"), (-5, "channel 1 is the constant -5")])
def test_an_empty_channel_is_refused(tmp_path, write_nifti, value, said):
    array = image()
    array[..., 1] = value
    with pytest.raises(InputError, match=said):
        check(write_nifti(tmp_path / "a.nii.gz", array))


def test_the_file_of_the_bad_channel_is_named(tmp_path, write_nifti):
    array = image()
    array[..., 3] = 0
    paths = [write_nifti(tmp_path / f"c{index}.nii.gz", array[..., index]) for index in range(4)]
    with pytest.raises(InputError, match=r"c3\.nii\.gz: channel 3 is all zero"):
        CheckImaged()(LoadVolumed("image")({"image": paths}))


def label_case(tmp_path, write_nifti, label: np.ndarray, affine: np.ndarray) -> dict:
    paths = {
        "image": write_nifti(tmp_path / "a.nii.gz", image()),
        "label": write_nifti(tmp_path / "l.nii.gz", label, affine),
    }
    return LoadVolumed(["image", "label"])(paths)


def test_a_label_on_the_grid_of_its_image_passes(tmp_path, write_nifti):
    case = label_case(tmp_path, write_nifti, np.ones(SHAPE, np.uint8), np.eye(4) + 1e-6 * np.eye(4)[::-1])
    assert CheckLabeld()(case)["label"].sum() == 120


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_a_label_stored_from_the_other_side_is_turned(tmp_path, write_nifti, axis):
    """As of a DICOM series that was converted to NIfTI to draw on: the same grid, with an axis reversed."""
    drawn = np.arange(120, dtype=np.uint8).reshape(SHAPE)
    affine = np.eye(4)
    affine[axis, axis], affine[axis, 3] = -1, SHAPE[axis] - 1
    label = CheckLabeld()(label_case(tmp_path, write_nifti, np.flip(drawn, axis), affine))["label"]
    np.testing.assert_array_equal(label[0].numpy(), drawn)
    np.testing.assert_allclose(label.affine, np.eye(4))


def test_a_label_with_other_axes_is_turned(tmp_path, write_nifti):
    drawn = np.arange(120, dtype=np.uint8).reshape(SHAPE)
    affine = np.eye(4)[[1, 2, 0, 3]]  # its first axis is y, its second z, its third x
    case = label_case(tmp_path, write_nifti, drawn.transpose(1, 2, 0), np.linalg.inv(affine))
    np.testing.assert_array_equal(CheckLabeld()(case)["label"][0].numpy(), drawn)


@pytest.mark.parametrize(
    ("shape", "affine", "said"),
    [
        pytest.param((6, 5, 5), np.eye(4), r"label has shape \(6, 5, 5\), expected \(6, 5, 4\)", id="shape"),
        pytest.param(
            SHAPE, np.diag([-1.0, 1, 1, 1]), r"label has affine entry \[0, 0\] = -1, expected 1", id="flipped"
        ),
        pytest.param((*SHAPE, 2), np.eye(4), "label has 2 channels; expected 1", id="channels"),
    ],
)
def test_a_label_elsewhere_is_refused(tmp_path, write_nifti, shape, affine, said):
    with pytest.raises(InputError, match=said) as caught:
        CheckLabeld()(label_case(tmp_path, write_nifti, np.ones(shape, np.uint8), affine))
    assert "l.nii.gz" in str(caught.value)


@pytest.mark.parametrize(("first", "told"), [("", True), ("a.nii.gz", False)], ids=["missing", "there"])
def test_a_label_of_a_missing_first_channel_says_so(tmp_path, write_nifti, first, told):
    second = write_nifti(tmp_path / "b.nii.gz", image(1)[..., 0])
    images = [first and write_nifti(tmp_path / first, image(1)[..., 0]), second]
    label = write_nifti(tmp_path / "l.nii.gz", np.ones((6, 5, 5), np.uint8))
    case = LoadVolumed(["image", "label"])({"image": images, "label": label})
    with pytest.raises(InputError, match="label has shape") as caught:
        CheckLabeld()(case)
    assert ("the first channel, on whose grid the label lies, is missing: leave" in str(caught.value)) is told


def test_channels_out_of_range_are_refused():
    with pytest.raises(InputError, match="channels is 0"):
        CheckImaged(channels=0)

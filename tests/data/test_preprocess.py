import nibabel
import numpy as np
import pytest
import torch
from monai.data import MetaTensor
from monai.transforms import Invertd

import segpeft.data
from segpeft.data.preprocess import preprocessing
from segpeft.data.spacing import SafeSpacingd
from segpeft.errors import InputError

from .conftest import SHAPE, brain_image, brain_label

OBLIQUE = nibabel.affines.from_matvec(
    nibabel.eulerangles.euler2mat(0.2, -0.1, 0.15) @ np.diag([-1.1, 0.9, 1.3]), [9, -8, 7]
)
AFFINES = [
    pytest.param(np.diag([1.0, 1, 1, 1]), id="RAS"),
    pytest.param(np.array([[-1.0, 0, 0, 90], [0, 1, 0, -126], [0, 0, 1, -72], [0, 0, 0, 1]]), id="LAS"),
    pytest.param(np.array([[-1.0, 0, 0, 90], [0, -1, 0, 126], [0, 0, 1, -72], [0, 0, 0, 1]]), id="LPS"),
    pytest.param(np.array([[0.0, 0, -2, 9], [0, -1, 0, 8], [-3, 0, 0, 7], [0, 0, 0, 1]]), id="axes swapped"),
    pytest.param(OBLIQUE, id="oblique"),
]


@pytest.fixture
def make_case(tmp_path, write_nifti):
    def make(affine=None, background: float = -5.0) -> dict:
        image = write_nifti(tmp_path / "a.nii.gz", brain_image(background=background), affine)
        return {"case": "a", "image": image, "label": write_nifti(tmp_path / "l.nii.gz", brain_label(), affine)}

    return make


@pytest.mark.parametrize("affine", AFFINES)
def test_invertd_restores_grid_and_values(make_case, affine):
    transform = preprocessing("image")
    case = transform(make_case(affine))
    assert nibabel.aff2axcodes(case["image"].affine.numpy()) == ("R", "A", "S")
    assert case["image"].shape[1:] != SHAPE
    case["pred"] = MetaTensor((case["image"] != 0).float().as_tensor(), affine=case["image"].affine)
    back = Invertd("pred", transform, orig_keys="image", nearest_interp=True)(case)["pred"]
    assert back.shape == (4, *SHAPE)
    np.testing.assert_allclose(back.affine.numpy(), np.eye(4) if affine is None else affine, atol=1e-5)
    np.testing.assert_array_equal(back.numpy()[0] > 0, brain_image(background=-5.0)[..., 0] != -5.0)


@pytest.mark.parametrize("affine", AFFINES)
def test_image_and_label_stay_aligned(make_case, affine):
    case = preprocessing(("image", "label"))(make_case(affine))
    native = brain_image(background=-5.0)[..., 0][brain_label() == 3]
    scaled = (native - brain_image()[3:11, 2:9, 1:8, 0].mean()) / brain_image()[3:11, 2:9, 1:8, 0].std()
    np.testing.assert_allclose(case["image"][0][case["label"][0] == 3].numpy(), scaled, rtol=1e-4)


def test_regions_are_made_where_a_scheme_is_given(make_case):
    case = preprocessing(("image", "label"), label_scheme="msd")(make_case())
    assert case["label"].shape == (3, 8, 7, 7)
    assert case["label"].sum((1, 2, 3)).tolist() == [(brain_label() >= value).sum() for value in (1, 2, 3)]


def test_a_native_label_keeps_the_grid_of_its_file(make_case):
    affine = np.diag([-1.0, -1, 1, 1])
    case = preprocessing(("image", "label"), native_label=True)(make_case(affine))
    np.testing.assert_array_equal(case["label"][0].numpy(), brain_label())
    np.testing.assert_array_equal(case["label"].affine, affine)


def test_train_and_inference_give_the_same_image(make_case):
    item = make_case(OBLIQUE)
    train, infer = preprocessing(("image", "label"), label_scheme="msd")(item), preprocessing("image")(item)
    assert torch.equal(train["image"], infer["image"])


def test_margin_keeps_voxels_around(make_case):
    assert preprocessing("image", margin=1)(make_case())["image"].shape == (4, 10, 9, 9)


def test_resampling_is_undone_too(make_case):
    transform = preprocessing(("image", "label"), spacing=(2, 2, 2))
    case = transform({**make_case(), "image_path": "text that only looks like meta data"})
    np.testing.assert_allclose(case["image"].pixdim.numpy(), 2)
    assert set(torch.unique(case["label"]).tolist()) <= {0, 1, 2, 3}
    case["pred"] = MetaTensor((case["image"] != 0).float().as_tensor(), affine=case["image"].affine)
    back = Invertd("pred", transform, orig_keys="image", nearest_interp=True)(case)["pred"]
    assert back.shape == (4, *SHAPE)


def test_spacing_sets_aside_only_what_looks_like_meta():
    image = MetaTensor(torch.rand(1, 4, 4, 4), meta={"filename_or_obj": "a.nii.gz"})
    result = SafeSpacingd("image", pixdim=(2, 2, 2))({"image": image, "image_path": "a.nii.gz", "image_meta_dict": {}})
    assert result["image_path"] == "a.nii.gz"
    assert result["image_meta_dict"]["filename_or_obj"] == "a.nii.gz"


@pytest.mark.parametrize(
    "knobs",
    [
        pytest.param({"keys": ("label",)}, id="no image"),
        pytest.param({"keys": ("image", "mask")}, id="unknown key"),
        pytest.param({"spacing": (1, 1)}, id="two spacings"),
        pytest.param({"spacing": (1, 0, 1)}, id="spacing 0"),
        pytest.param({"margin": -1}, id="margin"),
    ],
)
def test_knobs_out_of_range_are_refused(knobs):
    with pytest.raises(InputError):
        preprocessing(**knobs)


def test_configs_find_the_factory_in_the_package():
    assert segpeft.data.preprocessing is preprocessing

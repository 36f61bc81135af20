"""CT as KiTS19 stores it: through nnU-Net's recipe and back to the grid of the file."""

from pathlib import Path

import nibabel
import numpy as np
import pytest
import torch
from monai.data import MetaTensor
from monai.transforms import Invertd

from segpeft.data.augment import augmentation
from segpeft.data.cases import CaseDataset, Rejected
from segpeft.data.hounsfield import HounsfieldScale
from segpeft.data.phantoms.abdomen import PHANTOM
from segpeft.data.prepared import PreparedDataset
from segpeft.data.preprocess import preprocessing
from segpeft.errors import InputError
from tests.data.phantoms.written import write

SCALE = HounsfieldScale()
SPACING = (4.86, 4.86, 9.66)  # three times as coarse as nnU-Net's


@pytest.fixture(scope="module")
def item(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """A case in orientation IPL, slices about 6 mm thick."""
    root = tmp_path_factory.mktemp("kits")
    write(root, PHANTOM, layout="kits", shape=(80, 80, 44), cases=1)
    folder = root / "case_00000"
    return {"case": "a", "image": str(folder / "imaging.nii.gz"), "label": str(folder / "segmentation.nii.gz")}


def ct(keys=("image", "label"), **knobs):
    return preprocessing(keys, channels=["CT"], intensity=SCALE, **knobs)


def changed(item: dict[str, str], key: str, folder: Path, array=None, affine=None) -> dict[str, str]:
    """The case with another file for `key`."""
    old = nibabel.load(item[key])
    array = np.asanyarray(old.dataobj) if array is None else array
    path = folder / Path(item[key]).name
    nibabel.save(nibabel.Nifti1Image(array, old.affine if affine is None else affine), path)
    return {**item, key: str(path)}


def test_values_lie_in_the_window_and_axes_in_ras(item):
    case = ct()(item)
    assert nibabel.aff2axcodes(case["image"].affine.numpy()) == ("R", "A", "S")
    assert case["image"].min() == pytest.approx(SCALE.background)
    assert case["image"].max() <= (304 - 101) / 76.9 + 1e-5
    assert case["image"].shape[3] == 44, "no slice of a trunk is air"


def test_table_and_air_are_cut_off_and_the_label_is_not(item):
    case, before = ct()(item), nibabel.load(item["label"]).get_fdata()
    assert case["image"].shape[1] < 78
    assert case["image"].shape[2] < 65, "the table lies behind"
    assert sorted(case["label"].unique().tolist()) == [0, 1, 2]
    assert [(case["label"] == k).sum() for k in (1, 2)] == [(before == k).sum() for k in (1, 2)]


def test_inversion_brings_a_label_map_back_to_the_file_exactly(item):
    transform = ct()
    case = transform(item)
    case["pred"] = MetaTensor(case["label"].as_tensor().clone(), affine=case["image"].affine)
    back = Invertd("pred", transform, orig_keys="image", nearest_interp=True)(case)["pred"]
    file = nibabel.load(item["label"])
    np.testing.assert_allclose(back.affine.numpy(), file.affine, atol=1e-4)
    np.testing.assert_array_equal(back[0].numpy(), np.asanyarray(file.dataobj))


def test_resampling_is_undone_up_to_a_voxel(item):
    transform = ct(spacing=SPACING, label_scheme="kits19")
    case = transform(item)
    np.testing.assert_allclose(case["image"].pixdim.numpy(), SPACING, rtol=1e-5)
    case["pred"] = MetaTensor(case["label"].as_tensor().clone(), affine=case["image"].affine)
    back = Invertd("pred", transform, orig_keys="image", nearest_interp=False)(case)["pred"]
    file = nibabel.load(item["label"])
    assert back.shape[1:] == file.shape
    np.testing.assert_allclose(back.affine.numpy(), file.affine, atol=1e-4)
    truth = np.asanyarray(file.dataobj)
    for region, mask in zip(back.numpy() > 0.5, (truth > 0, truth == 2), strict=True):
        assert 2 * (region & mask).sum() / (region.sum() + mask.sum()) > 0.75
        offset = np.argwhere(region).mean(axis=0) - np.argwhere(mask).mean(axis=0)
        assert np.abs(offset).max() < 0.5, "not shifted by a voxel"


def test_a_case_of_few_slices_is_filled_up_with_air(item, tmp_path):
    image, label = (np.asanyarray(nibabel.load(item[key]).dataobj)[18:24] for key in ("image", "label"))
    thin = changed(changed(item, "image", tmp_path, image), "label", tmp_path, label)
    steps = [ct(label_scheme="kits19"), augmentation((32, 32, 16), 4, pad_value=SCALE.background, intensity=0)]
    data = PreparedDataset([thin], steps, tmp_path / "cache", workers=0, progress=False)
    data.prepare()
    for crop in data[0]:
        assert crop["image"].shape == (1, 32, 32, 16)
        assert crop["label"].shape == (2, 32, 32, 16)
        outside = [*range(5), *range(11, 16)]
        torch.testing.assert_close(crop["image"][..., outside], torch.full((1, 32, 32, 10), SCALE.background))
        assert crop["image"][..., 5:11].std() > 0.1
        assert not crop["label"][..., outside].any()


def zoomed(affine: np.ndarray) -> np.ndarray:
    return affine @ np.diag([1.1, 1, 1, 1])


BAD = {
    "offset": ("image", lambda a: (np.maximum(a, -1024) + 1024, None), "1024 too high"),
    "normalised": ("image", lambda a: ((a - 101) / 76.9, None), "as if they had been normalised"),
    "nan": ("image", lambda a: (np.where(a > 200, np.nan, a), None), "NaN or infinite"),
    "shape": ("label", lambda a: (a[:-1], None), "label has shape"),
    "affine": ("label", lambda a: (a, zoomed), "label has affine entry"),
    "value": ("label", lambda a: (a * 3, None), "label values 3, 6 are not in scheme 'kits19'"),
    "no slices": ("image", lambda a: (a[:0], None), "imaging"),
}


@pytest.mark.parametrize("kind", BAD)
def test_a_bad_case_is_one_line_and_the_good_one_is_done(kind, item, tmp_path):
    key, change, said = BAD[kind]
    old = nibabel.load(item[key])
    array, affine = change(np.asanyarray(old.dataobj))
    bad = changed(item, key, tmp_path, array, affine and affine(old.affine))
    first, second = CaseDataset([bad, item], ct(label_scheme="kits19"))
    assert isinstance(first, Rejected)
    assert said in str(first)
    assert Path(bad[key]).name in str(first)
    assert "expected" in str(first) or "allows" in str(first)
    assert "\n" not in str(first)
    assert second["label"].shape[0] == 2


def test_a_truncated_file_is_one_line(item, tmp_path):
    (tmp_path / "cut.nii.gz").write_bytes(Path(item["image"]).read_bytes()[:5000])
    (rejected,) = CaseDataset([{"image": str(tmp_path / "cut.nii.gz")}], ct("image"))
    assert "cut.nii.gz: cannot be read" in str(rejected)
    assert "\n" not in str(rejected)


@pytest.mark.parametrize("knobs", [{"allow_missing": True}, {"channels_used": ["CT"]}, {"spacing": (1, 1)}], ids=str)
def test_knobs_that_do_not_go_with_ct(knobs):
    with pytest.raises(InputError):
        ct("image", **knobs)

import numpy as np
import pytest
import torch

from segpeft.data.loaders import CaseLoader
from segpeft.data.prepared import PreparedDataset
from segpeft.data.volumes import LoadChanneld, VolumeList, volume_crops
from segpeft.errors import InputError

from .conftest import brain_image


def test_every_channel_of_every_image_is_a_volume(msd_folder):
    volumes = VolumeList(msd_folder)
    assert len(volumes) == 7 * 4
    assert {entry["channel"] for entry in volumes} == {0, 1, 2, 3}
    assert volumes[1]["case"] == "imagesTr_BRATS_000_channel1"
    assert all("labelsTr" not in entry["image"] for entry in volumes)


def test_any_folder_of_images_without_annotations(tmp_path, write_nifti):
    for name in ("p1/p1_t1.nii.gz", "p1/p1_seg.nii.gz", "p2/T2.nii", "p2/GOLD_STANDARD.nii.gz", "b/b-seg.nii.gz"):
        write_nifti(tmp_path / name, brain_image(1)[..., 0])
    assert [entry["case"] for entry in VolumeList(tmp_path)] == ["p1_p1_t1_channel0", "p2_T2_channel0"]
    assert len(VolumeList(tmp_path, exclude=())) == 5


def test_sections_split_by_file(msd_folder):
    training, validation = (VolumeList(msd_folder, section, fold=1, folds=3) for section in ("training", "validation"))
    files = [{entry["image"] for entry in part} for part in (training, validation)]
    assert files[0].isdisjoint(files[1])
    assert len(training) + len(validation) == 28


def test_one_channel_is_loaded(tmp_path, write_nifti):
    path = write_nifti(tmp_path / "a.nii.gz", brain_image())
    loaded = LoadChanneld()({"image": path, "channel": 2})["image"]
    np.testing.assert_array_equal(loaded[0].numpy(), brain_image()[..., 2])
    with pytest.raises(InputError, match="has 4 channels; expected one with index 4"):
        LoadChanneld()({"image": path, "channel": 4})


@pytest.mark.parametrize(
    ("size", "shape"), [pytest.param((6, 5, 4), (1, 6, 5, 4), id="3D"), pytest.param((6, 5), (1, 6, 5), id="2D")]
)
def test_crops_are_normalised_and_of_the_size_asked_for(msd_folder, tmp_path, size, shape):
    cases = PreparedDataset(
        VolumeList(msd_folder)[:6], volume_crops(size, 3), tmp_path / "c", workers=0, progress=False
    )
    cases.prepare()
    batch = next(iter(CaseLoader(cases, batch_size=2, shuffle=True)))
    assert batch["image"].shape == (6, *shape)
    assert batch["image"].dtype == torch.float32
    values = torch.cat([crop["image"][crop["image"] != 0] for index in range(6) for crop in cases[index]])
    assert abs(values.mean()) < 0.3
    assert 0.7 < values.std() < 1.3


def test_a_volume_smaller_than_the_crop_is_padded(msd_folder, tmp_path):
    cases = PreparedDataset(VolumeList(msd_folder)[:1], volume_crops((32, 32, 32)), tmp_path / "c", progress=False)
    cases.prepare(workers=0)
    crop = cases[0][0]["image"]
    assert crop.shape == (1, 32, 32, 32)
    assert int((crop != 0).sum()) == 8 * 7 * 7


def test_wrong_folders_are_named(tmp_path):
    with pytest.raises(InputError, match="no volumes found"):
        len(VolumeList(tmp_path))
    with pytest.raises(InputError, match="no such folder"):
        len(VolumeList(tmp_path / "gone"))
    (tmp_path / "a.nii.gz").write_bytes(b"damaged")
    with pytest.raises(InputError, match=r"a\.nii\.gz: has no readable NIfTI header") as caught:
        len(VolumeList(tmp_path))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("knobs", [{"section": "test"}, {"fold": 10}])
def test_knobs_out_of_range_are_refused_at_once(knobs):
    with pytest.raises(InputError):
        VolumeList("/no/such/folder", **knobs)


def test_other_sizes_are_refused():
    with pytest.raises(InputError, match="image_size"):
        volume_crops((32,))

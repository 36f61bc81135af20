import errno
from pathlib import Path

import nibabel
import numpy as np
import pytest
import torch

from segpeft.data.hounsfield import HounsfieldScale
from segpeft.data.volume_channels import MOST_CHANNELS, read_channels
from segpeft.data.volume_crops import VolumeCrops
from segpeft.errors import InputError

from .conftest import brain_image

RNG = np.random.default_rng(0)


def damaged(folder, write_nifti):
    """Files that cannot be used, with a piece of what is to be said about each."""
    good = write_nifti(folder / "good.nii.gz", brain_image(1)[..., 0])
    nan, flat = brain_image(1)[..., 0], np.ones((9, 9, 9), dtype=np.float32)
    nan[5, 5, 5] = np.nan
    (folder / "short.nii.gz").write_bytes(Path(good).read_bytes()[:1500])
    (folder / "text.nii").write_text("no volume")
    header = nibabel.Nifti1Image(np.zeros((2, 2, 2), dtype=np.uint8), np.eye(4)).header
    header["dim"][1:4] = 30000
    (folder / "huge.nii").write_bytes(header.binaryblock)
    return {
        str(folder / "short.nii.gz"): "cannot be read",
        str(folder / "text.nii"): "cannot be read",
        str(folder / "gone.nii"): "cannot be read",
        str(folder / "huge.nii"): "claims the shape",
        write_nifti(folder / "nan.nii.gz", nan): "1 NaN or infinite values",
        write_nifti(folder / "flat.nii.gz", flat): "the constant 1",
        write_nifti(folder / "plane.nii.gz", flat[..., 0]): "has the shape",
        write_nifti(folder / "thin.nii.gz", brain_image(1)[..., 4:6, 0]): "expected a patch",
    }


def test_what_cannot_be_used_is_said_in_a_line(tmp_path, write_nifti):
    crops = VolumeCrops((8, 8, 8), patch_size=(4, 4, 4))
    for path, expected in damaged(tmp_path, write_nifti).items():
        volumes, wrong = crops.volumes(path)
        assert volumes == [], path
        assert len(wrong) == 1
        assert wrong[0].startswith(f"{path}: ")
        assert expected in wrong[0]
        assert "\n" not in wrong[0]


def test_every_channel_is_a_volume_and_bad_ones_are_left_out(tmp_path, write_nifti):
    image = brain_image(3)
    image[..., 1] = 0
    volumes, wrong = VolumeCrops((8, 8, 8)).volumes(write_nifti(tmp_path / "a.nii.gz", image))
    assert len(volumes) == 2
    assert "channel 1 is all zero" in wrong[0]
    assert all(volume.shape == (1, 8, 7, 7) for volume in volumes)
    assert abs(volumes[0].std() - 1) < 0.05


def test_some_neighbours_of_a_long_series(tmp_path, write_nifti):
    series = np.arange(20, dtype=np.float32) + np.zeros((2, 2, 2, 1), dtype=np.float32)
    found = read_channels(write_nifti(tmp_path / "series.nii.gz", series))
    indices = [index for index, _ in found]
    assert len(indices) == MOST_CHANNELS
    assert indices == list(range(indices[0], indices[0] + MOST_CHANNELS))
    assert [float(volume[0, 0, 0, 0]) for _, volume in found] == indices
    assert len(read_channels(write_nifti(tmp_path / "one.nii.gz", series[..., 3]))) == 1


@pytest.mark.parametrize(
    ("size", "shape"), [pytest.param((6, 5, 4), (1, 6, 5, 4), id="3D"), pytest.param((6, 5), (1, 6, 5), id="2D")]
)
def test_crops_have_the_size_asked_for(tmp_path, write_nifti, size, shape):
    crops = VolumeCrops(size, num_samples=5)
    ((volume,), _) = crops.volumes(write_nifti(tmp_path / "a.nii.gz", brain_image(1)[..., 0]))
    drawn = crops.crops(volume, RNG)
    assert [crop.shape for crop in drawn] == [shape] * 5
    assert len({float(crop.sum()) for crop in drawn}) > 1


def test_slices_are_axial_in_any_orientation(tmp_path):
    """A volume whose value is its height: every axial slice is constant."""
    image = np.broadcast_to(np.arange(1, 9, dtype=np.float32)[:, None, None], (8, 10, 12)).copy()
    affine = np.array([[0, 2, 0, 0], [0, 0, 2, 0], [3, 0, 0, 0], [0, 0, 0, 1]], dtype=float)  # first axis goes up
    nibabel.save(nibabel.Nifti1Image(image, affine), tmp_path / "a.nii.gz")
    crops = VolumeCrops((10, 12), num_samples=6)
    ((volume,), _) = crops.volumes(str(tmp_path / "a.nii.gz"))
    assert all(len(crop.unique()) == 1 for crop in crops.crops(volume, RNG))


def test_a_small_volume_is_centred():
    (crop,) = VolumeCrops((9, 9, 9)).crops(np.ones((1, 3, 9, 20), dtype=np.float32), RNG)
    assert crop.shape == (1, 9, 9, 9)
    assert torch.equal(crop[0].sum((1, 2)) > 0, torch.arange(9).sub(4).abs() <= 1)


def test_empty_crops_are_avoided():
    volume = np.zeros((1, 8, 8, 400), dtype=np.float32)
    crops = VolumeCrops((8, 8), num_samples=10)
    assert crops.crops(volume, RNG) == []
    volume[..., ::3] = 1
    drawn = crops.crops(volume, RNG)
    assert len(drawn) == 10
    assert all(float(crop.mean()) == 1 for crop in drawn)


def test_spacing_is_in_mm(tmp_path, write_nifti):
    path = write_nifti(tmp_path / "a.nii.gz", brain_image(1)[..., 0])
    (volume,), _ = VolumeCrops((4, 4, 4), spacing=(2, 2, 2)).volumes(path)
    assert volume.shape[1] == pytest.approx(8 / 2, abs=1)


def test_the_cache_gives_the_same_again(tmp_path, write_nifti):
    image = brain_image(3)
    image[..., 1] = 0
    path = write_nifti(tmp_path / "a.nii.gz", image)
    crops = VolumeCrops((4, 4, 4), cache_dir=tmp_path / "cache")
    before, wrong = crops.volumes(path)
    kept = sorted(file.suffixes for file in (tmp_path / "cache").rglob("*.*"))
    assert kept == [[".0", ".npy"], [".1", ".npy"], [".json"]]
    again, wrong_again = crops.volumes(path)
    assert all(isinstance(volume, np.memmap) for volume in again)
    assert all(np.allclose(a, b, atol=2e-3) for a, b in zip(before, again, strict=True))
    assert wrong == wrong_again
    write_nifti(tmp_path / "a.nii.gz", brain_image(5))
    assert len(crops.volumes(path)[0]) == 5
    other = VolumeCrops((4, 4, 4), modality="ct", cache_dir=tmp_path / "cache")
    assert other.cache.load(path) is None


def test_a_passing_failure_is_not_kept_and_a_lasting_one_is(tmp_path, write_nifti):
    path, flat = tmp_path / "a.nii.gz", write_nifti(tmp_path / "flat.nii.gz", np.ones((9, 9, 9), dtype=np.float32))
    crops = VolumeCrops((4, 4, 4), cache_dir=tmp_path / "cache")
    path.mkdir()  # reading a folder is an OSError of the system, whoever runs the tests
    assert "cannot be read" in crops.volumes(str(path))[1][0]
    assert crops.cache.load(str(path)) is None
    assert "the constant 1" in crops.volumes(flat)[1][0]
    assert crops.cache.load(flat) is not None


def test_a_file_that_goes_away_does_not_end_the_cache(tmp_path, write_nifti, caplog):
    path = write_nifti(tmp_path / "a.nii.gz", brain_image(1)[..., 0])
    crops = VolumeCrops((4, 4, 4), cache_dir=tmp_path / "cache")
    crops.cache.save(str(tmp_path / "gone.nii.gz"), [], [])
    crops.volumes(path)
    assert crops.cache.load(path) is not None
    assert not caplog.records


@pytest.mark.parametrize(
    ("error", "full"),
    [(OSError(errno.ENOSPC, "full"), True), (OSError("wrote less"), True), (OSError(errno.EIO, "broken"), False)],
    ids=["full", "short write", "one bad write"],
)
def test_only_a_disk_that_takes_no_more_ends_the_cache(tmp_path, write_nifti, monkeypatch, error, full):
    path = write_nifti(tmp_path / "a.nii.gz", brain_image(1)[..., 0])
    cache = VolumeCrops((4, 4, 4), cache_dir=tmp_path / "cache").cache

    def fail(*_):
        raise error

    monkeypatch.setattr(np, "save", fail)
    cache.save(path, [np.zeros((1, 4, 4, 4))], [])
    assert cache.full is full


@pytest.mark.parametrize(
    "knobs", [{"image_size": (32,)}, {"image_size": (0, 4)}, {"num_samples": 0}, {"spacing": (1, 1)}]
)
def test_knobs_out_of_range(knobs):
    with pytest.raises(InputError, match=next(iter(knobs))):
        VolumeCrops(**{"image_size": (4, 4), **knobs})


def test_ct_is_scaled_as_the_network_to_be_tuned_sees_it(tmp_path, write_nifti):
    volume = np.full((12, 12, 12), -1000, dtype=np.float32)
    volume[2:10, 2:10, 2:10] = 101
    volume[4, 4, 4] = 5000
    scale = HounsfieldScale((-79, 304), 101, 76.9)
    crops = VolumeCrops((12, 12), intensity=scale, ct_window=(0, 1))
    (found,), wrong = crops.volumes(write_nifti(tmp_path / "ct.nii.gz", volume))
    assert wrong == []
    whole = VolumeCrops((12, 12, 8), intensity=scale).crops(found, np.random.default_rng(0))[0]
    assert sorted(whole.unique().tolist()) == pytest.approx([scale.background, 0, (304 - 101) / 76.9], abs=1e-5)
    assert crops.crops(found, np.random.default_rng(0))[0].shape == (1, 12, 12)

import numpy as np
import pytest
import torch
from monai.data import MetaTensor
from scipy.ndimage import map_coordinates

from segpeft.data import preprocessing
from segpeft.data.channel_grid import onto_grid, overlap
from segpeft.data.loading import LoadVolumed
from segpeft.data.provenance import file_of
from segpeft.errors import InputError

T2_SHAPE, ADC_SHAPE = (20, 18, 8), (14, 13, 9)


def placed(spacing, degrees, shape, centre=(10.0, -20.0, 5.0), flip=False) -> np.ndarray:
    """The affine of a grid with its centre at `centre` mm, turned about x and z."""
    a, b = np.deg2rad(degrees), np.deg2rad(degrees / 2)
    about_x = np.array([[1, 0, 0], [0, np.cos(a), -np.sin(a)], [0, np.sin(a), np.cos(a)]])
    about_z = np.array([[np.cos(b), -np.sin(b), 0], [np.sin(b), np.cos(b), 0], [0, 0, 1]])
    affine = np.eye(4)
    affine[:3, :3] = about_x @ about_z @ np.diag(spacing) @ np.diag([-1 if flip else 1, 1, 1])
    affine[:3, 3] = np.array(centre) - affine[:3, :3] @ ((np.array(shape) - 1) / 2)
    return affine


T2 = placed((0.6, 0.6, 3.0), 15, T2_SHAPE)
GRIDS = {
    "straight": placed((1.5, 1.5, 3.5), 0, ADC_SHAPE),
    "oblique": placed((1.5, 1.5, 3.5), -20, ADC_SHAPE),
    "flipped and shifted": placed((1.4, 1.6, 3.2), 10, ADC_SHAPE, centre=(12, -19, 4), flip=True),
    "smaller than T2": placed((0.5, 0.6, 2.0), 5, ADC_SHAPE),
}


def volume(shape, affine, seed=0) -> MetaTensor:
    values = np.random.default_rng(seed).normal(size=(1, *shape)).astype(np.float32)
    return MetaTensor(torch.from_numpy(values), affine=torch.as_tensor(affine), meta={"filename_or_obj": f"v{seed}"})


@pytest.mark.parametrize("name", GRIDS)
def test_resampling_goes_by_world_coordinates(name):
    t2, adc = volume(T2_SHAPE, T2), volume(ADC_SHAPE, GRIDS[name], seed=1)
    found = onto_grid(adc, t2, "adc", "t2")
    voxels = np.stack(np.meshgrid(*map(np.arange, T2_SHAPE), indexing="ij")).reshape(3, -1)
    at = np.linalg.inv(GRIDS[name]) @ T2 @ np.vstack([voxels, np.ones(voxels.shape[1])])
    expected = map_coordinates(adc[0].numpy(), at[:3], order=1, mode="nearest").reshape(T2_SHAPE)
    np.testing.assert_allclose(found[0].numpy(), expected, atol=1e-4)
    np.testing.assert_allclose(found.affine, T2)
    assert found.dtype == torch.float32
    assert file_of(found) == "v0"


def test_a_linear_field_is_kept_where_it_was_measured_and_continued_by_its_edge():
    """An anatomy that is a ramp in world space shows whether anything lies half a voxel off."""
    affine = placed((0.5, 0.6, 2.0), 25, ADC_SHAPE)
    voxels = np.stack([*np.meshgrid(*map(np.arange, ADC_SHAPE), indexing="ij"), np.ones(ADC_SHAPE)])
    ramp = np.tensordot(affine, voxels, 1)[:3].sum(0).astype(np.float32)
    adc = MetaTensor(torch.from_numpy(ramp[None]), affine=torch.as_tensor(affine))
    found = onto_grid(adc, volume(T2_SHAPE, T2), "adc", "t2")[0].numpy()
    grid = np.stack([*np.meshgrid(*map(np.arange, T2_SHAPE), indexing="ij"), np.ones(T2_SHAPE)])
    at = np.tensordot(np.linalg.inv(affine) @ T2, grid, 1)[:3]
    inside = ((at >= 0) & (at <= np.array(ADC_SHAPE)[:, None, None, None] - 1)).all(0)
    assert 0.2 < inside.mean() < 0.9
    np.testing.assert_allclose(found[inside], np.tensordot(T2, grid, 1)[:3].sum(0)[inside], atol=1e-3)
    assert ramp.min() <= found.min() <= found.max() <= ramp.max()


@pytest.mark.parametrize(
    ("shift", "share"), [((0, 0, 0), 1.0), ((6, 0, 0), 0.5), ((0, 0, 12), 0.5), ((0, 0, 18), 0.25), ((50, 0, 0), 0.0)]
)
def test_overlap_is_that_of_the_fields(shift, share):
    there = placed((0.6, 0.6, 3.0), 0, T2_SHAPE)
    moved = there.copy()
    moved[:3, 3] += shift
    assert overlap(volume(T2_SHAPE, moved), volume(T2_SHAPE, there), "adc", "t2") == pytest.approx(share, abs=0.01)


@pytest.mark.parametrize(
    ("affine", "words"),
    [
        (placed((1.5, 1.5, 3.5), 0, ADC_SHAPE, centre=(90, 0, 0)), ("adc", "covers 0 % of", "t2", "at least 10 %")),
        (placed((1.5, 1.5, 3.5), 0, ADC_SHAPE, centre=(10, -20, 31)), ("adc", "% of", "t2", "at least 10 %")),
        (np.diag([1.0, 1.0, 0.0, 1.0]), ("adc", "affine", "invertible")),
    ],
    ids=["elsewhere", "touching", "flat"],
)
def test_volumes_that_do_not_lie_together(affine, words):
    with pytest.raises(InputError) as caught:
        onto_grid(volume(ADC_SHAPE, affine), volume(T2_SHAPE, T2), "adc", "t2")
    assert not [word for word in words if word not in str(caught.value)], caught.value
    assert "\n" not in str(caught.value)


@pytest.fixture
def two_files(tmp_path, write_nifti):
    adc = volume(ADC_SHAPE, GRIDS["oblique"], seed=1)
    return [
        write_nifti(tmp_path / "T2.nii.gz", volume(T2_SHAPE, T2)[0].numpy(), T2),
        write_nifti(tmp_path / "ADC.nii.gz", adc[0].numpy(), GRIDS["oblique"]),
    ]


def test_loading_resamples_only_where_it_is_asked_to(two_files):
    with pytest.raises(InputError, match="must share one grid"):
        LoadVolumed("image")({"image": two_files})
    image = LoadVolumed("image", resample_channels=True)({"image": two_files})["image"]
    assert image.shape == (2, *T2_SHAPE)
    np.testing.assert_allclose(image.affine, T2, atol=1e-5)
    assert [file_of(image, channel) for channel in range(2)] == two_files
    np.testing.assert_allclose(image[0].numpy(), volume(T2_SHAPE, T2)[0].numpy())


def test_preprocessing_passes_it_on(two_files):
    image = preprocessing("image", 2, resample_channels=True)({"image": two_files})["image"]
    assert image.shape[0] == 2
    with pytest.raises(RuntimeError):
        preprocessing("image", 2)({"image": two_files})

import numpy as np
import pytest
import torch

from segpeft.data.crops import RandBalancedCropd, read_window
from segpeft.data.prepared_case import BACKGROUND, FOREGROUND, FOREGROUND_REGIONS, MAX_INDICES, balance_indices
from segpeft.errors import InputError

SHAPE = (20, 18, 16)


@pytest.fixture
def case():
    image = torch.zeros(2, *SHAPE)
    image[:, 2:18, 2:16, 2:14] = 1.0
    label = torch.zeros(1, *SHAPE)
    label[:, 4:6, 12:14, 5:7] = 1.0
    return {"image": image.numpy(), "label": label.numpy(), **balance_indices(image, label), "case": "a"}


def test_indices_are_tumour_and_brain_around_it(case):
    assert len(case[FOREGROUND]) == 8
    assert len(case[BACKGROUND]) == 16 * 14 * 12 - 8
    assert case["label"].reshape(-1)[case[FOREGROUND]].all()
    assert not case["label"].reshape(-1)[case[BACKGROUND]].any()
    assert case["image"][0].reshape(-1)[case[BACKGROUND]].all()


def test_indices_are_capped_and_repeatable():
    image = torch.ones(1, 50, 50, 50)
    first, second = balance_indices(image, None), balance_indices(image, None)
    assert len(first[BACKGROUND]) == MAX_INDICES == len(np.unique(first[BACKGROUND]))
    assert len(first[FOREGROUND]) == 0
    assert first[BACKGROUND].dtype == np.int32
    np.testing.assert_array_equal(first[BACKGROUND], second[BACKGROUND])


@pytest.mark.parametrize(
    ("pos", "neg", "low", "high"),
    [
        pytest.param(1, 0, 1.0, 1.0, id="tumour only"),
        pytest.param(0, 1, 0.0, 0.05, id="background only"),
        pytest.param(1, 1, 0.4, 0.6, id="balanced"),
        pytest.param(3, 1, 0.65, 0.85, id="3 to 1"),
    ],
)
def test_share_of_tumour_centres(case, pos, neg, low, high):
    crop = RandBalancedCropd(("image", "label"), 1, num_samples=400, pos=pos, neg=neg)
    crop.set_random_state(0)
    share = np.mean([float(window["label"]) for window in crop(case)])
    assert low <= share <= high


def test_windows_lie_inside_and_are_cut_alike(case):
    crop = RandBalancedCropd(("image", "label"), (8, 6, 4), num_samples=50)
    case["image"][:] = np.arange(case["image"][0].size, dtype=np.float32).reshape(SHAPE)
    case["label"][0] = case["image"][0]
    crop.set_random_state(1)
    for window in crop(case):
        assert window["image"].shape == (2, 8, 6, 4)
        assert torch.equal(window["image"][:1], window["label"])
        assert FOREGROUND not in window
    starts = np.array(crop.starts)
    assert (starts >= 0).all()
    assert (starts + (8, 6, 4) <= SHAPE).all()


def test_a_smaller_case_is_centred_in_zeros(case):
    window = RandBalancedCropd(("image", "label"), (24, 18, 19))(case)[0]["image"]
    assert window.shape == (2, 24, 18, 19)
    np.testing.assert_array_equal(window[:, 2:22, :, 1:17].numpy(), case["image"])
    assert window.sum() == case["image"].sum()


def test_a_smaller_case_is_filled_with_what_was_asked_for(case):
    crop = RandBalancedCropd(("image", "label"), (24, 18, 19), pad_value=(-2.3, 0))
    window = crop(case)[0]
    outside = torch.ones(24, 18, 19, dtype=torch.bool)
    outside[2:22, :, 1:17] = False
    assert (window["image"][:, outside] == np.float32(-2.3)).all()
    assert (window["label"][:, outside] == 0).all()


@pytest.mark.parametrize(("balance", "low", "high"), [(False, 0.0, 0.1), (True, 0.4, 0.6)], ids=["voxels", "regions"])
def test_a_small_region_gets_its_share(balance, low, high):
    image, label = torch.ones(1, *SHAPE), torch.zeros(3, *SHAPE)  # the third region is empty
    label[0, 2:18, 2:16, 2:14] = 1.0
    label[1, 5:8, 5:8, 5:8] = 1.0
    case = {"image": image.numpy(), "label": label.numpy(), **balance_indices(image, label)}
    assert case[FOREGROUND_REGIONS].sum(axis=1).tolist() == [16 * 14 * 12, 27, 0]
    crop = RandBalancedCropd(("image", "label"), 1, num_samples=300, neg=0, balance_regions=balance)
    crop.set_random_state(0)
    windows = crop(case)
    assert all(window["label"][0] == 1 for window in windows)
    assert low <= np.mean([float(window["label"][1]) for window in windows]) <= high
    assert FOREGROUND_REGIONS not in windows[0]


def test_a_case_without_tumour_gives_background(case):
    case[FOREGROUND] = np.zeros(0, np.int32)
    windows = RandBalancedCropd(("image", "label"), 1, num_samples=20, neg=0)(case)
    assert all(window["image"].all() for window in windows)


def test_a_case_of_tumour_alone_or_of_nothing_still_gives_windows(case):
    case[BACKGROUND] = np.zeros(0, np.int32)
    assert RandBalancedCropd("label", 1, pos=0)(case)[0]["label"].all()
    case[FOREGROUND] = np.zeros(0, np.int32)
    assert RandBalancedCropd("label", 4)(case)[0]["label"].shape == (1, 4, 4, 4)


def test_the_same_state_gives_the_same_windows(case):
    crop = RandBalancedCropd("image", 5, num_samples=5)
    crop.set_random_state(3)
    _, first = crop(case), crop.starts
    crop.set_random_state(3)
    _, second = crop(case), crop.starts
    assert first == second
    _ = crop(case)
    assert crop.starts != second


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.uint8])
def test_a_window_of_a_memory_map_is_a_copy(tmp_path, dtype):
    volume = np.arange(2 * 5 * 6 * 7).reshape(2, 5, 6, 7).astype(dtype)
    np.save(tmp_path / "a.npy", volume)
    mapped = np.load(tmp_path / "a.npy", mmap_mode="c")
    window = read_window(mapped, (1, 2, 3), (3, 3, 3))
    assert window.dtype == torch.float32
    np.testing.assert_array_equal(window.numpy(), volume[:, 1:4, 2:5, 3:6].astype(np.float32))
    window.zero_()
    np.testing.assert_array_equal(mapped, volume)


@pytest.mark.parametrize(
    "knobs",
    [
        pytest.param({"spatial_size": 0}, id="size"),
        pytest.param({"num_samples": 0}, id="samples"),
        pytest.param({"pos": -1}, id="negative weight"),
        pytest.param({"pos": 0, "neg": 0}, id="no weight"),
    ],
)
def test_knobs_out_of_range_are_refused(knobs):
    with pytest.raises(InputError):
        RandBalancedCropd("image", **{"spatial_size": 4, **knobs})


def test_a_small_region_keeps_its_voxels_beside_a_large_one():
    label = torch.zeros(2, 60, 60, 60)
    label[0, :50] = 1
    label[1, 3, 3, 3:5] = 1
    found = balance_indices(torch.ones(1, 60, 60, 60), label)
    assert found[FOREGROUND_REGIONS].sum(1).tolist()[1] == 2
    assert MAX_INDICES <= len(found[FOREGROUND]) <= MAX_INDICES + 2

import numpy as np
import pytest
import torch

from segpeft.data.axial_affine import RandAxialAffined
from segpeft.errors import InputError


def cross(height: int = 33, width: int = 41, depth: int = 3) -> torch.Tensor:
    """A bar along the first axis through the middle; every slice has a value of its own."""
    crop = torch.zeros(1, height, width, depth)
    crop[0, height // 2 - 8 : height // 2 + 9, width // 2] = torch.arange(1.0, depth + 1)
    return crop


def moved(degrees: float, factor: float, mode: str = "bilinear") -> torch.Tensor:
    transform = RandAxialAffined("image", mode, prob=1.0)
    transform._do_transform, transform.angle, transform.factor = True, np.radians(degrees), factor
    return transform._move(cross(), mode)


@pytest.mark.parametrize("degrees", [90.0, -90.0], ids=str)
def test_a_quarter_turn_lays_the_bar_across(degrees):
    expected = torch.zeros(1, 33, 41, 3)
    expected[0, 16, 12:29] = torch.arange(1.0, 4)
    torch.testing.assert_close(moved(degrees, 1.0), expected, atol=1e-4, rtol=0)


def test_scaling_makes_the_bar_longer():
    lengths = [(moved(0.0, factor, "nearest")[0, :, 20, 0] > 0.5).sum().item() for factor in (0.7, 1.0, 1.4)]
    assert lengths[1] == 17
    assert lengths == pytest.approx([12, 17, 24], abs=1)


def test_nothing_is_nothing():
    torch.testing.assert_close(moved(0.0, 1.0), cross(), atol=1e-5, rtol=1e-5)


def test_image_and_label_move_alike_and_labels_stay_whole_numbers():
    transform = RandAxialAffined(["image", "label"], ["bilinear", "nearest"], prob=1.0)
    transform.set_random_state(0)
    block = torch.zeros(1, 32, 32, 4)
    block[:, 8:24, 10:20] = 1.0
    case = transform({"image": block, "label": block.clone()})
    assert set(case["label"].unique().tolist()) == {0.0, 1.0}
    assert ((case["image"] > 0.5) == (case["label"] > 0.5)).float().mean() > 0.97
    assert not torch.equal(case["label"], block)


def test_it_moves_as_often_as_asked_for():
    transform = RandAxialAffined("image", prob=0.2)
    transform.set_random_state(0)
    count = sum(not torch.equal(transform({"image": cross(9, 9, 1)})["image"], cross(9, 9, 1)) for _ in range(300))
    assert 35 <= count <= 90


def test_a_scale_of_0_is_refused():
    with pytest.raises(InputError, match="scale"):
        RandAxialAffined("image", scale=(0.0, 1.0))

import pytest
import torch
import torch.nn.functional as F
from monai.losses import DiceCELoss

from segpeft.engines import RegionDiceBCELoss


def by_hand(logits, label, smooth=1e-5):
    """Dice and binary cross-entropy of each sample and region, written out."""
    p, y = logits.sigmoid().flatten(2), label.flatten(2)
    dice = 1 - (2 * (p * y).sum(2) + smooth) / (p.sum(2) + y.sum(2) + smooth)
    bce = -(y * p.log() + (1 - y) * (1 - p).log())
    return dice.mean(), bce.mean()


@pytest.mark.parametrize("weights", [(1, 1), (2, 0), (0, 3)], ids=["both", "dice", "bce"])
def test_matches_the_formula(weights):
    torch.manual_seed(0)
    logits, label = torch.randn(2, 3, 4, 5, 6), torch.rand(2, 3, 4, 5, 6).round()
    dice, bce = by_hand(logits, label)
    found = RegionDiceBCELoss(*weights)(logits, label)
    torch.testing.assert_close(found, weights[0] * dice + weights[1] * bce)


def test_nested_regions_can_all_be_right_at_once():
    """A voxel in every region: confident logits in every channel cost nothing, where a softmax would see a contest."""
    label = torch.ones(1, 3, 4, 4, 4)
    logits = torch.full_like(label, 20.0)
    assert RegionDiceBCELoss()(logits, label) < 1e-4
    assert DiceCELoss(sigmoid=True)(logits, label) > 1.0  # the reason for this loss; remove it when MONAI does better


def test_regions_do_not_influence_each_other():
    torch.manual_seed(0)
    logits, label = torch.randn(1, 2, 4, 4, 4, requires_grad=True), torch.rand(1, 2, 4, 4, 4).round()
    other = logits.detach().clone()
    other[:, 1] += 3
    other.requires_grad_(True)
    for z in (logits, other):
        RegionDiceBCELoss()(z, label).backward()
    torch.testing.assert_close(logits.grad[:, 0], other.grad[:, 0])


def test_half_precision_is_computed_in_float32():
    logits, label = torch.randn(1, 2, 16, 16, 16).bfloat16(), torch.ones(1, 2, 16, 16, 16, dtype=torch.uint8)
    with torch.autocast("cpu", torch.bfloat16):
        found = RegionDiceBCELoss()(logits, label)
    assert found.dtype is torch.float32
    expected = F.binary_cross_entropy_with_logits(logits.float(), label.float())
    torch.testing.assert_close(RegionDiceBCELoss(dice_weight=0)(logits, label), expected)

import numpy as np
import pytest
import torch
from monai.data import MetaTensor

from segpeft.data.normalize import NormalizeForegroundd, background_value, foreground_mask, normalize_foreground

BLOCK = (slice(2, 8), slice(3, 9), slice(1, 6))


def brain(background: float, channels: int = 2) -> torch.Tensor:
    image = torch.full((channels, 10, 11, 8), background)
    block = (slice(None), *BLOCK)
    image[block] = torch.randn(image[block].shape, generator=torch.Generator().manual_seed(0)) * 20
    return image


@pytest.mark.parametrize("background", [0.0, -5.0, -62.27786, 1000.0])
def test_foreground_is_the_brain_whatever_the_background(background):
    expected = torch.zeros(10, 11, 8, dtype=torch.bool)
    expected[BLOCK] = True
    assert torch.equal(foreground_mask(brain(background))[0], expected)


@pytest.mark.parametrize("background", [0.0, -5.0])
def test_z_score_over_the_brain_and_zero_outside(background):
    result = normalize_foreground(brain(background))
    inside = result[(slice(None), *BLOCK)]
    assert result.dtype == torch.float32
    torch.testing.assert_close(inside.mean((1, 2, 3)), torch.zeros(2), atol=1e-5, rtol=0)
    torch.testing.assert_close(inside.std((1, 2, 3), correction=0), torch.ones(2))
    assert (inside < 0).sum() > 100
    assert int((result != 0).sum()) == inside.numel()


def test_each_channel_may_have_its_own_background():
    image = brain(0.0)
    image[1][image[1] == 0] = -6.0
    assert [background_value(channel) for channel in image] == [0.0, -6.0]
    assert int(foreground_mask(image).sum()) == 6 * 6 * 5


def test_a_voxel_dark_in_one_channel_stays_in():
    image = brain(0.0)
    image[0, 4, 4, 3] = 0.0
    assert foreground_mask(image)[0, 4, 4, 3]


def test_float_noise_of_the_background_is_background():
    image = brain(-5.0)
    image[image == -5.0] += 1e-6
    image[:, 0, 0, 0] -= 2e-6
    assert int(foreground_mask(image).sum()) == 6 * 6 * 5


def test_without_a_dominating_border_everything_is_foreground():
    image = torch.randn(1, 6, 6, 6, generator=torch.Generator().manual_seed(0))
    assert background_value(image[0]) is None
    assert foreground_mask(image).all()
    torch.testing.assert_close(normalize_foreground(image).std(correction=0), torch.tensor(1.0))


def test_a_brain_that_touches_some_faces_is_still_found():
    image = brain(-5.0)
    image[:, 3:7, 4:8, 0] = 3.0
    assert background_value(image[0]) == -5.0


def test_a_channel_constant_over_the_brain_becomes_zero():
    image = brain(0.0)
    image[(1, *BLOCK)] = 7.0
    assert torch.equal(normalize_foreground(image)[1], torch.zeros(10, 11, 8))


def test_transform_keeps_affine_and_operations():
    image = MetaTensor(brain(0.0), affine=np.diag([2.0, 2, 2, 1]))
    image.push_applied_operation({"class": "marker"})
    result = NormalizeForegroundd()({"image": image})["image"]
    assert isinstance(result, MetaTensor)
    assert result.applied_operations == image.applied_operations
    assert torch.equal(result.affine, image.affine)


def test_integers_are_normalised_too():
    result = normalize_foreground(brain(0.0).round().to(torch.int16))
    assert result[(0, *BLOCK)].std(correction=0) == pytest.approx(1, abs=1e-5)

"""Tokens as volumes, and back."""

import pytest
import torch

from segpeft.peft.token_volume import tokens_of, volume_of

BY_AXIS = pytest.mark.parametrize(
    ("shape", "grid", "axis"), [((2 * 3, 4 * 5, 7), [3, 4, 5], 0), ((2, 4 * 5 * 3, 7), [4, 5, 3], 2)], ids=["2d", "3d"]
)


@BY_AXIS
def test_slices_come_first_and_channels_last(shape, grid, axis):
    x = torch.randn(shape)
    volume = volume_of(x, grid, axis)
    assert volume.shape == (2, 3, 4, 5, 7)
    assert volume.is_contiguous()
    place = (1, 2, 3, 4)  # (B, D, h, w)
    row, token = (1 * 3 + 2, 3 * 5 + 4) if axis == 0 else (1, (3 * 5 + 4) * 3 + 2)
    assert torch.equal(volume[place], x[row, token])
    assert (volume.data_ptr() == x.data_ptr()) == (axis == 0)  # nothing is copied in a 2D backbone


@BY_AXIS
def test_back_again(shape, grid, axis):
    x = torch.randn(shape)
    assert torch.equal(tokens_of(volume_of(x, grid, axis), x, axis), x)

"""ST-Adapter: features mix along the slices of one volume and nowhere else."""

import pytest
import torch

from segpeft.errors import InputError
from segpeft.peft import SWIN, VIT, STAdapter
from tests.peft.methods import shake
from tests.peft.test_hosts import swin, vit

# backbone, layout, (B * D, N, C) of the tokens, their grid, and the axes of (B, *grid) with a token and its slice axis
GRIDS = pytest.mark.parametrize(
    ("backbone", "layout", "tokens", "grid", "axis"),
    [
        (vit(2), VIT, (2 * 5, 2 * 3, 12), [5, 2, 3], 0),
        (vit(3), VIT, (2, 2 * 3 * 5, 12), [2, 3, 5], 2),
        (swin(2), SWIN, (2 * 5, 4 * 4, 4), [5, 4, 4], 0),
        (swin(3), SWIN, (2, 4 * 4 * 5, 4), [4, 4, 5], 2),
    ],
    ids=["vit2d", "vit3d", "swin2d", "swin3d"],
)


@GRIDS
@pytest.mark.parametrize("kernel_size", [1, 3, 5])
@torch.no_grad()
def test_a_token_reaches_its_neighbours_along_the_slices_only(backbone, layout, tokens, grid, axis, kernel_size):
    hosted = shake(STAdapter(kernel_size=kernel_size).inject(backbone, layout))
    adapter = hosted.get_submodule(layout.blocks(hosted)[0]).before_attn
    place = [1, 1, 1]
    place[axis] = 2
    x, other = torch.randn(tokens), None
    other = x.reshape(-1, *grid, tokens[-1]).clone()
    other[(0, *place)] += 1.0
    changed = adapter(x, grid, x.new_zeros(0))[0] - adapter(other.reshape(tokens), grid, x.new_zeros(0))[0]
    changed = changed.reshape(other.shape).abs().sum(-1) > 1e-6  # (B, *grid)
    reach = torch.zeros_like(changed)
    for step in range(-(kernel_size // 2), kernel_size // 2 + 1):
        reached = list(place)
        reached[axis] += step
        reach[(0, *reached)] = True
    assert torch.equal(changed, reach)


@torch.no_grad()
def test_volumes_of_a_batch_stay_apart():
    hosted = shake(STAdapter().inject(vit(2), VIT)).eval()
    volumes = torch.randn(2, 3, 1, 16, 24)
    others = volumes.clone()
    others[0, 1] += 1.0  # one slice of the first volume
    one, other = (hosted(images.flatten(0, 1), slices=3)[0].unflatten(0, (2, 3)) for images in (volumes, others))
    assert torch.equal(one[1], other[1])
    assert ((one[0] - other[0]).abs().amax((1, 2)) > 1e-4).all()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"reduction": 0}, "reduction 0 is out of range"),
        ({"kernel_size": 2}, "kernel_size 2 is out of range: expected an odd integer"),
    ],
    ids=["reduction", "kernel_size"],
)
def test_refuses_hyper_parameters(arguments, message):
    with pytest.raises(InputError, match=message):
        STAdapter(**arguments)

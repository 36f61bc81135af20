"""Pro-tuning: one block a stage, and neighbours of one slice only."""

import pytest
import torch

from segpeft.errors import InputError
from segpeft.peft import SWIN, VIT, ProTuning
from segpeft.peft.pro_tuning import ProTuningBlock
from tests.peft.methods import shake
from tests.peft.test_hosts import swin, vit


@pytest.mark.parametrize(
    ("backbone", "layout", "expected"),
    [
        (vit(2), VIT, ["blocks.1"]),
        (swin(3), SWIN, ["layers1.0.blocks.1", *(f"layers{i}.0.blocks.0" for i in (2, 3, 4))]),
    ],
    ids=["vit", "swin"],
)
def test_stands_after_the_last_block_of_each_stage(backbone, layout, expected):
    hosted = ProTuning().inject(backbone, layout)
    found = [path for path, module in hosted.named_modules() if isinstance(module, ProTuningBlock)]
    assert found == [f"{path}.after_block" for path in expected]


@pytest.mark.parametrize(
    ("backbone", "tokens", "grid", "axis"),
    [(vit(2), (2 * 3, 7 * 8, 12), [3, 7, 8], 0), (vit(3), (2, 7 * 8 * 3, 12), [7, 8, 3], 2)],
    ids=["2d", "3d"],
)
@torch.no_grad()
def test_a_token_reaches_its_neighbours_in_the_plane_only(backbone, tokens, grid, axis):
    adapter = shake(ProTuning().inject(backbone, VIT)).blocks[1].after_block
    x = torch.randn(tokens)
    other = x.reshape(-1, *grid, 12).clone()
    other.movedim(axis + 1, 1)[1, 1, 3, 4] += 1.0
    changed = adapter(x, grid, x.new_zeros(0))[0] - adapter(other.reshape(tokens), grid, x.new_zeros(0))[0]
    changed = changed.reshape(other.shape).abs().sum(-1).movedim(axis + 1, 1) > 1e-6  # (B, D, h, w)
    reach = torch.zeros_like(changed)
    reach[1, 1, 1:6, 2:7] = True
    assert torch.equal(changed, reach)


def test_refuses_an_even_kernel():
    with pytest.raises(InputError, match="kernel_size 4 is out of range: expected an odd integer of at least 1"):
        ProTuning(kernel_size=4)

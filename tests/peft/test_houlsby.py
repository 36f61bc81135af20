"""Houlsby's adapters: the paper's places and formula."""

import pytest
import torch
import torch.nn.functional as F

from segpeft.errors import InputError
from segpeft.peft import VIT, Houlsby
from tests.peft.methods import shake
from tests.peft.test_hosts import vit


@torch.no_grad()
def test_block_computes_the_papers_formula():
    block = shake(Houlsby(reduction=4).inject(vit(), VIT)).eval().blocks[0]
    x, grid = torch.randn(2, 8, 12), [2, 2, 2]
    found, _, _ = block(x, grid, x.new_zeros(0), x.new_zeros(2, 0, 12))
    for adapter, branch in ((block.after_attn, block.attn_branch), (block.after_mlp, block.mlp_branch)):
        made = branch(x)
        low = F.gelu(made @ adapter.down.weight.T + adapter.down.bias)
        x = x + made + low @ adapter.up.weight.T + adapter.up.bias
    assert block.after_mlp.down.weight.shape == (3, 12)
    torch.testing.assert_close(found, x)


@pytest.mark.parametrize(
    ("reduction", "message"),
    [(0, "reduction 0 is out of range"), (True, "reduction True"), (2.0, "reduction 2.0"), ("8", "reduction '8'")],
    ids=["zero", "bool", "float", "text"],
)
def test_refuses_hyper_parameters(reduction, message):
    with pytest.raises(InputError, match=message):
        Houlsby(reduction=reduction)


def test_refuses_a_backbone_that_is_too_narrow():
    with pytest.raises(InputError, match="reduction 16 leaves nothing of tokens of width 12"):
        Houlsby(reduction=16).inject(vit(), VIT)

"""AdaptFormer: beside the MLP, scaled."""

import pytest
import torch
import torch.nn.functional as F

from segpeft.errors import InputError
from segpeft.peft import VIT, AdaptFormer
from tests.peft.methods import shake
from tests.peft.test_hosts import vit


@torch.no_grad()
def test_block_computes_the_papers_formula():
    block = shake(AdaptFormer(bottleneck_dim=5, scale=0.3).inject(vit(), VIT)).eval().blocks[0]
    x, grid = torch.randn(2, 8, 12), [2, 2, 2]
    found, _, _ = block(x, grid, x.new_zeros(0), x.new_zeros(2, 0, 12))
    adapter = block.beside_mlp
    x = x + block.attn_branch(x)
    low = F.relu(x @ adapter.down.weight.T + adapter.down.bias)
    torch.testing.assert_close(found, x + block.mlp_branch(x) + 0.3 * (low @ adapter.up.weight.T + adapter.up.bias))


def test_defaults_are_the_papers():
    adapter = AdaptFormer().inject(vit(), VIT).blocks[1].beside_mlp
    assert (adapter.down.out_features, adapter.scale) == (64, 0.1)
    assert adapter.down.weight.abs().max() <= 12**-0.5  # kaiming, uniform with a = sqrt 5
    assert not any(tensor.any() for tensor in (adapter.up.weight, adapter.up.bias, adapter.down.bias))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [({"bottleneck_dim": 0}, "bottleneck_dim 0 is out of range"), ({"scale": 0.0}, "scale 0.0 is out of range")],
    ids=["bottleneck_dim", "scale"],
)
def test_refuses_hyper_parameters(arguments, message):
    with pytest.raises(InputError, match=message):
        AdaptFormer(**arguments)

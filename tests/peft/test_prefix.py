"""Prefix tuning: attention to keys and values that no token has."""

from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F
from monai.networks.blocks.selfattention import SABlock
from torch import nn

from segpeft.errors import InputError
from segpeft.peft import VIT, PrefixTuning, apply_peft
from segpeft.peft.prefix import Prefix, ReparametrisedPrefix
from segpeft.peft.prefix_attention import PrefixedSABlock, PrefixedWindowAttention, prefix_vit
from tests.peft.backbones import BACKBONES
from tests.peft.methods import shake


def test_tokens_attend_to_the_prefix_before_their_own_keys() -> None:
    torch.manual_seed(0)
    plain = SABlock(12, 2).double()
    attention = prefix_vit(plain, Prefix(3, 12).double())
    x = torch.randn(2, 5, 12, dtype=torch.float64)
    q, k, v = plain.qkv(x).chunk(3, -1)
    keys, values = attention.prefix().chunk(2, -1)
    k, v = (torch.cat([part.expand(2, -1, -1), own], 1) for part, own in ((keys, k), (values, v)))
    q, k, v = (part.unflatten(-1, (2, 6)).transpose(1, 2) for part in (q, k, v))
    heads = (q @ k.transpose(2, 3) / 6**0.5).softmax(-1) @ v
    torch.testing.assert_close(attention(x), plain.out_proj(heads.transpose(1, 2).flatten(2)))


@pytest.mark.parametrize(("name", "kind"), [("slice_vit", PrefixedSABlock), ("slice_swin", PrefixedWindowAttention)])
def test_every_attention_has_a_prefix_of_its_own(name: str, kind: type[nn.Module]) -> None:
    network = apply_peft(BACKBONES[name].network(), PrefixTuning(num_prefix=2))
    found = [module.prefix for module in network.modules() if isinstance(module, kind)]
    assert len({id(prefix) for prefix in found}) == sum(BACKBONES[name].stages)


def test_reparametrised_prefix_is_a_perceptron_of_embeddings() -> None:
    prefix = ReparametrisedPrefix(3, 4, 5)
    hidden = torch.tanh(F.linear(prefix.embedding, prefix.inner.weight, prefix.inner.bias))
    assert torch.equal(prefix(), F.linear(hidden, prefix.outer.weight, prefix.outer.bias))


@torch.no_grad()
def test_a_prefix_in_a_window_ignores_shift_and_position() -> None:
    """With values of zero and keys far from every query, it takes nothing from the tokens."""
    backbone = BACKBONES["slice_swin"]
    plain, network = backbone.network(), apply_peft(backbone.network(), PrefixTuning(num_prefix=2))
    for module in network.modules():
        if isinstance(module, Prefix):
            module.pairs.zero_()
    out = network(backbone.image())
    assert not torch.allclose(out, plain(backbone.image()), atol=1e-4), "a key of zero has its share of the softmax"
    assert torch.isfinite(shake(network)(backbone.image())).all()


def test_attention_of_another_kind_takes_none() -> None:
    with pytest.raises(InputError, match="SABlock takes no prefix: expected MONAI's SABlock with a fused qkv"):
        prefix_vit(SABlock(12, 2, causal=True, sequence_length=4), Prefix(1, 12))
    with pytest.raises(InputError, match="the attention of vit takes no prefix: its layout names none"):
        PrefixTuning().inject(BACKBONES["slice_vit"].network().encoder, replace(VIT, prefixed=None))

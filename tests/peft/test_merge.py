"""Merging: an ordinary network that computes the same, and the way back."""

import pytest
import torch
from torch import nn

from segpeft.errors import InputError
from segpeft.peft import DecoderOnly, LoRA, apply_peft, merge, trainable_parameters, unmerge
from tests.peft.backbones import BACKBONES
from tests.peft.methods import METHODS, adapted, shake

MERGED = (
    "bitfit",
    "bitfit_targets",
    "decoder_only",
    "dora",
    "dylora",
    "fact_tk",
    "fact_tt",
    "full",
    "lora_and_bitfit",
    "lora_plus",
    "lora_qv",
    "lora_rs",
    "lora_standard",
    "norm_tuning",
)
NAMES = tuple(BACKBONES)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("method", MERGED)
@torch.no_grad()
def test_merged_network_is_ordinary_and_computes_the_same(method: str, name: str) -> None:
    backbone = BACKBONES[name]
    network = shake(adapted(method, backbone))
    before = {key: value.clone() for key, value in network.state_dict().items()}
    merged = merge(network)
    image = backbone.image()
    torch.testing.assert_close(merged(image), network(image), rtol=1e-4, atol=1e-4)
    assert set(merged.state_dict()) == set(backbone.network().state_dict())
    assert {type(layer) for layer in merged.modules() if isinstance(layer, nn.Linear)} <= {nn.Linear}
    assert not hasattr(merged, "peft")
    assert all(torch.equal(value, before[key]) for key, value in network.state_dict().items())


@pytest.mark.parametrize("method", sorted(set(METHODS) - set(MERGED) - {"channel_lora", "channel_lora_recompute"}))
def test_what_is_no_update_of_a_weight_is_refused(method: str) -> None:
    with pytest.raises(InputError, match=r"cannot be merged: .* is no update of a weight"):
        merge(adapted(method, BACKBONES["slice_vit"]))


def test_channels_with_weights_of_their_own_are_refused() -> None:
    with pytest.raises(InputError, match="channel_lora cannot be merged: .*lora_a is no update"):
        merge(adapted("channel_lora", BACKBONES["channel_unetr"]))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("method", ["lora_rs", "lora_qv", "dora", "fact_tk"])
@torch.no_grad()
def test_unmerging_gives_the_base_back(method: str, name: str) -> None:
    network = shake(adapted(method, BACKBONES[name]))
    base, plain = unmerge(merge(network), network), BACKBONES[name].network()
    layers = [path for path, layer in network.named_modules() if hasattr(layer, "delta_weight")]
    assert layers
    for path in layers:
        torch.testing.assert_close(base.get_submodule(path).weight, plain.get_submodule(path).weight)


def test_merging_leaves_the_live_network_trainable() -> None:
    network = adapted("lora_rs", BACKBONES["slice_vit"])
    count = len(trainable_parameters(network))
    merge(network)
    assert len(trainable_parameters(network)) == count


def test_there_has_to_be_something_to_merge() -> None:
    backbone = BACKBONES["slice_vit"]
    with pytest.raises(InputError, match="carries no method"):
        merge(backbone.network())
    with pytest.raises(InputError, match="is no plain layer of the merged network"):
        unmerge(apply_peft(backbone.network(), LoRA()), apply_peft(backbone.network(), LoRA()))
    with pytest.raises(InputError, match="carries no method"):
        unmerge(merge(apply_peft(backbone.network(), DecoderOnly())), backbone.network())

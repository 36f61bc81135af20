"""LoRA's layers: formula, gradients, initialisation, knobs, autocast."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from segpeft.errors import InputError
from segpeft.peft import SWIN, VIT, ChannelLoRA, ChannelLoRALinear, LoRA, LoRALinear, QKVLoRALinear, apply_peft
from tests.peft.backbones import BACKBONES

METHOD = LoRA(rank=2, alpha=3.0)
LAYERS: dict[str, Callable[[nn.Linear], nn.Module]] = {
    "lora": lambda base: LoRALinear.from_linear(base, METHOD),
    "qkv_parts": lambda base: QKVLoRALinear.from_linear(base, METHOD, ("q", "v")),
    "channel": lambda base: ChannelLoRALinear.from_linear(base, ChannelLoRA(rank=2, alpha=3.0, channels=3), 3),
}
EVERY_LAYER = pytest.mark.parametrize("make", LAYERS.values(), ids=LAYERS)


def trained(make, bias: bool = True, dtype: torch.dtype = torch.float64) -> nn.Module:
    torch.manual_seed(0)
    layer = make(nn.Linear(5, 12, bias=bias, dtype=dtype).requires_grad_(False))
    nn.init.normal_(layer.lora_b)
    return layer


@EVERY_LAYER
@pytest.mark.parametrize("bias", [True, False], ids=["bias", "no_bias"])
def test_gradients_agree_with_finite_differences(make, bias):
    layer = trained(make, bias)
    x = torch.randn(6, 2, 5, dtype=torch.float64, requires_grad=True)
    parameters = (layer.lora_a, layer.lora_b)

    def of(x, a, b):
        return torch.func.functional_call(layer, {"lora_a": a, "lora_b": b}, (x,))

    assert torch.autograd.gradcheck(of, (x, *parameters))


@pytest.mark.parametrize(("stabilised", "scaling"), [(True, 3 / math.sqrt(2)), (False, 3 / 2)], ids=["rs", "standard"])
def test_lora_is_the_formula(stabilised, scaling):
    torch.manual_seed(0)
    base = nn.Linear(5, 12)
    layer = LoRALinear.from_linear(base, replace(METHOD, rank_stabilised=stabilised))
    nn.init.normal_(layer.lora_b)
    x = torch.randn(7, 5)
    torch.testing.assert_close(layer(x), base(x) + scaling * (x @ layer.lora_a.T @ layer.lora_b.T))
    torch.testing.assert_close(layer.delta_weight(), scaling * layer.lora_b @ layer.lora_a)


@pytest.mark.parametrize("parts", [("q",), ("v",), ("q", "v"), ("q", "k", "v")], ids="".join)
def test_parts_of_qkv_are_lora_on_separate_layers(parts):
    torch.manual_seed(0)
    fused = nn.Linear(5, 12)
    layer = QKVLoRALinear.from_linear(fused, METHOD, parts)
    nn.init.normal_(layer.lora_b)
    x, outputs = torch.randn(3, 7, 5), []
    for index, part in enumerate("qkv"):
        single = nn.Linear(5, 4)
        single.weight.data, single.bias.data = fused.weight[4 * index :][:4].data, fused.bias[4 * index :][:4].data
        if part in parts:
            single = LoRALinear.from_linear(single, METHOD)
            single.lora_a.data, single.lora_b.data = layer.lora_a[parts.index(part)], layer.lora_b[parts.index(part)]
        outputs.append(single(x))
    torch.testing.assert_close(layer(x), torch.cat(outputs, -1))


@EVERY_LAYER
def test_merged_weight_is_what_the_layer_computes(make):
    layer = trained(make)
    x = torch.randn(3, 4, 5, dtype=torch.float64)
    delta = layer.delta_weights() if hasattr(layer, "delta_weights") else layer.delta_weight()
    weight = layer.weight + delta
    merged = torch.einsum("cni,coi->cno", x, weight.expand(3, -1, -1)) + layer.bias
    torch.testing.assert_close(layer(x), merged)


@EVERY_LAYER
def test_adoption_leaves_the_linear_layer_as_it_was(make):
    base = nn.Linear(5, 12)
    layer = make(base)
    assert layer.weight is base.weight
    assert [name for name, _ in base.named_parameters()] == ["weight", "bias"]
    assert [name for name, _ in base.named_modules()] == [""]
    assert list(layer.state_dict()) == ["weight", "bias", "lora_a", "lora_b"]


def test_dropout_acts_on_the_update_and_only_in_training():
    layer = LoRALinear.from_linear(nn.Linear(64, 3), replace(METHOD, dropout=0.5))
    nn.init.ones_(layer.lora_b)
    x = torch.randn(2, 64)
    assert not torch.equal(layer(x), layer.eval()(x))
    nn.init.zeros_(layer.lora_b)
    assert torch.equal(layer.train()(x), F.linear(x, layer.weight, layer.bias))


@pytest.mark.parametrize("init", ["kaiming", "gaussian"])
def test_a_is_drawn_from_its_distribution_for_each_channel_anew(init):
    torch.manual_seed(0)
    layer = ChannelLoRALinear.from_linear(nn.Linear(400, 8), ChannelLoRA(rank=50, channels=3, init=init), 3)
    std = 1 / math.sqrt(3 * 400) if init == "kaiming" else 1 / 50  # of a uniform on +- 1 / sqrt(in)
    torch.testing.assert_close(layer.lora_a.std(dim=(1, 2)), torch.full((3,), std), rtol=0.02, atol=0)
    assert layer.lora_a.abs().max() <= 1 / math.sqrt(400) if init == "kaiming" else layer.lora_a.abs().max() > 3 / 50
    assert not torch.equal(layer.lora_a[0], layer.lora_a[1])
    assert not layer.lora_b.any()


@EVERY_LAYER
def test_autocast_to_bfloat16_stays_close(make):
    layer = trained(make, dtype=torch.float32)
    x = torch.randn(3, 16, 5)
    exact = layer(x)
    exact.square().sum().backward()
    gradients = [layer.lora_a.grad.clone(), layer.lora_b.grad.clone()]
    layer.zero_grad()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        rounded = layer(x)
    rounded.float().square().sum().backward()
    assert rounded.dtype == torch.bfloat16
    for one, other in zip((exact, *gradients), (rounded, layer.lora_a.grad, layer.lora_b.grad), strict=True):
        assert (one - other.float()).abs().max() < 0.03 * one.abs().max()


@pytest.mark.parametrize(
    ("knobs", "message"),
    [
        ({"rank": 0}, "rank 0 is out of range"),
        ({"rank": 2.5}, "rank 2.5 is out of range"),
        ({"rank": "8"}, "rank '8' is out of range"),
        ({"alpha": 0}, "alpha 0 is out of range"),
        ({"alpha": math.nan}, "alpha nan is out of range"),
        ({"dropout": 1.0}, "dropout 1.0 is out of range"),
        ({"dropout": -0.1}, "dropout -0.1 is out of range"),
        ({"init": "xavier"}, "init 'xavier' is unknown"),
        ({"targets": ("qkv", "v")}, "either qkv or its parts"),
        ({"targets": "qkv"}, "targets 'qkv': expected a list"),
    ],
    ids=lambda value: str(value)[:30] if isinstance(value, dict) else "",
)
@pytest.mark.parametrize("method", [LoRA, ChannelLoRA])
def test_knobs_out_of_range_are_refused_in_one_line(method, knobs, message):
    with pytest.raises(InputError, match=message) as caught:
        method(**knobs)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("knobs", "message"),
    [
        ({"channels": 0}, "channels 0 is out of range"),
        ({"channels": 1.5}, "channels 1.5 is out of range"),
        ({"targets": ("q", "v")}, "adapts the fused qkv"),
    ],
    ids=["none", "fraction", "parts"],
)
def test_knobs_of_channel_lora_out_of_range_are_refused(knobs, message):
    with pytest.raises(InputError, match=message):
        ChannelLoRA(**knobs)


@pytest.mark.parametrize("targets", [(), ("fc9",), ("qkv", "fc9"), ("q", "fc9")], ids=str)
@pytest.mark.parametrize("name", ["slice_vit", "slice_swin"])
def test_a_target_that_matches_nothing_is_an_error(name, targets):
    with pytest.raises(InputError, match=r"targets \["):
        apply_peft(BACKBONES[name].network(), LoRA(targets=targets))


@pytest.mark.parametrize("path", ["attn.nothing", "norm1"], ids=["missing", "no_linear"])
@pytest.mark.parametrize(("name", "layout"), [("slice_vit", VIT), ("slice_swin", SWIN)])
def test_a_layout_that_points_nowhere_is_an_error(name, layout, path):
    wrong = replace(layout, targets={**layout.targets, "qkv": path})
    with pytest.raises(InputError, match=rf"blocks\.0\.{path}.* is no linear layer"):
        apply_peft(BACKBONES[name].network(), LoRA(targets=("qkv",)), wrong)


def test_lists_from_a_config_become_tuples():
    assert LoRA(targets=["q", "linear2"]) == LoRA(targets=("q", "linear2"))


def test_a_layer_takes_low_rank_adapters_once():
    network = BACKBONES["slice_vit"].network()
    once = LoRA(rank=2).inject(network.encoder, network.encoder.layout)
    with pytest.raises(InputError, match="LoRALinear is no plain linear layer"):
        LoRA(rank=4).inject(once, network.encoder.layout)

"""A base held in bfloat16 or in 8 bits: smaller, close, and adapters train on it."""

import importlib.util
import sys

import pytest
import torch

from segpeft.errors import InputError
from segpeft.peft import (
    DecoderOnly,
    Full,
    LoRA,
    apply_peft,
    base_bytes,
    base_sha256,
    hold_base,
    trainable_parameters,
)
from tests.peft.backbones import BACKBONES
from tests.peft.methods import adapted, shake

HAS_TORCHAO = importlib.util.find_spec("torchao") is not None
INT8 = pytest.param(
    "int8", marks=[pytest.mark.reference, pytest.mark.skipif(not HAS_TORCHAO, reason="torchao is not installed")]
)
USED = ["lora_rs", "lora_qv", "dora", "fact_tk", "houlsby", "vpt_deep", "prefix", "med_adapter", "ladder"]


@pytest.mark.parametrize("form", ["bf16", INT8])
@pytest.mark.parametrize("method", USED)
@pytest.mark.parametrize("name", ["slice_vit", "slice_swin"])
def test_base_is_smaller_and_the_output_close(name: str, method: str, form: str) -> None:
    network, image = shake(adapted(method, BACKBONES[name])), BACKBONES[name].image()
    before = base_bytes(network)
    with torch.no_grad():
        exact = network(image)
    held = hold_base(network, form)
    assert held is network
    assert base_bytes(network) < 0.65 * before
    with torch.autocast("cpu", torch.bfloat16, enabled=form == "bf16"):
        out = network(image)
    error = (out.float() - exact).norm() / exact.norm()
    assert 0 < error < (0.1 if form == "bf16" else 0.05)
    out.float().square().mean().backward()
    assert all(torch.isfinite(p.grad).all() and p.dtype == torch.float32 for p in trainable_parameters(network))


def test_base_in_bfloat16_is_the_same_base() -> None:
    network = adapted("lora_rs", BACKBONES["slice_vit"])
    before = base_sha256(network)
    assert base_sha256(hold_base(network, "bf16")) == before


def test_without_a_frozen_base_there_is_nothing_to_hold(monkeypatch: pytest.MonkeyPatch) -> None:
    plain = BACKBONES["slice_vit"].network
    with pytest.raises(InputError, match="carries no method"):
        hold_base(plain(), "bf16")
    with pytest.raises(InputError, match="is trained whole by full"):
        hold_base(apply_peft(plain(), Full()), "bf16")
    with pytest.raises(InputError, match="base in 'int4': expected one of bf16, int8"):
        hold_base(apply_peft(plain(), DecoderOnly()), "int4")
    monkeypatch.setitem(sys.modules, "torchao.quantization", None)
    with pytest.raises(InputError, match="needs torchao: pip install torchao"):
        hold_base(apply_peft(plain(), LoRA()), "int8")

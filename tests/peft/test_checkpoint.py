"""Adapter files: what is in them, and one line for each way in which one does not fit."""

from __future__ import annotations

import json
import re

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from segpeft.errors import InputError
from segpeft.peft import (
    DecoderOnly,
    Layout,
    LoRA,
    Method,
    Socket,
    apply_peft,
    base_sha256,
    fill_socket,
    host_backbone,
    load_adapter,
    read_adapter,
    save_adapter,
    trainable_state,
)
from tests.peft.backbones import BACKBONES
from tests.peft.methods import shake

BACKBONE = BACKBONES["slice_vit"]


def network(method: Method = LoRA(rank=2), seed: int = 0) -> nn.Module:  # noqa: B008 - frozen
    return apply_peft(BACKBONE.network(seed), method)


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "adapters" / "lora.safetensors"
    save_adapter(shake(network()), path)
    return path


def rewritten(path, header=None, **tensors):
    """Replaces tensors (None removes one) or header fields of an adapter file."""
    state, old = read_adapter(path)
    state = {key: value for key, value in {**state, **tensors}.items() if value is not None}
    save_file(
        state, path, metadata={key: value for key, value in {**old, **(header or {})}.items() if value is not None}
    )


def refusal(net: nn.Module, path) -> str:
    before = {key: value.clone() for key, value in net.state_dict().items()}
    with pytest.raises(InputError) as caught:
        load_adapter(net, path)
    message = str(caught.value)
    assert message.startswith(f"{path}: ")
    assert "\n" not in message
    assert all(torch.equal(value, before[key]) for key, value in net.state_dict().items())  # nothing half loaded
    return message


@pytest.mark.parametrize(
    ("net", "expected"),
    [
        (lambda: network(LoRA(rank=3)), "rank is 2 in the file, 3 in the network"),
        (lambda: network(LoRA(rank=2, alpha=4)), "alpha is 8.0 in the file, 4 in the network"),
        (lambda: network(LoRA(rank=2, targets=("q", "v"))), "targets is"),
        (lambda: network(DecoderOnly()), "method is 'lora' in the file, 'decoder_only' in the network"),
        (lambda: network(seed=1), "belongs to another base"),
        (
            lambda: apply_peft(BACKBONES["slice_swin"].network(), LoRA(rank=2)),
            "layout is 'slice_vit' in the file, 'slice_swin' in the network",
        ),
        (lambda: apply_peft(BACKBONE.network().encoder, LoRA(rank=2)), "lacks"),
    ],
    ids=["rank", "alpha", "targets", "method", "base", "backbone", "no_head"],
)
def test_a_network_that_the_file_does_not_fit_is_refused(file, net, expected):
    assert expected in refusal(net(), file)


KEY = "encoder.blocks.0.attn.qkv.lora_a"


@pytest.mark.parametrize(
    ("tensors", "header", "expected"),
    [
        ({KEY: None}, None, f"lacks {KEY}"),
        ({"encoder.extra": torch.ones(1)}, None, "unknown encoder.extra"),
        ({KEY: torch.ones(2, 5)}, None, rf"{KEY} is \(2, 5\) in the file, \(2, 12\) in the network"),
        ({}, {"format": "other"}, "no adapter file of segpeft"),
        ({}, {"format": None}, "no adapter file of segpeft"),
        ({}, {"method": None}, "header lacks method"),
        ({}, {"base_sha256": None}, "header lacks base_sha256"),
        ({}, {"method": "{"}, "header's method is not readable"),
    ],
    ids=["missing", "extra", "shape", "format", "no_format", "no_method", "no_base", "bad_method"],
)
def test_a_changed_file_is_refused(file, tensors, header, expected):
    rewritten(file, header, **tensors)
    assert re.search(expected, refusal(network(), file))


@pytest.mark.parametrize(
    "damage",
    [
        lambda path: path.write_bytes(path.read_bytes()[:-100]),
        lambda path: path.write_bytes(b""),
        lambda path: path.write_bytes(b"\xff" * 500),
        lambda path: torch.save({"weight": torch.ones(2)}, path),
        lambda path: path.unlink(),
    ],
    ids=["truncated", "empty", "noise", "pickle", "gone"],
)
def test_a_damaged_file_is_refused(file, damage):
    damage(file)
    assert "not a readable safetensors file" in refusal(network(), file)


def test_a_network_without_a_method_has_no_adapter(file, tmp_path):
    with pytest.raises(InputError, match="SliceSegmenter carries no method"):
        load_adapter(BACKBONE.network(), file)
    with pytest.raises(InputError, match="SliceSegmenter carries no method"):
        save_adapter(BACKBONE.network(), tmp_path / "none.safetensors")


def test_file_holds_the_trainable_state_and_names_its_base(file):
    net = network()
    state, header = read_adapter(file)
    assert set(state) == {name for name, p in net.named_parameters() if p.requires_grad}
    assert json.loads(header["method"]) == json.loads(json.dumps(LoRA(rank=2).describe()))
    assert header["base_sha256"] == base_sha256(net)
    assert header["layout"] == "slice_vit"
    adapter = sum(4 * value.numel() for key, value in state.items() if key.startswith("encoder."))
    head = sum(4 * value.numel() for key, value in state.items() if key.startswith("decoder."))
    assert json.loads(header["bytes"]) == {"backbone_peft": adapter, "task_head": head}
    assert [path.name for path in file.parent.iterdir()] == [file.name]


def test_saving_replaces_a_file(file):
    first = load_file(file)[KEY]
    save_adapter(shake(network(), seed=9), file)
    assert not torch.equal(load_file(file)[KEY], first)
    assert len(list(file.parent.iterdir())) == 1


def test_base_in_bfloat16_is_the_same_base(file):
    net = network()
    for parameter in net.parameters():
        if not parameter.requires_grad:
            parameter.data = parameter.data.bfloat16()
    assert base_sha256(net) == base_sha256(network())
    load_adapter(net, file)


@pytest.mark.parametrize("name", ["encoder.blocks.0.norm1.weight", "encoder.blocks.1.mlp.linear2.bias"])
def test_one_changed_number_is_another_base(name):
    net = network()
    net.get_parameter(name).data[3] += 0.1
    assert base_sha256(net) != base_sha256(network())


class Normed(Socket):
    """Batch normalisation: a method with running statistics."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm = nn.BatchNorm1d(width)

    def forward(self, x: Tensor, grid: list[int], carry: Tensor) -> tuple[Tensor, Tensor]:
        return self.norm(x.transpose(1, 2)).transpose(1, 2), carry


class Norms(Method):
    """A :class:`Normed` after each block."""

    name = "norms"

    def inject(self, backbone: nn.Module, layout: Layout) -> nn.Module:
        backbone = host_backbone(backbone, layout)
        for path in layout.blocks(backbone):
            fill_socket(backbone.get_submodule(path), "after_block", Normed(layout.width(backbone, path)))
        return backbone


def test_buffers_of_trainable_modules_go_with_them(tmp_path):
    trained, fresh = network(Norms()).train(), network(Norms())
    trained(BACKBONE.image())
    save_adapter(trained, tmp_path / "norms.safetensors")
    load_adapter(fresh, tmp_path / "norms.safetensors")
    names = [key for key in trainable_state(trained) if "running" in key or "tracked" in key]
    assert len(names) == 3 * 4
    assert int(fresh.encoder.blocks[1].after_block.norm.num_batches_tracked) == 1
    assert torch.equal(fresh.eval()(BACKBONE.image()), trained.eval()(BACKBONE.image()))

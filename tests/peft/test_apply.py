"""apply_peft, adoption and layouts: what they refuse and what they record."""

from __future__ import annotations

import ast
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import nn

import segpeft.peft
from segpeft.errors import InputError
from segpeft.peft import (
    VIT,
    DecoderOnly,
    Full,
    LoRA,
    MedAdapter,
    ProTuning,
    STAdapter,
    apply_peft,
    count_parameters,
    trainable_parameters,
)
from segpeft.peft.adopt import adopt
from tests.peft.backbones import BACKBONES
from tests.peft.methods import Bottlenecks
from tests.peft.test_hosts import vit


@pytest.mark.parametrize("method", [LoRA(rank=2), Bottlenecks()], ids=["linear", "sockets"])
def test_a_bare_backbone_is_its_own_network(method):
    bare = BACKBONES["slice_vit"].network().encoder
    keys = list(bare.state_dict())
    network = apply_peft(bare, method)
    assert [key for key in network.state_dict() if key in keys] == keys
    assert network.peft.backbone == ""
    assert count_parameters(network)["task_head"] == 0
    assert count_parameters(network)["backbone_peft"] > 0


def test_a_second_method_is_refused():
    network = apply_peft(BACKBONES["slice_vit"].network(), LoRA(rank=2))
    with pytest.raises(InputError, match="already carries lora"):
        apply_peft(network, DecoderOnly())


def test_a_network_without_a_known_backbone_is_refused():
    with pytest.raises(InputError, match=r"Sequential holds no backbone of a known layout \(ViT, SwinTransformer\)"):
        apply_peft(nn.Sequential(nn.Linear(2, 2)), LoRA())


def test_layout_says_what_is_frozen():
    keeps = ("patch_embedding.*", "blocks*", "norm.bias")
    network = apply_peft(BACKBONES["slice_vit"].network(), DecoderOnly(), replace(VIT, frozen=keeps))
    trainable = {name for name, p in network.named_parameters() if p.requires_grad}
    decoder = {name for name, _ in network.named_parameters() if name.startswith("decoder.")}
    assert trainable == decoder | {"encoder.norm.weight"}


def test_a_backbone_may_bring_its_own_layout():
    network = BACKBONES["slice_vit"].network()
    network.encoder.layout = replace(VIT, name="mine", frozen=("blocks.*",))
    assert apply_peft(network, DecoderOnly()).peft.layout == "mine"
    assert network.encoder.norm.weight.requires_grad
    assert not network.encoder.blocks[0].norm1.weight.requires_grad


@pytest.mark.parametrize("method", [MedAdapter(), ProTuning(), STAdapter()], ids=lambda method: method.name)
def test_methods_that_see_a_volume_refuse_a_class_token(method):
    with pytest.raises(InputError, match="ViTHost has a class token, which has no place in a volume"):
        apply_peft(vit(2, classification=True), method)


def test_a_refused_method_leaves_the_network_as_trainable_as_it_was():
    network = BACKBONES["slice_vit"].network()
    with pytest.raises(InputError, match="nothing"):
        apply_peft(network, LoRA(targets=("nothing",)))
    assert all(parameter.requires_grad for parameter in network.parameters())
    apply_peft(network, DecoderOnly())


def test_full_trains_everything():
    network = apply_peft(BACKBONES["slice_vit"].network(), Full())
    assert len(trainable_parameters(network)) == len(list(network.parameters()))


@pytest.mark.parametrize(
    ("name", "sizes"),
    [
        ("unetr", [3, 3, 3, 3]),
        ("slice_vit", [1, 1, 1, 1]),
        ("channel_unetr", [1, 1, 1, 1]),
        ("swin_unetr", [2, 1, 1, 1]),
    ],
)
def test_layout_divides_the_blocks_into_stages(name, sizes):
    network = BACKBONES[name].network()
    _, backbone, layout = segpeft.peft.find_backbone(network)
    assert [len(stage) for stage in layout.stages(backbone)] == sizes
    assert tuple(layout.width(backbone, path) for path in layout.blocks(backbone)) == tuple(
        width for width, _ in BACKBONES[name].widths
    )


class Wider(nn.Linear):
    """A linear layer with more to it."""


def test_adopt_shares_what_is_held_and_copies_the_registries():
    old = nn.Linear(2, 3)
    old.hint = "kept"
    new = adopt(old, Wider)
    new.extra = nn.Parameter(torch.ones(1))
    new.register_buffer("count", torch.zeros(1))
    new.inside = nn.ReLU()
    new.register_forward_hook(print)
    assert new.weight is old.weight
    assert new.hint == "kept"
    assert list(old.state_dict()) == ["weight", "bias"]
    assert not hasattr(old, "inside")
    assert not old._forward_hooks


def test_adopt_refuses_a_foreign_class():
    with pytest.raises(TypeError, match="Linear cannot adopt a Conv2d"):
        adopt(nn.Conv2d(1, 1, 1), nn.Linear)


def test_peft_imports_neither_other_parts_of_the_package_nor_the_peft_library():
    for path in Path(segpeft.peft.__file__).parent.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom):
                names = [node.module or ""] if node.level < 2 else ["segpeft." + (node.module or "")]
                names = [name for name in names if node.level != 1]
            single = ("atomic_files", "config_entry", "errors", "markdown", "settings", "state_files", "tensor_files")
            allowed = ("segpeft", *(f"segpeft.{name}" for name in single))
            wrong = [n for n in names if n.split(".")[0] == "peft" or (n.startswith("segpeft") and n not in allowed)]
            assert wrong == [], path.name

"""Files of each source: recognised, every tensor accounted for, the values where they belong."""

import argparse

import pytest
import torch

from segpeft.networks import load_base
from segpeft.networks.pretrained.sources import source_of
from segpeft.networks.pretrained.weight_file import WeightFile
from segpeft.networks.slice_swin import SliceSwin
from segpeft.networks.slice_vit import SliceViT
from tests.networks.pretrained import layouts

VIT_FILES = {
    "timm_vit": ("vit.pth", layouts.timm_vit, None, {}, {"cls_token", "head.weight", "head.bias"}),
    "timm_vit safetensors": ("vit.safetensors", layouts.timm_vit, None, {}, {"cls_token", "head.weight", "head.bias"}),
    "google_vit": ("vit.npz", lambda: layouts.google()[0], None, {}, {"cls", "head/kernel", "head/bias"}),
    "google_vit of a training": (
        "vit.npz",
        lambda: layouts.google("opt/target/")[0],
        None,
        {},
        {f"opt/target/{name}" for name in ("cls", "head/kernel", "head/bias")},
    ),
    "mae": ("mae.pth", layouts.mae, "model", {}, {"cls_token"}),
    "mae with decoder": (
        "mae.pth",
        layouts.whole_mae,
        "model",
        {},
        {"cls_token", "mask_token"} | {f"decoder_{n}.{p}" for n in ("embed", "norm") for p in ("weight", "bias")},
    ),
    "moco_v3": ("moco.pth.tar", layouts.moco_v3, "state_dict", {}, None),
    "clip": (
        "clip.pt",
        layouts.clip,
        None,
        layouts.CLIP,
        {"positional_embedding", "visual.class_embedding", "visual.proj"},
    ),
    "sam": (
        "sam.pth",
        layouts.sam,
        None,
        layouts.SAM,
        {"image_encoder.neck.0.weight", "mask_decoder.iou_token.weight"},
    ),
}


@pytest.mark.parametrize("name", VIT_FILES)
def test_every_tensor_of_a_vit_is_accounted_for(tmp_path, name):
    file, state, under, knobs, unexpected = VIT_FILES[name]
    path = layouts.write(tmp_path / file, state(), under, epoch=3)
    vit = SliceViT(3, (16, 16), **{**layouts.VIT, **knobs})
    with torch.no_grad():
        for parameter in vit.parameters():
            parameter.fill_(float("nan"))  # what stays of it was not loaded
    report = load_base(vit, path)
    assert report.source == name.split()[0]
    assert not report.missing
    assert {*report.matched, *report.converted} == set(vit.state_dict())
    assert all(torch.isfinite(value).all() for value in vit.state_dict().values())
    if unexpected is None:
        assert all(
            key.startswith(("momentum_encoder.", "predictor.", "base_encoder.head.", "base_encoder.cls_token"))
            for key in report.unexpected
        )
    else:
        assert set(report.unexpected) == unexpected


def test_values_of_timm_vit(tmp_path):
    state = layouts.timm_vit()
    vit = SliceViT(3, (16, 16), **layouts.VIT)
    load_base(vit, layouts.write(tmp_path / "vit.pth", state))
    own = vit.state_dict()
    assert torch.equal(own["patch_embedding.position_embeddings"], state["pos_embed"][:, 1:])
    assert torch.equal(own["blocks.2.attn.out_proj.weight"], state["blocks.2.attn.proj.weight"])
    assert torch.equal(own["blocks.3.mlp.linear2.bias"], state["blocks.3.mlp.fc2.bias"])


def test_google_and_timm_of_the_same_weights_are_the_same(tmp_path):
    arrays, state = layouts.google()
    vits = [SliceViT(3, (16, 16), **layouts.VIT) for _ in range(2)]
    load_base(vits[0], layouts.write(tmp_path / "vit.npz", arrays))
    load_base(vits[1], layouts.write(tmp_path / "vit.pth", state))
    ours = vits[1].state_dict()
    assert all(torch.equal(value, ours[key]) for key, value in vits[0].state_dict().items())


def test_half_precision_becomes_the_type_of_the_network(tmp_path):
    state = {key: value.half() for key, value in layouts.clip().items()}
    vit = SliceViT(1, (32, 32), **{**layouts.VIT, **layouts.CLIP})
    load_base(vit, layouts.write(tmp_path / "clip.pt", state))
    assert {value.dtype for value in vit.state_dict().values()} == {torch.float32}


def test_torchscript_archive(tmp_path):
    holder = torch.nn.Module()
    for key, value in layouts.clip().items():
        *parents, name = key.split(".")
        module = holder
        for parent in parents:
            if not hasattr(module, parent):
                module.add_module(parent, torch.nn.Module())
            module = getattr(module, parent)
        module.register_buffer(name, value)
    torch.jit.save(torch.jit.script(Archive(holder.visual)), tmp_path / "clip.pt")
    vit = SliceViT(3, (16, 16), **{**layouts.VIT, **layouts.CLIP})
    assert load_base(vit, tmp_path / "clip.pt").source == "clip"
    expected = dict(holder.named_buffers())["visual.ln_pre.weight"]
    assert torch.equal(vit.patch_embedding.norm.weight, expected)


class Archive(torch.nn.Module):
    """A program with the buffers of an image tower."""

    def __init__(self, visual):
        super().__init__()
        self.visual = visual

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x


def test_arguments_beside_the_weights_are_no_obstacle(tmp_path):
    path = layouts.write(tmp_path / "mae.pth", layouts.mae(), "model", args=argparse.Namespace(lr=1e-3))
    assert not load_base(SliceViT(3, (16, 16), **layouts.VIT), path).missing


def test_sam_starts_with_an_identical_last_norm(tmp_path):
    vit = SliceViT(3, (16, 16), **{**layouts.VIT, **layouts.SAM})
    report = load_base(vit, layouts.write(tmp_path / "sam.pth", layouts.sam()))
    assert report.converted["norm.weight"] == "SAM has none: scale 1, shift 0"
    assert torch.equal(vit.norm.weight, torch.ones(layouts.WIDTH))


@pytest.mark.parametrize("of_timm", [False, True], ids=["microsoft", "timm"])
def test_every_tensor_of_a_swin_is_accounted_for(tmp_path, of_timm):
    state = layouts.swin(window=2, of_timm=of_timm)
    swin = SliceSwin(3, **layouts.SWIN)
    report = load_base(swin, layouts.write(tmp_path / "swin.pth", state, "model"))
    assert report.source == "swin"
    assert not report.missing
    assert not report.converted
    assert set(report.matched) == {key for key in swin.state_dict() if "position_index" not in key}
    assert report.left_out == ["blocks [2, 3, 4, 5] of layers3"]
    assert "left out: blocks [2, 3, 4, 5] of layers3" in str(report)
    assert "layers.2.blocks.5.mlp.fc2.bias" in report.unexpected
    own = swin.state_dict()
    for stage in range(3):
        expected = state[f"layers.{stage + of_timm}.downsample.reduction.weight"]
        assert torch.equal(own[f"layers{stage + 1}.0.downsample.reduction.weight"], expected)
    assert torch.equal(own["layers3.0.blocks.1.mlp.linear1.bias"], state["layers.2.blocks.1.mlp.fc1.bias"])


@pytest.mark.parametrize(
    ("width", "prefix", "heads"), [(192, "", 3), (768, "", 12), (384, "", 6), (384, "base_encoder.", 12)]
)
def test_heads_of_published_widths(width, prefix, heads):
    """No tensor shows them; MoCo's small ViT has twice as many."""
    state = {
        "patch_embed.proj.weight": torch.zeros(width, 3, 4, 4),
        "pos_embed": torch.zeros(1, 17, width),
        "blocks.0.attn.qkv.weight": torch.zeros(3 * width, width),
    }
    file = WeightFile("vit.pth", {prefix + key: value for key, value in state.items()}, "torch")
    assert source_of(file).convert(file).settings["num_heads"] == heads

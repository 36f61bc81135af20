"""Weights for another grid, window, number of channels or dimensions; and what does not fit."""

import pytest
import torch
from monai.networks.nets import SwinUNETR
from monai.networks.nets.swin_unetr import filter_swinunetr

from segpeft.errors import InputError
from segpeft.networks import ChannelUNETR, load_base
from segpeft.networks.pretrained.fit import channels
from segpeft.networks.slice_swin import SliceSwin
from segpeft.networks.slice_vit import SliceViT
from segpeft.peft import ChannelLoRA, apply_peft
from tests.networks.pretrained import layouts

UNETR = {**layouts.VIT, "patch_size": (4, 4, 4), "qkv_bias": True, "norm_eps": 1e-6}
EXACT = {"rtol": 0, "atol": 1e-10}
POSITION = "patch_embedding.position_embeddings"
PATCHES = "patch_embedding.patch_embeddings.weight"


@pytest.mark.parametrize(("had", "wanted"), [(3, 1), (3, 2), (3, 4), (1, 4), (3, 3)])
def test_equal_channels_give_the_same(had, wanted):
    kernel = torch.randn(5, 1, 2, 2).expand(5, had, 2, 2)
    grey = torch.randn(1, 1, 8, 8)
    before = torch.conv2d(grey.expand(1, had, 8, 8), kernel, stride=2)
    after = torch.conv2d(grey.expand(1, wanted, 8, 8), channels(kernel, wanted), stride=2)
    torch.testing.assert_close(after, before)


def test_channels_are_repeated_truncated_and_scaled():
    kernel = torch.tensor([1.0, 2.0, 4.0]).reshape(1, 3, 1, 1)
    assert channels(kernel, 4).flatten().tolist() == [0.75, 1.5, 3.0, 0.75]
    assert channels(kernel, 2).flatten().tolist() == [1.5, 3.0]
    assert channels(kernel, 1).flatten().tolist() == [7.0]


def test_windows_of_another_size_keep_the_middle(tmp_path):
    state = layouts.swin(window=3)
    for key in state:
        if key.endswith("bias_table"):
            side = torch.arange(5.0) - 2
            state[key] = (side.unsqueeze(1) + 10 * side).reshape(-1, 1).expand(-1, state[key].shape[1])
    swin = SliceSwin(1, **layouts.SWIN)
    report = load_base(swin, layouts.write(tmp_path / "swin.pth", state, "model"))
    change = report.converted["layers1.0.blocks.0.attn.relative_position_bias_table"]
    assert change == "resized from window [3, 3] to [2, 2]"
    table = swin.layers1[0].blocks[0].attn.relative_position_bias_table.detach()[:, 0].reshape(3, 3)
    assert abs(float(table[1, 1])) < 1e-6
    torch.testing.assert_close(table, -table.flip(0, 1))
    assert float(table[2, 1]) > 1
    assert float(table[1, 2]) > 10


@pytest.mark.parametrize("depth", [4, 1], ids=["patches with depth", "flat patches"])
def test_inflated_weights_see_a_constant_volume_as_its_slice(tmp_path, depth):
    """D copies of each token share the attention that one had: the mean over equal copies is the copy."""
    path = layouts.write(tmp_path / "vit.pth", layouts.timm_vit())
    flat = SliceViT(1, (16, 16), **layouts.VIT).double()
    network = ChannelUNETR(1, 2, (16, 16, 4 * depth), 4, **{**UNETR, "patch_size": (4, 4, depth)}).double()
    load_base(flat, path)
    report = load_base(network, path)
    assert "inflated" in report.converted[POSITION]
    assert "3 channel(s) to 1, inflated" in report.converted[PATCHES]
    image = torch.randn(2, 1, 16, 16, dtype=torch.float64)
    expected, hidden = flat(image)
    deep = image.unsqueeze(-1).expand(-1, -1, -1, -1, 4 * depth)
    found, layers = network.vit(deep)
    for ours, theirs in zip([found, *layers], [expected, *hidden], strict=True):
        torch.testing.assert_close(ours.unflatten(1, (16, 4)), theirs.unsqueeze(2).expand(-1, -1, 4, -1), **EXACT)
    varying = deep * torch.linspace(1, 2, deep.shape[-1], dtype=torch.float64)
    assert (network.vit(varying)[0].unflatten(1, (16, 4)) - expected.unsqueeze(2)).abs().max() > 1e-3


def test_public_weights_go_into_channel_unetr_under_adapters(tmp_path):
    path = layouts.write(tmp_path / "vit.safetensors", layouts.timm_vit())
    network = apply_peft(ChannelUNETR(2, 3, (16, 16, 8), 4, **UNETR), ChannelLoRA(2, channels=2))
    report = load_base(network, path)
    assert not report.missing
    assert report.converted[POSITION] == "1 class token(s) dropped, inflated: repeated for 2 tokens along the depth"
    network(torch.randn(1, 2, 16, 16, 8)).sum().backward()


@pytest.mark.parametrize(
    ("state", "knobs", "expected"),
    [
        ("timm_vit", {"norm_eps": 1e-5}, "norm_eps 1e-06; the encoder needs norm_eps 1e-05"),
        ("timm_vit", {"hidden_size": 24}, "hidden_size 48; the encoder needs hidden_size 24"),
        ("timm_vit", {"mlp_dim": 48}, "mlp_dim 96; the encoder needs mlp_dim 48"),
        ("timm_vit", {"patch_size": 8}, r"patch_size \[4, 4\]; the encoder needs patch_size \[8, 8\]"),
        ("timm_vit", {"qkv_bias": False}, "qkv_bias true; the encoder needs qkv_bias false"),
        ("timm_vit", {"pre_norm": True}, "pre_norm false; the encoder needs pre_norm true"),
        ("timm_vit", {"num_layers": 8}, "lacks 48 tensors of the backbone, first blocks.4."),
        ("sam", {"num_layers": 4, "attention_window": 2}, "num_layers 8"),
        ("sam", {"num_layers": 8}, "attention_window 2; the encoder needs attention_window none"),
        ("sam", {"num_layers": 8, "attention_window": 2, "num_heads": 2}, "num_heads 4; .* needs num_heads 2"),
        ("clip", {}, "pre_norm true, norm_eps 1e-05, activation quick_gelu; the encoder needs pre_norm false, "),
        ("swin", {}, "kind swin.*; the encoder needs kind vit"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_other_settings_are_refused_by_their_names(tmp_path, state, knobs, expected):
    path = layouts.write(tmp_path / "weights.pth", getattr(layouts, state)())
    vit = SliceViT(3, (16, 16), **{**layouts.VIT, **knobs})
    before = {key: value.clone() for key, value in vit.state_dict().items()}
    with pytest.raises(InputError, match=expected) as error:
        load_base(vit, path)
    assert str(path) in str(error.value)
    assert "\n" not in str(error.value)
    assert all(torch.equal(value, before[key]) for key, value in vit.state_dict().items())


@pytest.mark.parametrize(
    ("knobs", "expected"),
    [
        ({"embed_dim": 24}, "embed_dim 12; the encoder needs embed_dim 24"),
        ({"num_heads": (2, 2, 2, 4)}, r"num_heads \[1, 2, 2, 4\]; the encoder needs num_heads \[2, 2, 2, 4\]"),
        ({"depths": (2, 2, 8, 2)}, "lacks 26 tensors"),
        ({"norm_eps": 1e-6}, "norm_eps"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_another_swin_is_refused(tmp_path, knobs, expected):
    path = layouts.write(tmp_path / "swin.pth", layouts.swin(), "model")
    with pytest.raises(InputError, match=expected):
        load_base(SliceSwin(3, **{**layouts.SWIN, **knobs}), path)


@pytest.mark.parametrize("key", ["blocks.0.ls1.gamma", "norm_pre.weight", "blocks.0.attn.q_norm.weight"])
def test_a_tensor_without_a_place_is_refused(tmp_path, key):
    path = layouts.write(tmp_path / "vit.pth", {**layouts.timm_vit(), key: torch.ones(48)})
    with pytest.raises(InputError, match=rf"vit\.pth: {key} has no place"):
        load_base(SliceViT(3, (16, 16), **layouts.VIT), path)


def test_a_position_embedding_without_a_square_grid(tmp_path):
    path = layouts.write(tmp_path / "vit.pth", {**layouts.timm_vit(), "pos_embed": torch.randn(1, 13, 48)})
    with pytest.raises(InputError, match="pos_embed has 13 tokens, expected a square grid"):
        load_base(SliceViT(3, (16, 16), **layouts.VIT), path)


@pytest.mark.parametrize(
    ("state", "name"),
    [
        ({k: v for k, v in layouts.google()[0].items() if "block_2/MlpBlock" not in k}, "vit.npz"),
        ({"mask_tokens": torch.zeros(1, 1, 8)}, "mae.pth"),
        ({**layouts.timm_vit(), "pos_embed": torch.zeros(())}, "vit.pth"),
        ({**layouts.timm_vit(), "patch_embed.proj.weight": torch.zeros(48, 48)}, "vit.pth"),
    ],
    ids=["arrays missing", "no encoder", "no position", "no kernel"],
)
def test_an_incomplete_file_is_refused_in_one_line(tmp_path, state, name):
    path = layouts.write(tmp_path / name, state)
    with pytest.raises(InputError) as error:
        load_base(SliceViT(3, (16, 16), **layouts.VIT), path)
    assert str(path) in str(error.value)
    assert "\n" not in str(error.value)


def swinunetr():
    return SwinUNETR(1, 2, feature_size=12, num_heads=(1, 1, 2, 2), spatial_dims=3)


@pytest.mark.parametrize("form", ["swinunetr", "self-supervised", "autoencoder"])
def test_monai_swin(tmp_path, form):
    torch.manual_seed(0)
    source, target = swinunetr(), swinunetr()
    state = source.state_dict()
    inner = {k.removeprefix("swinViT."): v for k, v in state.items() if k.startswith("swinViT.")}
    if form == "self-supervised":
        state = {f"module.{k.replace('linear', 'fc')}": v for k, v in inner.items()}
        state["module.rotation_head.weight"] = torch.randn(4, 192)
    elif form == "autoencoder":
        state = {
            f"encoder.{k[:10]}0.{k[10:]}" if k.startswith("layers") else f"encoder.{k}": v for k, v in inner.items()
        }
        assert {filter_swinunetr(key, None)[0] for key in state} == {f"swinViT.{key}" for key in inner}
        state["encoder.mask_token"] = torch.randn(1, 12)
    path = layouts.write(tmp_path / "swin.pt", state, "state_dict")
    report = load_base(target, path)
    assert report.source == "monai_swin"
    assert not report.missing
    assert not report.converted
    loaded = target.swinViT.state_dict()
    assert all(torch.equal(loaded[key], value) for key, value in inner.items())
    if form == "self-supervised":  # MONAI's own reading of the same file
        theirs = swinunetr()
        theirs.load_from(torch.load(path))
        assert all(torch.equal(theirs.swinViT.state_dict()[key], value) for key, value in inner.items())


def test_a_swin_with_a_last_merging_lacks_it_in_a_public_file(tmp_path):
    net = SwinUNETR(3, 2, feature_size=12, num_heads=(1, 2, 2, 4), spatial_dims=2, window_size=2)
    path = layouts.write(tmp_path / "swin.pth", layouts.swin(window=2), "model")
    with pytest.raises(InputError, match=r"patch_norm true; the encoder needs patch_norm false"):
        load_base(net, path)


def test_own_slices_into_slices_of_another_size(tmp_path):
    source = SliceViT(1, (16, 16), **layouts.VIT)
    torch.save({f"network.{key}": value for key, value in source.state_dict().items()}, tmp_path / "model.pt")
    target = SliceViT(4, (24, 16), **layouts.VIT)
    report = load_base(target, tmp_path / "model.pt")
    assert report.converted[POSITION] == "resized from grid [4, 4] to [6, 4]"
    assert report.converted[PATCHES] == "1 channel(s) to 4"
    ours, theirs = (vit.state_dict()[PATCHES] for vit in (target, source))
    torch.testing.assert_close(ours, theirs.expand_as(ours) / 4)

"""SliceViT and SliceSwin: MONAI's features and keys, pyramids, position embeddings of other grids, refusals."""

from __future__ import annotations

import pickle

import pytest
import torch
import torch.nn.functional as F
from monai.networks.nets.swin_unetr import SwinTransformer
from monai.networks.nets.vit import ViT
from torch import nn

from segpeft.errors import InputError
from segpeft.networks import SliceSwin, SliceViT
from segpeft.networks.slice_swin import SLICE_SWIN
from segpeft.networks.slice_vit import SLICE_VIT
from segpeft.peft import find_backbone, host_backbone

VIT = {"patch_size": 8, "hidden_size": 12, "mlp_dim": 16, "num_layers": 8, "num_heads": 2}
SWIN = {"patch_size": 2, "embed_dim": 8, "num_heads": (1, 2, 2, 2), "window_size": 2}


def vit(size=(32, 24), **knobs) -> SliceViT:
    torch.manual_seed(0)
    return SliceViT(2, size, **{**VIT, **knobs}).eval()


def swin(**knobs) -> SliceSwin:
    torch.manual_seed(0)
    return SliceSwin(2, **{**SWIN, **knobs}).eval()


def monai_vit(ours: SliceViT) -> ViT:
    net = ViT(2, (32, 24), (8, 8), 12, 16, 8, 2, spatial_dims=2, qkv_bias=True).eval()
    unused = {k: v for k, v in net.state_dict().items() if "norm_cross_attn" in k}
    net.load_state_dict({**ours.state_dict(), **unused})
    return net


def monai_swin(ours: SliceSwin) -> SwinTransformer:
    sizes = {"depths": (2, 2, 2, 2), "num_heads": (1, 2, 2, 2), "patch_norm": True, "spatial_dims": 2}
    net = SwinTransformer(2, 8, (2, 2), (2, 2), **sizes).eval()
    surplus = {k: v for k, v in net.state_dict().items() if k.startswith("layers4.0.downsample")}
    net.load_state_dict({**{k: v for k, v in ours.state_dict().items() if not k.startswith("norm.")}, **surplus})
    net.layers4[0].downsample = None
    return net


@torch.no_grad()
def test_vit_features_are_monais():
    ours = vit(norm_eps=1e-5)
    reference, image = monai_vit(ours), torch.randn(6, 2, 32, 24)
    last, hidden = reference(image)
    maps = ours.pyramid(image, 3)
    for one, tokens in zip(maps, (hidden[1], hidden[3], hidden[5], last), strict=True):
        torch.testing.assert_close(one, tokens.transpose(1, 2).reshape(6, 12, 4, 3))


@torch.no_grad()
def test_swin_features_are_monais():
    ours = swin()
    nn.init.normal_(ours.norm.weight)
    reference, image = monai_swin(ours), torch.randn(6, 2, 32, 48)
    features = reference(image, normalize=False)
    maps = ours.pyramid(image, 3)
    assert all(torch.equal(maps[index], features[index]) for index in range(3))
    deepest = F.layer_norm(features[4].movedim(1, -1), [64], ours.norm.weight, ours.norm.bias).movedim(-1, 1)
    torch.testing.assert_close(maps[3], deepest)


@pytest.mark.parametrize(("encoder", "size"), [(vit(), (40, 16)), (swin(), (32, 48))], ids=["vit", "swin"])
@torch.no_grad()
def test_widths_and_strides_are_those_of_the_maps(encoder, size):
    maps = encoder.pyramid(torch.randn(2, 2, *size), 2)
    assert [one.shape[1] for one in maps] == encoder.widths
    assert [tuple(side // stride for side in size) for stride in encoder.strides] == [tuple(m.shape[2:]) for m in maps]


@torch.no_grad()
def test_position_embedding_follows_the_grid():
    net, embedding = vit((32, 32)), vit((32, 32)).patch_embedding
    ramp = torch.arange(4.0)[:, None].expand(4, 4).reshape(1, 16, 1)  # grows downwards
    embedding.position_embeddings.copy_(ramp.expand(-1, -1, 12))
    nn.init.zeros_(embedding.patch_embeddings.weight), nn.init.zeros_(embedding.patch_embeddings.bias)
    assert torch.equal(embedding(torch.zeros(1, 2, 32, 32)), embedding.position_embeddings)
    field = embedding(torch.zeros(1, 2, 64, 24)).reshape(8, 3, 12)
    assert (field[1:] > field[:-1]).all()
    torch.testing.assert_close(field[:, :1].expand(-1, 3, -1), field)
    assert net.pyramid(torch.zeros(1, 2, 64, 24), 1)[3].shape == (1, 12, 8, 3)


@torch.no_grad()
def test_clips_parts():
    net = vit(pre_norm=True, activation="quick_gelu")
    x = torch.randn(3, 12)
    torch.testing.assert_close(net.blocks[0].mlp.fn(x), x * torch.sigmoid(1.702 * x))
    tokens = net.patch_embedding(torch.randn(1, 2, 32, 24))
    torch.testing.assert_close(tokens.mean(-1), torch.zeros(1, 12), atol=1e-5, rtol=0)
    assert set(net.state_dict()) - set(vit().state_dict()) == {
        "patch_embedding.norm.weight",
        "patch_embedding.norm.bias",
    }


@pytest.mark.parametrize("encoder", [vit(norm_eps=0.5), swin(norm_eps=0.5)], ids=["vit", "swin"])
def test_epsilon_reaches_every_norm(encoder):
    assert {module.eps for module in encoder.modules() if isinstance(module, nn.LayerNorm)} == {0.5}


@pytest.mark.parametrize(("encoder", "layout"), [(vit(), SLICE_VIT), (swin(), SLICE_SWIN)], ids=["vit", "swin"])
def test_encoder_brings_its_layout_and_is_its_own_host(encoder, layout):
    assert find_backbone(nn.Sequential(encoder)) == ("0", encoder, layout)
    assert host_backbone(encoder, layout) is encoder
    assert [len(stage) for stage in layout.stages(encoder)] == [2, 2, 2, 2]
    assert pickle.loads(pickle.dumps(encoder)).layout == layout


@pytest.mark.parametrize(
    ("make", "knobs", "message"),
    [
        (vit, {"patch_size": (8, 4)}, r"patch_size \[8, 4\]: expected one number or two equal ones"),
        (vit, {"patch_size": 0}, "patch_size 0: expected"),
        (vit, {"size": (32,)}, r"image_size \(32,\): expected \(H, W\)"),
        (vit, {"num_layers": 6}, "num_layers 6: expected a multiple of 4"),
        (vit, {"num_heads": 5}, "hidden_size 12 does not divide by num_heads 5"),
        (vit, {"activation": "relu"}, "activation 'relu' is unknown: expected one of gelu, quick_gelu"),
        (swin, {"patch_size": (2, 4)}, r"patch_size \[2, 4\]: expected one number or two equal ones"),
        (swin, {"window_size": (2, 0)}, r"window_size \(2, 0\): expected"),
        (swin, {"depths": (2, 2, 2)}, r"depths \[2, 2, 2\]: expected 4 numbers"),
        (swin, {"depths": (2, 0, 2, 2)}, r"depths \[2, 0, 2, 2\]: expected 4 numbers"),
        (swin, {"num_heads": (1, 2, 5, 2)}, "stage 3 is 32 wide: does not divide by num_heads 5"),
    ],
)
def test_settings_that_do_not_fit_are_refused(make, knobs, message):
    with pytest.raises(InputError, match=message):
        make(**knobs)

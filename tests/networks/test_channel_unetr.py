"""ChannelUNETR: shapes, published parameter counts, TorchScript, and what it refuses."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from segpeft.errors import InputError
from segpeft.networks import ChannelUNETR
from segpeft.networks.decoders import UNETRDecoder
from segpeft.networks.decoders.unetr import upsample_strides
from segpeft.peft import ChannelLoRA, DecoderOnly, apply_peft, count_parameters

TINY = {"feature_size": 2, "hidden_size": 12, "mlp_dim": 16, "num_layers": 4, "num_heads": 2}


def tiny(channels: int = 2, out: int = 3, size=(32, 32, 32), patch=(16, 16, 16), **knobs) -> ChannelUNETR:
    torch.manual_seed(0)
    return ChannelUNETR(channels, out, image_size=size, patch_size=patch, **{**TINY, **knobs}).eval()


@pytest.mark.parametrize(
    ("channels", "out", "size", "patch"),
    [
        (4, 3, (32, 32, 32), (16, 16, 16)),
        (1, 1, (32, 32, 32), (16, 16, 16)),
        (2, 3, (16, 24, 32), (8, 8, 8)),
        (2, 2, (32, 16, 12), (16, 16, 4)),
        (3, 2, (32, 48, 16), (16, 16, 16)),
        (2, 1, (8, 12, 5), (4, 4, 1)),
        (3, 2, (32, 48), (16, 16)),
    ],
    ids=["cubic", "one_channel", "patch8", "thick_slices", "not_cubic", "patch1", "2d"],
)
@torch.no_grad()
def test_output_has_a_logit_a_region_and_voxel(channels, out, size, patch):
    assert tiny(channels, out, size, patch)(torch.randn(2, channels, *size)).shape == (2, out, *size)


@torch.no_grad()
def test_cases_of_a_batch_do_not_mix():
    net, image = tiny(3), torch.randn(2, 3, 32, 32, 32)
    torch.testing.assert_close(net(image), torch.cat([net(image[:1]), net(image[1:])]), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("axis", [0, 1, 2], ids="HWD")
def test_features_lie_where_the_image_does(axis):
    """A change at one end of an axis moves the logits there most: tokens are unfolded in the order of the axes."""
    size = [32, 32, 32]
    size[axis] = 64
    decoder = tiny(1, 1, size).decoder
    features = torch.zeros(4, 1, 12, *(s // 16 for s in size))
    with torch.no_grad():
        before = decoder(torch.zeros(1, 1, *size), list(features))
        features.select(axis + 3, 3)[-1] = 5.0  # the last patch of that axis
        change = (decoder(torch.zeros(1, 1, *size), list(features)) - before).abs().movedim(axis + 2, 0)
    assert change[48:].mean() > 1.2 * change[:48].mean()


@pytest.mark.parametrize(
    ("patch", "strides"),
    [
        ((16, 16, 16), [(2, 2, 2)] * 4),
        ((8, 8, 8), [(2, 2, 2)] * 3 + [(1, 1, 1)]),
        ((16, 16, 4), [(2, 2, 1)] * 2 + [(2, 2, 2)] * 2),
        ((8, 8, 1), [(2, 2, 1)] * 3 + [(1, 1, 1)]),
        ((1, 1), [(1, 1)] * 4),
    ],
    ids=str,
)
def test_strides_undo_the_patch(patch, strides):
    assert upsample_strides(patch) == strides


def vit_base(image_size, qkv_bias: bool = False) -> ChannelUNETR:
    with torch.device("meta"):
        return ChannelUNETR(4, 3, image_size=image_size, feature_size=64, qkv_bias=qkv_bias)


UNUSED_NORMS = 18_432  # MONAI's norm_cross_attn, which we remove
RAW_CHANNELS = 5_376  # the first decoder block sees four raw channels, the published one sees one


@pytest.mark.parametrize(
    ("image_size", "qkv_bias", "encoder"),
    [
        ((80, 80, 80), True, 88_316_928),
        ((96, 96, 96), False, 88_359_168),
        ((96, 96, 96), True, 88_368_384 + UNUSED_NORMS),
    ],
    ids=["published_80", "96", "96_bias"],
)
def test_encoder_has_the_known_count(image_size, qkv_bias, encoder):
    net = vit_base(image_size, qkv_bias)
    assert sum(p.numel() for p in net.vit.parameters()) == encoder - UNUSED_NORMS


def test_network_has_the_published_count_but_for_the_declared_differences():
    counts = count_parameters(apply_peft(vit_base((80, 80, 80), qkv_bias=True), DecoderOnly()))
    assert counts["trainable"] == 54_578_115 + RAW_CHANNELS
    assert counts["total"] == 142_895_043 + RAW_CHANNELS - UNUSED_NORMS


def test_one_channel_first_block_is_the_published_decoder():
    net = vit_base((80, 80, 80), qkv_bias=True)
    with torch.device("meta"):
        decoder = UNETRDecoder(1, 3, 768, 64, (16, 16, 16))
    parts: list[nn.Module] = [decoder, net.fusions]
    assert sum(p.numel() for part in parts for p in part.parameters()) == 54_578_115


@pytest.mark.parametrize("rank", [16, 32, 64])
def test_channel_lora_adds_the_published_count(rank):
    method = ChannelLoRA(rank=rank, channels=4, targets=("out_proj", "linear1"))
    assert count_parameters(apply_peft(vit_base((96, 96, 96)), method))["backbone_peft"] == 258_048 * rank


@pytest.mark.parametrize("present", [None, torch.tensor([[1.0, 0.0], [1.0, 1.0]])], ids=["all", "absent"])
@torch.no_grad()
def test_scripted_network_gives_the_same_output(present):
    net = apply_peft(tiny(), ChannelLoRA(rank=2, channels=2)).eval()
    for name, parameter in net.named_parameters():
        if name.endswith("lora_b"):
            nn.init.normal_(parameter)
    image = torch.randn(2, 2, 32, 32, 32)
    torch.testing.assert_close(torch.jit.script(net)(image, present), net(image, present))


@pytest.mark.parametrize(
    ("knobs", "message"),
    [
        ({"channels": 0}, "in_channels 0 is out of range"),
        ({"out": 0}, "out_channels 0 is out of range"),
        ({"feature_size": 0}, "feature_size 0 is out of range"),
        ({"num_layers": 3}, "num_layers 3 is out of range"),
        ({"size": (32, 32, 30)}, r"image_size \[32, 32, 30\] is no multiple of patch_size"),
        ({"size": (32, 32)}, "is no multiple of patch_size"),
        ({"size": (36, 36, 36), "patch": (12, 12, 12)}, r"patch_size \[12, 12, 12\]: expected powers of two"),
        ({"size": (64, 64, 64), "patch": (32, 32, 32)}, r"expected powers of two from 1 to 16"),
        ({"num_heads": 5}, "hidden_size 12 does not divide by num_heads 5"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_sizes_that_do_not_fit_are_refused(knobs, message):
    with pytest.raises(InputError, match=message):
        tiny(**knobs)


def test_image_of_another_number_of_channels_is_refused():
    with pytest.raises(ValueError, match="the image has 3 channels, the network is built for 2"):
        tiny(2)(torch.zeros(1, 3, 32, 32, 32))

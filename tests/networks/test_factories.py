import pytest
import torch

from segpeft.errors import InputError
from segpeft.networks import SimMIM, build_masked_autoencoder, build_slice_segmenter, build_swin_unetr, build_unetr
from tests.networks.slice_networks import ENCODERS

ENCODER = {"patch_size": (8, 8, 4), "hidden_size": 12, "mlp_dim": 24, "num_layers": 4, "num_heads": 2}
SWIN = {"kind": "swin", "patch_size": (2, 2), "embed_dim": 6, "depths": (1, 1, 1, 1), "num_heads": (1, 1, 2, 2)}
SWIN["window_size"] = (2, 2)
DECODER = {"decoder_hidden_size": 12, "decoder_mlp_dim": 24, "decoder_num_layers": 1, "decoder_num_heads": 2}


def test_settings_reach_the_networks():
    unetr = build_unetr(2, 3, (16, 16, 8), {**ENCODER, "qkv_bias": True, "norm_eps": 1e-6}, feature_size=2)
    encoder = build_masked_autoencoder((16, 16, 8), ENCODER, DECODER, 0.5)
    assert unetr(torch.zeros(1, 2, 16, 16, 8)).shape == (1, 3, 16, 16, 8)
    assert len(unetr.vit.blocks) == 4
    assert unetr.vit.blocks[0].attn.qkv.bias is not None
    assert unetr.vit.blocks[0].norm1.eps == 1e-6
    assert encoder.masking_ratio == 0.5
    assert len(encoder.decoder_blocks) == 2  # one and the final norm


@pytest.mark.parametrize("wrong", ["depth", "image_size", "recompute", "decoder_num_heads"])
def test_an_unknown_setting_of_the_encoder(wrong):
    with pytest.raises(InputError, match=f"encoder has no setting '{wrong}': expected any of patch_size, hidden_size"):
        build_unetr(2, 3, (16, 16, 8), {**ENCODER, wrong: 3})
    with pytest.raises(InputError, match=f"encoder has no setting '{wrong}'"):
        build_masked_autoencoder((16, 16, 8), {**ENCODER, wrong: 3}, DECODER)


def test_an_unknown_setting_of_the_decoder():
    with pytest.raises(InputError, match="decoder has no setting 'num_heads'"):
        build_masked_autoencoder((16, 16, 8), ENCODER, {**DECODER, "num_heads": 3})


def test_swin_unetr():
    network = build_swin_unetr(2, 3, {"feature_size": 12, "depths": (1, 1, 1, 1), "num_heads": (1, 2, 2, 2)})
    assert network.swinViT.embed_dim == 12
    assert network.out.conv.conv.out_channels == 3
    with pytest.raises(InputError, match="encoder has no setting 'kind': expected any of feature_size, depths"):
        build_swin_unetr(1, 1, {"kind": "swin"})


@pytest.mark.parametrize(
    ("encoder", "decoder", "width", "message"),
    [
        ({}, "upernet", None, "encoder has kind None: expected one of vit, swin"),
        ({"kind": "resnet"}, "upernet", None, "encoder has kind 'resnet': expected one of vit, swin"),
        ({"kind": "vit", "depths": 3}, "upernet", None, "encoder has no setting 'depths': expected any of patch_size"),
        (ENCODERS["vit"], "fpn", None, "decoder 'fpn' is unknown: expected one of upernet, unet, setr_mla"),
        (ENCODERS["vit"], "swin_unet", None, "decoder swin_unet mirrors its encoder: expected encoder kind swin"),
        (ENCODERS["swin"], "swin_unet", 8, "decoder swin_unet mirrors its encoder: .* no feature_size"),
        (ENCODERS["vit"], "upernet", 3, "feature_size 3 is out of range: expected at least 4"),
    ],
)
def test_unknown_names_for_slices(encoder, decoder, width, message):
    with pytest.raises(InputError, match=message):
        build_slice_segmenter(1, 2, (32, 32), encoder, decoder, width)


def test_settings_reach_the_slice_networks():
    vit = build_slice_segmenter(1, 2, (32, 32), {**ENCODERS["vit"], "norm_eps": 1e-3}, "setr_naive", 5).encoder
    swin = build_slice_segmenter(1, 2, (32, 32), {**ENCODERS["swin"], "depths": [1, 1, 2, 1]}, "swin_unet").encoder
    assert (vit.norm.eps, vit.widths, vit.strides) == (1e-3, [12] * 4, [8] * 4)
    assert (len(swin.layers3[0].blocks), swin.widths, swin.strides) == (2, [8, 16, 32, 64], [2, 4, 8, 16])


def test_the_kind_of_the_encoder_chooses_the_pretraining():
    vit = build_masked_autoencoder((16, 16, 8), {**ENCODER, "kind": "vit"}, DECODER)
    swin = build_masked_autoencoder((32, 32), {**SWIN, "norm_eps": 1e-4}, {}, 0.5, (8, 8))
    assert isinstance(swin, SimMIM)
    assert not isinstance(vit, SimMIM)
    assert {m.eps for m in swin.modules() if isinstance(m, torch.nn.LayerNorm)} == {1e-4}
    assert (swin.units, swin.hidden_units) == ([4, 4], 8)


@pytest.mark.parametrize(
    ("encoder", "decoder", "unit", "message"),
    [
        ({**ENCODER, "kind": "cnn"}, {}, None, "encoder has kind 'cnn': expected one of vit, swin"),
        ({**SWIN, "mlp_dim": 24}, {}, None, "encoder has no setting 'mlp_dim': expected any of patch_size, embed_dim"),
        (SWIN, DECODER, None, "decoder has no setting 'decoder_hidden_size': expected none"),
        (ENCODER, DECODER, (8, 8, 4), r"mask_unit is \[8, 8, 4\]; expected null"),
    ],
    ids=["kind", "encoder", "decoder", "mask_unit"],
)
def test_settings_of_the_other_kind(encoder, decoder, unit, message):
    with pytest.raises(InputError, match=message):
        build_masked_autoencoder((16, 16, 8), encoder, decoder, mask_unit=unit)

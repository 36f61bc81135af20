import pytest
import torch

from segpeft.errors import InputError
from segpeft.networks import build_masked_autoencoder, build_swin_unetr, build_unetr

ENCODER = {"patch_size": (8, 8, 4), "hidden_size": 12, "mlp_dim": 24, "num_layers": 4, "num_heads": 2}
DECODER = {"decoder_hidden_size": 12, "decoder_mlp_dim": 24, "decoder_num_layers": 1, "decoder_num_heads": 2}


def test_settings_reach_the_networks():
    unetr = build_unetr(2, 3, (16, 16, 8), {**ENCODER, "qkv_bias": True}, feature_size=2)
    encoder = build_masked_autoencoder((16, 16, 8), ENCODER, DECODER, 0.5)
    assert unetr(torch.zeros(1, 2, 16, 16, 8)).shape == (1, 3, 16, 16, 8)
    assert len(unetr.vit.blocks) == 4
    assert unetr.vit.blocks[0].attn.qkv.bias is not None
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

import pytest
import torch
from safetensors.torch import save_file

from segpeft.bundle.new.encoder import encoder_of_file, own_encoder
from segpeft.bundle.new.scale import SCALES
from segpeft.errors import InputError
from segpeft.networks import build_masked_autoencoder, build_slice_segmenter, build_unetr, load_base, save_encoder

CPU, GPU = SCALES["cpu"], SCALES["gpu"]
SMALL = {"hidden_size": 24, "mlp_dim": 48, "num_layers": 4, "num_heads": 2}
DECODER = {"decoder_hidden_size": 12, "decoder_mlp_dim": 24, "decoder_num_layers": 1, "decoder_num_heads": 2}


@pytest.mark.parametrize(
    ("scale", "size", "spacing", "patch"),
    [
        (CPU, [35, 50, 36], [1, 1, 1], [8, 8, 8]),
        (GPU, [35, 50, 36], [1, 1, 1], [4, 4, 4]),
        (GPU, [128, 128, 128], [1, 1, 1], [16, 16, 16]),
        (CPU, [320, 320, 20], [0.6, 0.6, 3.6], [16, 16, 4]),
        (GPU, [40, 36, 3], [1, 1, 1], [4, 4, 1]),
    ],
    ids=["few tokens", "many tokens", "large", "thick slices", "few slices"],
)
def test_patches_of_an_encoder_of_volumes(scale, size, spacing, patch):
    encoder = own_encoder(scale, False, size, spacing).value
    assert encoder["patch_size"] == patch
    window = [-(-length // side) * side for length, side in zip(size, patch, strict=True)]
    assert build_unetr(1, 2, window, encoder, 4).grid == [a // b for a, b in zip(window, patch, strict=True)]


def test_patches_of_an_encoder_of_slices():
    encoder = own_encoder(CPU, True, [96, 80, 12], [1, 1, 5]).value
    assert encoder["patch_size"] == [4, 4]
    assert build_slice_segmenter(1, 2, [96, 80, 12], encoder, feature_size=8).multiple >= 4


@pytest.mark.parametrize(("flat", "patch", "size"), [(False, [8, 8, 4], [16, 16, 8]), (True, [8, 8], [16, 16])])
def test_the_file_of_a_pretraining_fits_what_is_read_off_it(flat, patch, size, tmp_path):
    kind = {"kind": "vit"} if flat else {}
    network = build_masked_autoencoder(size, {**kind, **SMALL, "patch_size": patch, "qkv_bias": flat}, DECODER)
    save_encoder(network, tmp_path / "encoder.safetensors")
    encoder = encoder_of_file(tmp_path / "encoder.safetensors", flat).value
    assert {name: encoder[name] for name in SMALL} == SMALL
    assert encoder["patch_size"] == patch
    if flat:
        target = build_slice_segmenter(1, 2, [*size, 4], encoder, feature_size=8)
    else:
        target = build_unetr(1, 2, size, encoder, 4)
    assert load_base(target, tmp_path / "encoder.safetensors").missing == []


def test_an_encoder_of_volumes_is_none_of_slices(tmp_path):
    network = build_masked_autoencoder([16, 16, 16], {**SMALL, "patch_size": [8, 8, 8], "qkv_bias": False}, DECODER)
    save_encoder(network, tmp_path / "encoder.safetensors")
    with pytest.raises(InputError, match="an encoder of volumes; method med_tuning needs one of slices"):
        encoder_of_file(tmp_path / "encoder.safetensors", flat=True)


def test_another_file_is_refused(tmp_path):
    save_file({"weight": torch.zeros(2)}, tmp_path / "other.safetensors")
    with pytest.raises(InputError, match="no known source of encoder weights"):
        encoder_of_file(tmp_path / "other.safetensors", flat=False)

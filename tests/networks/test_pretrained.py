"""Encoder files into a network: every tensor accounted for, and refusals in one line."""

import logging

import pytest
import torch
from monai.networks.nets import UNETR, MaskedAutoEncoderViT
from safetensors.torch import load_file, save_file

from segpeft.errors import InputError
from segpeft.networks import ChannelUNETR, MaskedAutoEncoder, load_base, save_encoder
from segpeft.networks.pretrained.position import resize_position_embedding
from segpeft.networks.vit_encoder import vit_encoder
from segpeft.peft import ChannelLoRA, DecoderOnly, Full, apply_peft

ENCODER = {"hidden_size": 24, "mlp_dim": 48, "num_layers": 4, "num_heads": 2}
POSITION = "patch_embedding.position_embeddings"


def autoencoder(image_size=(32, 32, 16), patch_size=(8, 8, 8)):
    torch.manual_seed(0)
    return MaskedAutoEncoder(
        image_size,
        patch_size,
        **ENCODER,
        decoder_hidden_size=12,
        decoder_mlp_dim=24,
        decoder_num_layers=1,
        decoder_num_heads=2,
    )


def network(image_size=(32, 32, 16), patch_size=(8, 8, 8), **changes):
    return ChannelUNETR(2, 3, image_size, 4, patch_size, **{**ENCODER, **changes})


def lora():
    return ChannelLoRA(rank=2, channels=2, targets=("qkv", "linear1"))


def encoder_tensors(autoencoder):
    state = autoencoder.state_dict()
    final = {f"norm.{name}": state[f"blocks.4.{name}"] for name in ("weight", "bias")}
    inner = {
        k: v
        for k, v in state.items()
        if k.startswith(("blocks.", "patch_embedding.")) and not k.startswith("blocks.4.")
    }
    return {**inner, **final}


@pytest.mark.parametrize("when", ["before", "after"])
def test_encoder_file_loads_before_and_after_injection(tmp_path, when):
    source = autoencoder()
    save_encoder(source, tmp_path / "encoder.safetensors")
    net = network()
    if when == "after":
        apply_peft(net, lora())
    report = load_base(net, tmp_path / "encoder.safetensors")
    assert not report.missing
    assert not report.unexpected
    assert not report.converted
    expected = encoder_tensors(source)
    assert set(report.matched) == set(expected)
    loaded = net.vit.state_dict()
    assert all(torch.equal(loaded[key], value) for key, value in expected.items())


def test_features_equal_those_of_the_autoencoder(tmp_path):
    source = autoencoder()
    save_encoder(source, tmp_path / "encoder.safetensors")
    net = network()
    load_base(net, tmp_path / "encoder.safetensors")
    image = torch.randn(1, 1, 32, 32, 16)
    expected = source.blocks(source.patch_embedding(image))
    torch.testing.assert_close(net.vit(image)[0], expected)


def test_monai_autoencoder_state_dict_reports_what_is_left(tmp_path):
    source = MaskedAutoEncoderViT(
        1, (32, 32, 16), (8, 8, 8), **ENCODER, decoder_hidden_size=12, decoder_num_layers=1, decoder_num_heads=2
    )
    torch.save(source.state_dict(), tmp_path / "mae.pt")
    report = load_base(network(), tmp_path / "mae.pt")
    assert report.source == "monai_mae"
    assert not report.missing
    assert {"cls_token", "mask_tokens", "blocks.0.norm_cross_attn.weight"} <= set(report.unexpected)
    assert not {"blocks.4.weight", POSITION} & set(report.unexpected)


def test_vit_inside_a_unetr_under_a_prefix(tmp_path):
    source = UNETR(1, 2, (32, 32, 32), 4, **{k: v for k, v in ENCODER.items() if k != "num_layers"})
    state = {f"module.{key}": value for key, value in source.state_dict().items()}
    torch.save({"state_dict": state}, tmp_path / "unetr.pt")
    net = ChannelUNETR(2, 3, (32, 32, 32), 4, (16, 16, 16), **{**ENCODER, "num_layers": 12})
    report = load_base(net, tmp_path / "unetr.pt")
    assert report.source == "monai_vit"
    assert not report.missing
    assert any(key.startswith("decoder5") for key in report.unexpected)
    assert torch.equal(net.vit.blocks[11].mlp.linear1.weight, source.vit.blocks[11].mlp.linear1.weight)


def test_position_embedding_is_resized_to_another_grid_of_equal_size(tmp_path):
    save_encoder(autoencoder((32, 32, 16)), tmp_path / "encoder.safetensors")
    net = network((16, 32, 32))
    report = load_base(net, tmp_path / "encoder.safetensors")
    assert "grid [4, 4, 2] to [2, 4, 4]" in report.converted[POSITION]


def test_resizing_keeps_a_linear_embedding():
    grid = torch.stack(torch.meshgrid(*(torch.arange(6.0),) * 3, indexing="ij")).reshape(1, 3, -1).transpose(1, 2)
    resized = resize_position_embedding(grid, (6, 6, 6), (3, 3, 3)).transpose(1, 2).reshape(3, 3, 3, 3)
    torch.testing.assert_close(resized[0, :, 0, 0], torch.tensor([0.5, 2.5, 4.5]))


def test_missing_tensor_refuses_unless_allowed(tmp_path):
    path = tmp_path / "encoder.safetensors"
    save_encoder(autoencoder(), path)
    state = load_file(path)
    del state["blocks.2.mlp.linear1.weight"]
    save_file(state, path)
    with pytest.raises(InputError, match=r"encoder\.safetensors: lacks 1 tensors.*blocks\.2\.mlp\.linear1\.weight"):
        load_base(network(), path)
    assert load_base(network(), path, allow_missing=True).missing == ["blocks.2.mlp.linear1.weight"]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"hidden_size": 48}, r"holds an encoder \(monai_vit\) of hidden_size 24; the encoder needs hidden_size 48"),
        ({"patch_size": (16, 16, 16)}, r"patch_size \[8, 8, 8\]; the encoder needs patch_size \[16, 16, 16\]"),
        ({"num_layers": 8}, "lacks"),
        ({"qkv_bias": True}, "qkv_bias false; the encoder needs qkv_bias true"),
        ({"num_heads": 4}, "num_heads 2; the encoder needs num_heads 4"),
        ({"norm_eps": 1e-3}, "norm_eps 1e-05; the encoder needs norm_eps 0.001"),
    ],
    ids=["width", "patch", "deeper", "bias", "heads", "norm"],
)
def test_another_architecture_is_refused(tmp_path, changes, message):
    path = tmp_path / "encoder.safetensors"
    save_encoder(autoencoder(), path)
    with pytest.raises(InputError, match=message) as error:
        load_base(network(**changes), path)
    assert str(path) in str(error.value)
    assert "\n" not in str(error.value)


def test_volumes_do_not_fit_slices(tmp_path):
    path = tmp_path / "encoder.safetensors"
    save_encoder(autoencoder(), path)
    with pytest.raises(InputError, match=r"patch_size \[8, 8, 8\]; the encoder needs patch_size \[8, 8\]"):
        load_base(vit_encoder((32, 32), (8, 8), **ENCODER), path)


def test_slices_of_another_grid(tmp_path):
    path = tmp_path / "encoder.safetensors"
    save_encoder(autoencoder((32, 32), (8, 8)), path)
    flat = vit_encoder((48, 32), (8, 8), **ENCODER)
    report = load_base(flat, path)
    assert not report.missing
    assert "grid [4, 4] to [6, 4]" in report.converted[POSITION]


def test_a_plane_of_as_many_tokens_as_a_cube_is_inflated(tmp_path):
    """8 x 8 tokens are not 4 x 4 x 4 of them."""
    flat = vit_encoder((64, 64), (8, 8), **ENCODER)
    torch.save(flat.state_dict(), tmp_path / "flat.pt")
    solid = network((32, 32, 32))
    report = load_base(solid, tmp_path / "flat.pt")
    assert "resized from grid [8, 8] to [4, 4], then inflated" in report.converted[POSITION]


CONFIGURATIONS = {"baseline": Full(), "finetune": Full(), "frozen": DecoderOnly(), "lora": lora()}


@pytest.mark.parametrize("name", CONFIGURATIONS)
def test_the_four_configurations(tmp_path, name):
    """An encoder file or none, and what is trained: the switch of the fine-tuning bundles."""
    source = autoencoder()
    save_encoder(source, tmp_path / "encoder.safetensors")
    net = apply_peft(network(), CONFIGURATIONS[name])
    load_base(net, None if name == "baseline" else tmp_path / "encoder.safetensors")
    loaded = net.vit.state_dict()
    same = [torch.equal(loaded[key], value) for key, value in encoder_tensors(source).items() if key != POSITION]
    assert all(same) != (name == "baseline")
    trained = any(p.requires_grad for key, p in net.vit.named_parameters() if "lora" not in key and key != POSITION)
    assert trained == (name in ("baseline", "finetune"))
    net(torch.randn(1, 2, 32, 32, 16)).sum().backward()


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("absent.pt", None, "not a readable weight file"),
        ("absent.safetensors", None, "not a readable weight file"),
        ("text.pt", b"no weights", "not a readable weight file"),
        ("text.safetensors", b"no weights", "not a readable weight file"),
    ],
)
def test_unreadable_file(tmp_path, name, content, message):
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match=message) as error:
        load_base(network(), tmp_path / name)
    assert "\n" not in str(error.value)


def test_weights_of_something_else(tmp_path):
    torch.save(torch.nn.Linear(2, 2).state_dict(), tmp_path / "linear.pt")
    with pytest.raises(InputError, match="no known source"):
        load_base(network(), tmp_path / "linear.pt")


@pytest.mark.parametrize(
    ("method", "warns"), [(lora(), True), (DecoderOnly(), True), (Full(), False)], ids=lambda v: str(v)[:12]
)
def test_random_frozen_base_warns_each_time(caplog, method, warns):
    net = apply_peft(network(), method)
    with caplog.at_level(logging.WARNING):
        for _ in range(2):
            load_base(net, None)
    assert len(caplog.records) == 2 * warns

"""Masked image modelling with a Swin transformer, in 2D and 3D."""

import json

import pytest
import torch
from monai.networks.nets.swin_unetr import SwinTransformer
from safetensors import safe_open

from segpeft.errors import InputError
from segpeft.networks import (
    MaskedReconstructionLoss,
    SimMIM,
    build_masked_autoencoder,
    build_slice_segmenter,
    load_base,
    save_encoder,
)
from segpeft.networks.masked_autoencoder import from_patches, to_patches
from segpeft.peft import find_backbone

SMALL = {"embed_dim": 6, "depths": (2, 1, 1, 1), "num_heads": (1, 2, 2, 3)}
CASES = {
    "2d": {"image_size": (32, 48), "patch_size": (2, 2), "window_size": (2, 2), "mask_unit": (8, 16)},
    "3d": {"image_size": (16, 32, 16), "patch_size": (2, 2, 1), "window_size": (1, 2, 2), "mask_unit": (8, 8, 4)},
}
ENCODERS = {
    "vit": (
        {"patch_size": (8, 8), "hidden_size": 24, "mlp_dim": 24, "num_layers": 4, "num_heads": 2, "qkv_bias": True},
        {"decoder_hidden_size": 12, "decoder_mlp_dim": 24, "decoder_num_layers": 1, "decoder_num_heads": 2},
    ),
    "swin": ({**SMALL, "patch_size": (1, 1), "window_size": (2, 2)}, {}),
}
DISTANCE = {"normalise": False, "distance": "l1"}


def simmim(case="2d", **changes):
    torch.manual_seed(0)
    return SimMIM(**{**SMALL, **CASES[case], **changes})


def image_of(net, count=2):
    return torch.randn(count, 1, *net.image_size)


@pytest.mark.parametrize("case", CASES)
def test_patches_and_mask_have_the_order_of_the_loss(case):
    net = simmim(case)
    image = image_of(net)
    patches, mask = net(image)
    assert patches.shape == to_patches(image, net.patch_size).shape
    assert mask.shape == patches.shape[:2]


@pytest.mark.parametrize("case", CASES)
def test_whole_units_are_hidden_and_as_many_as_asked_for(case):
    net = simmim(case)
    mask = net.draw_mask(5, torch.device("cpu"))  # tokens
    voxels = mask.float()[:, None]
    for axis, size in enumerate(net.patch_size):
        voxels = voxels.repeat_interleave(size, axis + 2)
    units = to_patches(voxels, CASES[case]["mask_unit"])
    assert torch.equal(units.amin(-1), units.amax(-1))
    count = units.shape[1]
    assert units[..., 0].sum(1).tolist() == [round(0.6 * count)] * 5
    assert len({tuple(row) for row in units[..., 0].tolist()}) > 1


@pytest.mark.parametrize("case", CASES)
def test_the_hidden_pixels_are_not_seen(case):
    net = simmim(case).eval()
    image = image_of(net)
    torch.manual_seed(1)
    before, mask = net(image)
    noise = to_patches(torch.randn_like(image), net.patch_size)
    for hidden, same in ((mask, True), (1 - mask, False)):
        patches = to_patches(image, net.patch_size)
        other = torch.where(hidden[..., None] > 0, noise, patches)
        changed = _image(other, net)
        torch.manual_seed(1)
        assert torch.equal(net(changed)[0], before) == same


def _image(patches, net):
    return from_patches(patches, net.patch_size, net.image_size)


@pytest.mark.parametrize("case", CASES)
def test_every_tensor_gets_a_gradient(case):
    net = simmim(case)
    image = image_of(net)
    MaskedReconstructionLoss(net.patch_size, **DISTANCE)(net(image), image).backward()
    assert [name for name, p in net.named_parameters() if p.grad is None] == []


def test_a_pixel_is_painted_where_it_lies():
    """The head alone learns an image of one bright patch of the last stage: the others stay dark."""
    net = simmim(mask_unit=(16, 16))
    with torch.no_grad():
        net.head.weight.zero_()
        net.head.bias.copy_(torch.arange(net.head.bias.numel()))
    painted = _image(net(image_of(net, 1))[0].detach(), net)
    assert torch.equal(painted[0, 0, :16, 32:48], torch.arange(256.0).view(16, 16))


def test_a_few_steps_lower_the_loss():
    net = simmim(image_size=(16, 16), window_size=(1, 1), mask_unit=(4, 4))
    ramp = torch.linspace(-1, 1, 16)
    image = (ramp[:, None] * torch.ones(16)).expand(8, 1, 16, 16)
    loss, optimizer = MaskedReconstructionLoss((2, 2), **DISTANCE), torch.optim.AdamW(net.parameters(), 1e-2)
    values = []
    for _ in range(40):
        optimizer.zero_grad()
        value = loss(net(image), image)
        value.backward()
        optimizer.step()
        values.append(float(value.detach()))
    assert values[-1] < 0.5 * values[0]


@pytest.mark.parametrize("case", CASES)
def test_the_encoder_file_holds_monai_s_names(case, tmp_path):
    net = simmim(case)
    save_encoder(net, tmp_path / "encoder.safetensors")
    swin = SwinTransformer(
        1, 6, net.window_size, net.patch_size, (2, 1, 1, 1), (1, 2, 2, 3), patch_norm=True, spatial_dims=int(case[0])
    )
    with safe_open(tmp_path / "encoder.safetensors", "pt") as file:
        header, state = file.metadata(), {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
    missing, unexpected = swin.load_state_dict(state, strict=False)
    assert sorted(unexpected) == ["norm.bias", "norm.weight"]
    assert all(key.startswith("layers4.0.downsample.") or key.endswith("position_index") for key in missing)
    assert header["kind"] == "swin"
    found = {name: json.loads(header[name]) for name in ("patch_size", "window_size", "num_heads", "norm_eps")}
    assert found == {
        "patch_size": list(net.patch_size),
        "window_size": list(net.window_size),
        "num_heads": [1, 2, 2, 3],
        "norm_eps": 1e-5,
    }
    image = image_of(net)
    features = net.swin.eval()(image)
    assert all(map(torch.equal, swin.eval()(image)[:4], features[:4]))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"image_size": (32, 40)}, r"image_size \[32, 40\] is no multiple of 8 times patch_size \[2, 2\]"),
        ({"image_size": (32, 32, 32)}, r"patch_size \[2, 2\] does not fit image_size"),
        ({"window_size": (4, 4, 4)}, r"window_size \[4, 4, 4\] does not fit"),
        ({"window_size": (4, 4)}, r"smaller than a window of the last stage: \[64, 64\] voxels"),
        ({"mask_unit": (3, 4)}, r"mask_unit \[3, 4\] is no multiple of patch_size"),
        ({"mask_unit": (12, 16)}, r"mask_unit \[12, 16\] is no multiple .* that divides image_size"),
        ({"mask_unit": (32, 48)}, "hides 1 of 1 units"),
        ({"masking_ratio": 1.0}, r"masking_ratio 1\.0 hides 12 of 12"),
        ({"masking_ratio": 0.01}, r"masking_ratio 0\.01 hides 0 of 12"),
        ({"num_heads": (1, 2, 5, 3)}, "stage 3 is 24 wide"),
        ({"depths": (2, 2)}, "depths .2, 2."),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, dict) else "",
)
def test_settings_that_do_not_fit(changes, message):
    with pytest.raises(InputError, match=message) as error:
        simmim(**changes)
    assert "\n" not in str(error.value)


def test_one_number_stands_for_all_axes():
    net = simmim(patch_size=2, window_size=2)
    assert (net.patch_size, net.window_size) == ((2, 2), (2, 2))


def test_units_are_of_32_voxels_by_default():
    net = simmim(image_size=(64, 64), mask_unit=None)
    assert (net.units, net.unit_tokens) == ([2, 2], [16, 16])


@pytest.mark.parametrize("kind", ["vit", "swin"])
def test_the_encoder_file_loads_into_the_encoder_of_slices(kind, tmp_path):
    encoder, decoder = ENCODERS[kind]
    source = build_masked_autoencoder(
        (32, 32), {"kind": kind, **encoder}, decoder, 0.5, None if kind == "vit" else (8, 8)
    )
    save_encoder(source, tmp_path / "encoder.safetensors")
    network = build_slice_segmenter(1, 2, (48, 48), {"kind": kind, **encoder, "norm_eps": 1e-5}, "setr_naive")
    report = load_base(network, tmp_path / "encoder.safetensors")
    assert (report.missing, report.unexpected) == ([], [])
    _, backbone, _ = find_backbone(network)
    loaded = dict(backbone.named_parameters())
    assert all(
        torch.equal(loaded[key], value) for key, value in source.encoder_state().items() if "position_e" not in key
    )

"""SliceSegmenter: shapes of every size, slices apart from each other, what is trained, deployment."""

from __future__ import annotations

import warnings

import pytest
import torch

from segpeft.networks import build_slice_segmenter
from segpeft.peft import DecoderOnly, Full, LoRA, apply_peft, load_adapter, save_adapter, trainable_state
from tests.networks.slice_networks import ENCODERS, PAIRS, tiny

ALL = pytest.mark.parametrize(("kind", "decoder"), PAIRS)


@ALL
@pytest.mark.parametrize("shape", [(32, 32, 3), (16, 48, 1), (33, 50, 2), (5, 70, 2)], ids=str)
@torch.no_grad()
def test_output_has_a_logit_a_region_and_voxel(kind, decoder, shape):
    assert tiny(kind, decoder)(torch.randn(2, 2, *shape)).shape == (2, 3, *shape)


@ALL
@torch.no_grad()
def test_slices_and_cases_do_not_mix(kind, decoder):
    net, image = tiny(kind, decoder), torch.randn(2, 2, 32, 32, 4)
    before = net(image)
    image[1, :, :, :, 3] += torch.randn(2, 32, 32)
    changed = (net(image) - before).abs().amax((1, 2, 3)) > 1e-5  # (B, D)
    assert changed.nonzero().tolist() == [[1, 3]]


@ALL
@torch.no_grad()
def test_what_is_filled_up_is_the_last_pixel(kind, decoder):
    net, image = tiny(kind, decoder), torch.randn(1, 2, 29, 30, 1)
    filled = torch.cat([image, image[:, :, -1:].expand(-1, -1, 3, -1, -1)], 2)
    filled = torch.cat([filled, filled[:, :, :, -1:].expand(-1, -1, -1, 2, -1)], 3)
    assert torch.equal(net(image), net(filled)[:, :, :29, :30])


@ALL
@torch.no_grad()
def test_logits_lie_where_the_features_do(kind, decoder):
    """A change in one corner of the maps moves the logits of that corner more than those of the others."""
    net = tiny(kind, decoder, size=(64, 64))
    maps = [torch.zeros_like(one) for one in net.encoder.pyramid(torch.zeros(1, 2, 64, 64), 1)]
    before = net.decoder(maps, [64, 64])
    for one in maps:
        quarter = one.shape[2] // 4
        one[:, :, -quarter:, :quarter] = torch.randn(one.shape[1], 1, 1)
    change = (net.decoder(maps, [64, 64]) - before).abs().sum((0, 1))
    corners = [change[:16, :16], change[:16, 48:], change[48:, 48:], change[48:, :16]]
    assert max(range(4), key=lambda index: corners[index].mean()) == 3


@ALL
def test_one_slice_of_one_patch_can_be_trained_on(kind, decoder):
    net = tiny(kind, decoder).train()
    net(torch.randn(1, 2, 8, 8, 1)).square().sum().backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in net.decoder.parameters())


@ALL
def test_every_trained_tensor_gets_a_gradient_and_only_the_blocks_are_frozen(kind, decoder):
    net = apply_peft(tiny(kind, decoder), DecoderOnly()).train()
    net(torch.randn(1, 2, 32, 64, 2)).square().sum().backward()
    tuned = {name for name, p in net.encoder.named_parameters() if p.requires_grad}
    positions = {"patch_embedding.position_embeddings"} if kind == "vit" else set()
    assert tuned == positions | {"norm.weight", "norm.bias"}
    assert all(p.requires_grad for p in net.decoder.parameters())
    lacking = [name for name, p in net.named_parameters() if (p.grad is None) == p.requires_grad]
    assert lacking == []


@ALL
def test_full_fine_tuning_reaches_every_weight(kind, decoder):
    net = apply_peft(tiny(kind, decoder), Full()).train()
    net(torch.randn(1, 2, 32, 64, 2)).square().sum().backward()
    assert [name for name, p in net.named_parameters() if p.grad is None] == []


@ALL
def test_adapter_file_holds_all_that_training_changes(kind, decoder, tmp_path):
    net, other = (apply_peft(tiny(kind, decoder), LoRA(rank=2)) for _ in range(2))
    base = {name: value.clone() for name, value in net.state_dict().items()}
    optimizer = torch.optim.SGD([p for p in net.parameters() if p.requires_grad], 0.1)
    net.train()(torch.randn(1, 2, 32, 32, 2)).square().mean().backward()
    optimizer.step()
    changed = {name for name, value in net.state_dict().items() if not torch.equal(value, base[name])}
    assert changed <= set(trainable_state(net))
    save_adapter(net.eval(), tmp_path / "a.safetensors")
    load_adapter(other, tmp_path / "a.safetensors")
    image = torch.randn(1, 2, 32, 32, 2)
    with torch.no_grad():
        assert torch.equal(net(image), other.eval()(image))


@pytest.mark.parametrize(
    ("decoder", "method"),
    [
        ("upernet", None),
        ("upernet", DecoderOnly()),
        *((name, LoRA(rank=2)) for kind, name in PAIRS if kind == "vit"),
    ],
    ids=lambda value: getattr(value, "name", value) or "bare",
)
@torch.no_grad()
def test_vit_network_scripts(decoder, method):
    net = tiny("vit", decoder)
    net = net if method is None else apply_peft(net, method).eval()
    scripted = torch.jit.script(net)
    for shape in ((32, 32, 2), (33, 50, 3)):
        image = torch.randn(2, 2, *shape)
        torch.testing.assert_close(scripted(image), net(image))


@pytest.mark.parametrize("decoder", [name for kind, name in PAIRS if kind == "swin"])
@torch.no_grad()
def test_swin_network_traces(decoder):
    net, image = apply_peft(tiny("swin", decoder), LoRA(rank=2)).eval(), torch.randn(1, 2, 33, 50, 2)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the branches that tracing fixes
        traced = torch.jit.trace(net, image, check_trace=False)
    torch.testing.assert_close(traced(image + 1), net(image + 1))


@pytest.mark.parametrize(
    ("kind", "decoder"),
    [("vit", "upernet"), ("swin", "setr_naive"), pytest.param("swin", "swin_unet", marks=pytest.mark.slow)],
)
@torch.no_grad()
def test_network_exports_with_any_number_of_slices(kind, decoder):
    net, image = apply_peft(tiny(kind, decoder), LoRA(rank=2)).eval(), torch.randn(2, 2, 30, 48, 3)
    slices = torch.export.Dim("slices", min=2, max=64)
    exported = torch.export.export(net, (image,), dynamic_shapes={"x": {4: slices}}).module()
    more = torch.randn(2, 2, 30, 48, 5)
    torch.testing.assert_close(exported(more), net(more))


def test_image_of_another_shape_is_refused():
    with pytest.raises(ValueError, match=r"shape \[1, 3, 32, 32, 2\], expected \(B, 2, H, W, D\)"):
        tiny("vit", "upernet")(torch.zeros(1, 3, 32, 32, 2))


def test_volume_size_of_a_config_is_taken():
    net = build_slice_segmenter(1, 2, (30, 40, 99), ENCODERS["vit"])
    assert net.encoder.grid == [4, 5]

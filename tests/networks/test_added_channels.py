"""Channels added to a trained network: unchanged at the start, only the new part trained."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from segpeft.errors import InputError
from segpeft.networks import ChannelUNETR, load_trained_channels, train_added_channels
from segpeft.networks.added_channels import channel_axes
from segpeft.peft import ChannelLoRA, apply_peft, count_parameters, trainable_parameters

OLD, NEW = ("FLAIR", "T1w", "T2w"), ("T2w", "FLAIR", "T1gd", "T1w")
WHERE = [2, 0, 1]  # position in OLD of T2w, FLAIR, T1w
KEPT = [0, 1, 3]  # position in NEW of those


def build(channels: int, feature_size: int = 6, seed: int = 0) -> nn.Module:
    torch.manual_seed(seed)
    sizes = {"image_size": (16, 16, 16), "patch_size": (8, 8, 8), "feature_size": feature_size}
    net = ChannelUNETR(channels, 3, **sizes, hidden_size=12, mlp_dim=16, num_layers=4, num_heads=2)
    return apply_peft(net, ChannelLoRA(rank=2, channels=channels)).double().eval()


@pytest.fixture
def trained() -> nn.Module:
    """A network of three channels whose adapters differ from the identity."""
    net = build(3)
    with torch.no_grad():
        for name, parameter in net.named_parameters():
            if name.endswith("lora_b"):
                nn.init.normal_(parameter)
    return net


def extended(trained: nn.Module) -> nn.Module:
    net = train_added_channels(build(4, seed=1), NEW, OLD)
    return load_trained_channels(net, trained.state_dict(), NEW, OLD)


def images(content: float | None) -> tuple[torch.Tensor, torch.Tensor]:
    """A case for the trained and for the extended network, whose T1gd is noise or a constant."""
    old = torch.randn(2, 3, 16, 16, 16, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    added = torch.randn(2, 16, 16, 16, dtype=torch.float64) if content is None else torch.full((2, 16, 16, 16), content)
    new = torch.empty(2, 4, 16, 16, 16, dtype=torch.float64)
    new[:, KEPT], new[:, 2] = old[:, WHERE], added.double()
    return old, new


@torch.no_grad()
def test_output_is_unchanged_whatever_the_new_channel_shows(trained):
    net, results = extended(trained), []
    for content in (None, 0.0, -3.0, 1e3):
        old, new = images(content)
        results.append(net(new))
        torch.testing.assert_close(results[-1], trained(old), rtol=1e-10, atol=1e-12)
    assert all(torch.equal(result, results[0]) for result in results)  # to the bit between contents


def test_channels_are_matched_by_name(trained):
    net = extended(trained)
    axes, before, after = channel_axes(net), trained.state_dict(), net.state_dict()
    assert any(name.endswith("lora_a") for name in axes)
    assert sum("decoder" in name for name in axes) == 2
    for name, value in after.items():
        if name not in axes:
            assert torch.equal(value, before[name])
            continue
        axis = axes[name].axis
        here = value.unflatten(axis, (4, -1)).index_select(axis, torch.tensor(KEPT))
        assert torch.equal(here, before[name].unflatten(axis, (3, -1)).index_select(axis, torch.tensor(WHERE))), name


@pytest.mark.parametrize(
    ("kind", "options"),
    [(torch.optim.Adam, {"lr": 0.01}), (torch.optim.SGD, {"lr": 1.0, "momentum": 0.9})],
    ids=["Adam", "SGD"],
)
def test_training_moves_the_new_slices_and_nothing_else(trained, kind, options):
    net = extended(trained).train()
    before, axes = {name: value.clone() for name, value in net.state_dict().items()}, channel_axes(net)
    optimizer = kind(trainable_parameters(net), **options)
    for step in range(4):
        optimizer.zero_grad()
        net(images(None)[1] + step).square().mean().backward()
        optimizer.step()
    for name, value in net.state_dict().items():
        if name not in axes:
            assert torch.equal(value, before[name]), name
            continue
        now, then = (v.unflatten(axes[name].axis, (4, -1)).movedim(axes[name].axis, 0) for v in (value, before[name]))
        assert torch.equal(now[KEPT], then[KEPT]), name
        assert not torch.equal(now[2], then[2]), name


def test_counts_are_of_what_is_trained(trained):
    net = extended(trained)
    counts, axes = count_parameters(net), channel_axes(net)
    sizes = {name: value.numel() // 4 for name, value in net.named_parameters() if name in axes}
    assert counts["trainable"] == sum(sizes.values())
    assert counts["backbone_peft"] == sum(size for name, size in sizes.items() if "lora" in name)
    assert counts["total"] == sum(p.numel() for p in net.parameters())


def test_the_result_is_an_ordinary_network(trained):
    state = extended(trained).state_dict()
    build(4, seed=2).load_state_dict(state, strict=True)


def test_two_channels_at_once(trained):
    names = ("A", *OLD, "B")
    net = load_trained_channels(train_added_channels(build(5), names, OLD), trained.state_dict(), names, OLD)
    old, _ = images(None)
    new = torch.cat([old[:, :1], old, old[:, 1:2]], 1)
    torch.testing.assert_close(net(new), trained(old), rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize(
    ("channels", "trained_channels", "message"),
    [
        (("a", "b", "b"), ("a",), "channels is .* each once"),
        (("a", "b"), (), "trained_channels is .* each once"),
        (("a", "b"), ("a", "c"), "expected it to hold the trained channel c"),
        (("a", "b"), ("b", "a"), "expected one that is not in trained_channels"),
    ],
    ids=["twice", "none trained", "gone", "none new"],
)
def test_names_that_do_not_fit_are_refused(channels, trained_channels, message):
    with pytest.raises(InputError, match=message):
        train_added_channels(build(len(channels)), channels, trained_channels)


@pytest.mark.parametrize(
    ("other", "message"),
    [
        (lambda: build(3, feature_size=5).state_dict(), "model.pt: decoder.* expected"),
        (lambda: build(2).state_dict(), "model.pt: .* for 3 channels"),
        (lambda: build(3, feature_size=3).state_dict(), "model.pt: lacks decoder.encoder1.layer.conv3"),
    ],
    ids=["feature size", "channels", "no 1x1 convolution where sizes agree"],
)
def test_another_network_is_refused(other, message):
    with pytest.raises(InputError, match=message):
        load_trained_channels(build(4), other(), NEW, OLD, "model.pt")


def test_a_network_without_channels_is_refused():
    with pytest.raises(InputError, match="has no weights by channel"):
        train_added_channels(nn.Conv3d(4, 1, 1), NEW, OLD)

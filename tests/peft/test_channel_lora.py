"""Channel LoRA in ChannelUNETR: the batched form is the loop over channels, and channels do not mix."""

from __future__ import annotations

import copy
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from segpeft.errors import InputError
from segpeft.networks import ChannelUNETR
from segpeft.peft import ChannelLoRA, ChannelLoRALinear, LoRA, LoRALinear, apply_peft, trainable_parameters
from tests.peft.methods import shake

CHANNELS, BATCH = 3, 2
TARGETS = ("qkv", "out_proj", "linear1", "linear2")
RECOMPUTE = pytest.mark.parametrize("recompute", [False, True], ids=["kept", "recomputed"])


def network(recompute: bool = False, rank: int = 2, dtype: torch.dtype = torch.float64) -> ChannelUNETR:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        plain = ChannelUNETR(CHANNELS, 2, (16, 16, 8), 2, (8, 8, 4), 12, 16, 4, 2).to(dtype)
        method = ChannelLoRA(rank=rank, channels=CHANNELS, targets=TARGETS, recompute=recompute)
        return shake(apply_peft(plain, method))  # type: ignore[return-value]


def image(dtype: torch.dtype = torch.float64) -> Tensor:
    return torch.randn(BATCH, CHANNELS, 16, 16, 8, dtype=dtype, generator=torch.Generator().manual_seed(2))


def folded(dtype: torch.dtype = torch.float64) -> Tensor:
    """Makes what the encoder sees: (C * B, 1, H, W, D), channels slowest."""
    return image(dtype).transpose(0, 1).flatten(0, 1).unsqueeze(1)


def adapters(of: nn.Module) -> list[nn.Module]:
    return [layer for layer in of.modules() if isinstance(layer, (ChannelLoRALinear, LoRALinear))]


def one_channel_encoders(net: ChannelUNETR) -> list[nn.Module]:
    """What the paper has: one encoder with adapters of its own for each channel."""
    encoders = []
    for channel in range(CHANNELS):
        plain = ChannelUNETR(1, 2, (16, 16, 8), 2, (8, 8, 4), 12, 16, 4, 2).vit.to(image().dtype)
        plain.load_state_dict({key: net.vit.state_dict()[key] for key in plain.state_dict()})
        encoder = apply_peft(plain, LoRA(rank=adapters(net)[0].lora_a.shape[1], targets=TARGETS))
        for single, batched in zip(adapters(encoder), adapters(net), strict=True):
            single.lora_a.data, single.lora_b.data = batched.lora_a[channel].detach(), batched.lora_b[channel].detach()
        encoders.append(encoder)
    return encoders


def looped(net: ChannelUNETR, encoders: list[nn.Module], x: Tensor) -> Tensor:
    made = [encoder(x[:, channel : channel + 1]) for channel, encoder in enumerate(encoders)]
    latents = [[hidden[tap] for _, hidden in made] for tap in net.taps] + [[last for last, _ in made]]
    features = [fusion(torch.cat(latent)) for fusion, latent in zip(net.fusions, latents, strict=True)]
    return net.decoder(x, [feature.transpose(1, 2).unflatten(2, net.grid) for feature in features])


def close(one: Tensor, other: Tensor, tolerance: float = 1e-12) -> bool:
    return bool((one - other).abs().max() <= tolerance * other.abs().max())


@RECOMPUTE
def test_batched_equals_the_loop_over_channels(recompute):
    net = network(recompute)
    encoders = one_channel_encoders(net)
    expected = looped(net, encoders, image())
    expected.square().sum().backward()
    head = [p for part in (net.fusions, net.decoder) for p in part.parameters()]
    head_grads = [p.grad.clone() for p in head]
    net.zero_grad()
    found = net(image())
    found.square().sum().backward()
    assert close(found, expected)
    largest = max(grad.abs().max() for grad in head_grads)
    assert all((p.grad - grad).abs().max() <= 1e-12 * largest for p, grad in zip(head, head_grads, strict=True))
    for index, layer in enumerate(adapters(net)):
        singles = [adapters(encoder)[index] for encoder in encoders]
        assert close(layer.lora_a.grad, torch.stack([single.lora_a.grad for single in singles]))
        assert close(layer.lora_b.grad, torch.stack([single.lora_b.grad for single in singles]))


@RECOMPUTE
def test_adapters_of_one_channel_leave_the_others_alone(recompute):
    net = network(recompute)
    before = net.vit(folded())[0].unflatten(0, [CHANNELS, BATCH])
    before[1].square().sum().backward()
    assert all(layer.lora_b.grad[1].any() for layer in adapters(net))
    assert not any(p.grad[c].any() for layer in adapters(net) for p in (layer.lora_a, layer.lora_b) for c in (0, 2))
    with torch.no_grad():
        for layer in adapters(net):
            layer.lora_b[1] += 1.0
    after = net.vit(folded())[0].unflatten(0, [CHANNELS, BATCH])
    assert torch.equal(after[0], before[0])
    assert torch.equal(after[2], before[2])
    assert not torch.allclose(after[1], before[1])


@RECOMPUTE
def test_copies_are_independent(recompute):
    net = network(recompute)
    twin = copy.deepcopy(net)
    before = net(image())
    shake(twin, seed=5)
    assert torch.equal(net(image()), before)
    assert not torch.allclose(twin(image()), before)
    assert {id(p) for p in net.parameters()}.isdisjoint(id(p) for p in twin.parameters())


@RECOMPUTE
def test_absent_channel_is_not_seen_and_its_adapters_get_zero_gradients(recompute):
    net, x = network(recompute), image()
    present = torch.tensor([[1, 0, 1]] * BATCH, dtype=torch.float64)
    output = net(x, present)
    output.square().sum().backward()
    other = x.clone()
    other[:, 1] = 99.0
    assert torch.equal(net(other, present), output)
    for layer in adapters(net):
        for parameter in (layer.lora_a, layer.lora_b):
            assert parameter.grad is not None
            assert not parameter.grad[1].any()
            assert parameter.grad[0].any()
            assert parameter.grad[2].any()


def test_absent_channel_is_zero_at_the_encoder_and_the_fusion_is_scaled():
    net, x, seen = network(), image(), {}
    net.vit.register_forward_pre_hook(lambda module, args: seen.update(encoder=args[0]))
    for index, fusion in enumerate(net.fusions):
        fusion.reduce.register_forward_pre_hook(lambda module, args, i=index: seen.update({i: args[0]}))
    net(x)
    full = dict(seen)
    present = torch.tensor([[True, False, True], [True, True, True]])
    net(x, present)
    weights = torch.tensor([[1.5, 0.0, 1.5], [1.0, 1.0, 1.0]], dtype=x.dtype)
    cut = full["encoder"].unflatten(0, [CHANNELS, BATCH]).clone()
    cut[1, 0] = 0
    assert torch.equal(seen["encoder"], cut.flatten(0, 1))
    for index in range(4):
        scaled = full[index].unflatten(2, [CHANNELS, -1]) * weights[:, None, :, None]
        torch.testing.assert_close(seen[index], scaled.flatten(2))


def test_all_channels_present_is_the_default():
    net = network()
    torch.testing.assert_close(net(image(), torch.ones(BATCH, CHANNELS)), net(image()))


def test_a_case_without_any_channel_stays_finite():
    assert torch.isfinite(network()(image(), torch.zeros(BATCH, CHANNELS))).all()


def rounding(run: Callable[[], Tensor], parameters: list[nn.Parameter]) -> Tensor:
    """Returns the relative error that bfloat16 autocast makes in the output and in all gradients."""
    results = []
    for autocast in (False, True):
        for parameter in parameters:
            parameter.grad = None
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=autocast):
            output = run()
        (output * torch.linspace(-1, 1, output.numel()).reshape(output.shape)).sum().backward()
        results.append((output.detach(), torch.cat([p.grad.flatten() for p in parameters])))
    return torch.stack([(one - other).norm() / one.norm() for one, other in zip(*results, strict=True)])


@RECOMPUTE
def test_autocast_to_bfloat16_rounds_no_more_than_the_loop(recompute):
    net, x = network(recompute, dtype=torch.float32), image(torch.float32)
    loop = [encoder.float() for encoder in one_channel_encoders(net)]
    ours = rounding(lambda: net.vit(folded(torch.float32))[0], trainable_parameters(net.vit))
    theirs = rounding(
        lambda: torch.cat([encoder(x[:, c : c + 1])[0] for c, encoder in enumerate(loop)]),
        [p for encoder in loop for p in trainable_parameters(encoder)],
    )
    assert (theirs < torch.tensor([0.05, 0.2])).all()
    assert (theirs > 1e-4).all()  # bfloat16 it was
    assert (ours < 1.5 * theirs).all()


@pytest.mark.parametrize("channels", [1, 2, 4], ids=str)
def test_another_number_of_channels_than_the_network_folds_is_refused(channels):
    plain = ChannelUNETR(CHANNELS, 2, (16, 16, 8), 2, (8, 8, 4), 12, 16, 4, 2)
    with pytest.raises(InputError, match=rf"channels {channels}: ChannelUNETR has 3"):
        apply_peft(plain, ChannelLoRA(rank=2, channels=channels))

"""Gradients of every method: right in float64, finite in bfloat16, the same with recomputation and in two processes."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel
from torch.utils.checkpoint import checkpoint

from segpeft.peft import apply_peft, trainable_parameters
from tests.peft.backbones import BACKBONES
from tests.peft.methods import EXCLUDED, METHODS, adapted, shake
from tests.two_processes import in_two_processes

SMALL = ("slice_vit", "slice_swin")
NAME_OF = {method: "channel_unetr" if method.startswith("channel_lora") else "slice_vit" for method in METHODS}
CELLS = [
    pytest.param(method, name, id=f"{method}-{name}")
    for method in METHODS
    for name in (*SMALL, "channel_unetr")
    if (method, name) not in EXCLUDED and (name in SMALL or method.startswith("channel_lora"))
]
CONSTANT_NORM = {"dora": ("lora_a", "lora_b")}
"""Parameters whose gradient is on purpose not the derivative: DoRA takes its norm for a constant (sec. 4.3)."""


def checked(network: nn.Module, method: str) -> list[nn.Parameter]:
    """The trained parameters whose gradient is the derivative."""
    left_out = CONSTANT_NORM.get(method, ())
    return [p for key, p in network.named_parameters() if p.requires_grad and not key.endswith(left_out or ("\0",))]


@pytest.mark.parametrize(("method", "name"), [cell for cell in CELLS if cell.values[0] != "decoder_only"])
def test_gradient_is_the_slope_in_float64(method: str, name: str) -> None:
    network = shake(adapted(method, BACKBONES[name])).double().eval()
    encoder, image = BACKBONES[name].encoder(network)  # without the decoder, whose ReLUs have kinks
    image = image.double()
    parameters = checked(encoder, method)
    generator = torch.Generator().manual_seed(7)
    ways = [torch.randn(p.shape, generator=generator, dtype=torch.float64) for p in parameters]

    def value() -> Tensor:
        return sum(feature.sin().sum() for feature in tensors(encoder(image)))

    gradients = torch.autograd.grad(value(), parameters, allow_unused=True)  # what the last feature does not read
    slope = sum((g * way).sum() for g, way in zip(gradients, ways, strict=True) if g is not None)
    step, values = 1e-6, []
    with torch.no_grad():
        for sign in (1, -2):
            for parameter, way in zip(parameters, ways, strict=True):
                parameter.add_(way, alpha=sign * step)
            values.append(value())
    torch.testing.assert_close((values[0] - values[1]) / (2 * step), slope, rtol=1e-5, atol=1e-6)


def tensors(output: object) -> list[Tensor]:
    """All tensors of an encoder's output."""
    return [output] if isinstance(output, Tensor) else [tensor for part in output for tensor in tensors(part)]


@pytest.mark.parametrize(("method", "name"), CELLS)
def test_bfloat16_autocast_rounds_the_output_and_keeps_gradients_finite(method: str, name: str) -> None:
    network = shake(adapted(method, BACKBONES[name])).eval()
    image = BACKBONES[name].image()
    with torch.no_grad():
        exact = network(image)
    with torch.autocast("cpu", torch.bfloat16):
        rounded = network(image)
    rounded.float().square().mean().backward()
    error = (rounded.float() - exact).norm() / exact.norm()
    assert 0 < error < 0.1
    # torch 2.13 on a CPU of AMD: the bfloat16 gradient of a plain Conv3d on 2 x 2 x 2 voxels is not finite now and then
    of_torch = {
        id(module.weight) for module in network.modules() if isinstance(module, nn.Conv3d) and module.groups == 1
    }
    trained = list(trainable_parameters(network))
    assert all(p.grad.dtype == p.dtype for p in trained)
    assert all(torch.isfinite(p.grad).all() for p in trained if id(p) not in of_torch)


@pytest.mark.parametrize(("method", "name"), CELLS)
def test_recomputing_the_network_gives_the_same_gradients(method: str, name: str) -> None:
    found = []
    for recomputed in (False, True):
        network = shake(adapted(method, BACKBONES[name])).train()
        image = BACKBONES[name].image()
        torch.manual_seed(3)  # of DyLoRA's rank
        out = checkpoint(network, image, use_reentrant=False) if recomputed else network(image)
        out.square().mean().backward()
        found.append([p.grad for p in trainable_parameters(network)])
    for kept, again in zip(*found, strict=True):
        torch.testing.assert_close(again, kept)


def _train_all(rank: int, folder: str) -> dict[str, Tensor]:
    ends = {}
    for method, name in NAME_OF.items():
        network = shake(apply_peft(BACKBONES[name].network(), METHODS[method][0])).train()
        distributed = DistributedDataParallel(network)  # raises in the second step on a parameter without a gradient
        optimizer = torch.optim.SGD(trainable_parameters(network), lr=0.01)
        torch.manual_seed(11)  # of DyLoRA's rank
        for step in range(2):
            image = torch.randn(BACKBONES[name].shape, generator=torch.Generator().manual_seed(10 * step + rank))
            optimizer.zero_grad()
            distributed(image).square().mean().backward()
            optimizer.step()
        ends.update({f"{method}: {key}": p.detach().clone() for key, p in network.named_parameters()})
    return ends


def test_two_processes_end_with_equal_weights_whatever_the_method(tmp_path) -> None:
    first, second = in_two_processes(_train_all, tmp_path)
    assert {key.partition(":")[0] for key in first} == set(METHODS)
    assert [key for key in first if not torch.equal(first[key], second[key])] == []

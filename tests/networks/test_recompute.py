"""The recomputing residual block of the decoder against the block that defines it."""

from __future__ import annotations

import copy
import shutil
import warnings

import pytest
import torch
from monai.networks.blocks.dynunet_block import UnetResBlock
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from benchmarks.measure import saved_bytes
from segpeft.networks.decoders import UNETRDecoder
from segpeft.networks.recompute import (
    RecomputingResBlock,
    _NormActConv,
    _NormAddAct,
    recompute_res_blocks,
)
from tests.closeness import difference, distance

BLOCKS = {"projected_3d": (3, 6, 4), "same_width_3d": (3, 4, 4), "projected_2d": (2, 3, 5), "same_width_2d": (2, 5, 5)}
BY_BLOCK = pytest.mark.parametrize("name", BLOCKS)
HIDDEN, PATCH = 12, (16, 16, 16)


def pair(name: str = "projected_3d", dtype: torch.dtype = torch.float64) -> tuple[nn.Module, nn.Module]:
    dims, wide, width = BLOCKS[name]
    with torch.random.fork_rng():
        torch.manual_seed(0)
        plain = nn.Sequential(UnetResBlock(dims, wide, width, 3, 1, "instance")).to(dtype)
    return plain, recompute_res_blocks(copy.deepcopy(plain))


def volume(name: str = "projected_3d", dtype: torch.dtype = torch.float64) -> Tensor:
    dims, wide, _ = BLOCKS[name]
    shape = (2, wide, 6, 5, 4)[: dims + 2]
    generator = torch.Generator().manual_seed(1)
    return torch.randn(shape, generator=generator, dtype=torch.float64).to(dtype) + 0.5


def step(net: nn.Module, x: Tensor) -> list[Tensor]:
    """The output, then the gradients of the input and of all parameters."""
    x = x.clone().requires_grad_()
    net.zero_grad(set_to_none=True)
    y = net(x)
    (y * y.detach().roll(1)).sum().backward()
    return [y.detach(), x.grad, *(p.grad for p in net.parameters())]


@BY_BLOCK
def test_equals_its_twin_in_float64(name):
    plain, fast = pair(name)
    assert type(fast[0]) is RecomputingResBlock
    assert difference(step(plain, volume(name)), step(fast, volume(name))) < 1e-12


@BY_BLOCK
def test_is_as_exact_as_its_twin_under_autocast(name):
    plain, fast = pair(name, torch.float32)
    truth = step(plain, volume(name, torch.float32))
    with torch.autocast("cpu", torch.bfloat16):
        plain_step, fast_step = step(plain, volume(name, torch.float32)), step(fast, volume(name, torch.float32))
    assert [a.dtype for a in fast_step] == [a.dtype for a in plain_step]
    limit = distance(truth, plain_step)
    assert 1e-3 < limit < 0.1
    assert distance(truth, fast_step) < 1.25 * limit


@pytest.mark.parametrize("padding", [[1, 1], [1, 1, 1]], ids=["2d", "3d"])
def test_inner_convolution_passes_gradcheck(padding):
    generator = torch.Generator().manual_seed(2)
    x = torch.randn(2, 1, *(3 for _ in padding), generator=generator, dtype=torch.float64).requires_grad_()
    weight = torch.randn(2, 1, *(3 for _ in padding), generator=generator, dtype=torch.float64).requires_grad_()
    assert torch.autograd.gradcheck(
        lambda x, w: _NormActConv.apply(x, w, padding, 1e-3, 0.1, torch.float64), (x, weight)
    )


@pytest.mark.parametrize("projected", [True, False], ids=["projected", "same_width"])
def test_shortcut_passes_gradcheck(projected):
    generator = torch.Generator().manual_seed(2)
    y, x = torch.randn(2, 2, 2, 3, 2, 2, generator=generator, dtype=torch.float64).unbind(0)
    weight = (
        torch.randn(2, 2, 1, 1, 1, generator=generator, dtype=torch.float64).requires_grad_() if projected else None
    )
    inputs = (y.clone().requires_grad_(), x.clone().requires_grad_(), weight)
    assert torch.autograd.gradcheck(lambda *given: _NormAddAct.apply(*given, 1e-3, 0.1, torch.float64), inputs)


@BY_BLOCK
def test_keeps_input_output_and_two_tensors(name):
    plain, fast = pair(name, torch.float32)
    x = volume(name, torch.float32)
    wide, width = BLOCKS[name][1:]
    values = x.numel() // wide * (wide + 3 * width)
    statistics = 4 * x.shape[0] * width
    assert saved_bytes(lambda: fast(x), fast.parameters()) <= 4 * (values + statistics)
    assert saved_bytes(lambda: plain(x), plain.parameters()) >= 4 * (values + x.numel() // wide * width)


@BY_BLOCK
def test_everything_kept_goes_through_save_for_backward(name):
    _, fast = pair(name)
    outer = fast(volume(name).requires_grad_()).grad_fn
    inner = outer.next_functions[0][0]
    assert [type(node).__name__ for node in (outer, inner)] == ["_NormAddActBackward", "_NormActConvBackward"]
    assert [key for node in (outer, inner) for key, value in vars(node).items() if isinstance(value, Tensor)] == []


OTHERS = {
    "batch_norm": {"norm_name": "batch"},
    "affine": {"norm_name": ("instance", {"affine": True})},
    "relu": {"act_name": ("relu", {"inplace": True})},
    "dropout": {"dropout": 0.2},
    "stride": {"stride": 2},
}


@pytest.mark.parametrize("change", OTHERS)
def test_other_blocks_stay_as_they_are(change):
    block = UnetResBlock(**{"spatial_dims": 3, "in_channels": 2, "out_channels": 3, "kernel_size": 3, "stride": 1,
                            "norm_name": "instance", **OTHERS[change]})  # fmt: skip
    assert type(recompute_res_blocks(nn.Sequential(block))[0]) is UnetResBlock


def decoders(dtype: torch.dtype = torch.float64) -> tuple[nn.Module, nn.Module]:
    built = []
    for recompute in (False, True):
        with torch.random.fork_rng():
            torch.manual_seed(0)
            built.append(UNETRDecoder(2, 3, HIDDEN, 2, PATCH, recompute=recompute).to(dtype))
    return built[0], built[1]


def features(dtype: torch.dtype = torch.float64) -> tuple[Tensor, list[Tensor]]:
    generator = torch.Generator().manual_seed(3)
    image = torch.randn(1, 2, 32, 32, 16, generator=generator, dtype=torch.float64).to(dtype)
    latents = torch.randn(4, 1, HIDDEN, 2, 2, 1, generator=generator, dtype=torch.float64).to(dtype)
    return image, list(latents.unbind(0))


def decoder_step(net: nn.Module, dtype: torch.dtype = torch.float64) -> list[Tensor]:
    image, latents = features(dtype)
    leaves = [one.clone().requires_grad_() for one in latents]
    net.zero_grad(set_to_none=True)
    y = net(image, leaves)
    (y * y.detach().roll(1)).sum().backward()
    return [y.detach(), *(leaf.grad for leaf in leaves), *(p.grad for p in net.parameters())]


def test_decoder_equals_the_plain_one_in_float64():
    plain, fast = decoders()
    assert sum(type(module) is RecomputingResBlock for module in fast.modules()) == 8
    assert not any(type(module) is RecomputingResBlock for module in plain.modules())
    assert difference(decoder_step(plain), decoder_step(fast)) < 1e-12


def test_decoder_of_frozen_weights_gives_its_inputs_gradients():
    plain, fast = decoders()
    for net in (plain, fast):
        net.requires_grad_(False)
    results = []
    for net in (plain, fast):
        image, latents = features()
        leaves = [one.clone().requires_grad_() for one in latents]
        net(image, leaves).square().sum().backward()
        results.append([leaf.grad for leaf in leaves])
    assert difference(*results) < 1e-12


def test_copies_and_names_are_those_of_the_twin():
    plain, fast = decoders()
    assert list(fast.state_dict()) == list(plain.state_dict())
    assert difference(decoder_step(fast), decoder_step(copy.deepcopy(fast))) == 0.0


@pytest.mark.parametrize("leave", ["script", "trace", "export", "export_strict", "no_grad"])
def test_leaves_python_as_its_twin(leave):
    plain, fast = pair(dtype=torch.float32)
    x = volume(dtype=torch.float32)
    expected = plain(x)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if leave == "script":
            fast = torch.jit.script(fast)
        elif leave == "trace":
            fast = torch.jit.trace(fast, x * 0.5, check_trace=False)
        elif leave.startswith("export"):
            fast = torch.export.export(fast, (x,), strict=leave == "export_strict").module()
    with torch.set_grad_enabled(leave != "no_grad"):
        torch.testing.assert_close(fast(x), expected, rtol=1e-5, atol=1e-5)


def compiled_difference(backend: str) -> float:
    torch.compiler.reset()
    plain, fast = pair(dtype=torch.float32)
    compiled = torch.compile(fast, backend=backend, fullgraph=True)
    return difference(step(plain, volume(dtype=torch.float32)), step(compiled, volume(dtype=torch.float32)))


def test_compiles_to_one_graph():
    assert compiled_difference("aot_eager") < 1e-5


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("g++") is None, reason="inductor needs a C++ compiler")
def test_compiles_with_inductor():
    assert compiled_difference("inductor") < 1e-5


@pytest.mark.parametrize("reentrant", [False, True], ids=["saved_hooks", "reentrant"])
def test_gradients_are_the_same_under_checkpointing(reentrant):
    _, fast = pair()

    class Checkpointed(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.block = fast

        def forward(self, x: Tensor) -> Tensor:
            return checkpoint(self.block, x, use_reentrant=reentrant)

    assert difference(step(fast, volume()), step(Checkpointed(), volume())) < 1e-12

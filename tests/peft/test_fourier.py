"""Both Fourier filters against the complex 3D transforms that define them."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from segpeft.peft.fourier import Filter, SliceFilter, VolumeFilter, interpolation
from tests.closeness import difference

SHAPES = [(2, 6, 4, 5, 3), (1, 5, 3, 4, 2), (1, 1, 1, 2, 3), (2, 7, 8, 2, 1)]  # (B, D, h, w, C)
BY_SHAPE = pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: "x".join(map(str, shape)))


def drawn(module: Filter) -> Filter:
    generator = torch.Generator().manual_seed(1)
    for parameter in module.double().parameters():
        parameter.data = torch.randn(parameter.shape, generator=generator, dtype=torch.float64)
    return module


def volume(shape: tuple[int, ...], dtype: torch.dtype = torch.float64) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64).to(dtype)


def step(module: Filter, run, x: Tensor) -> list[Tensor]:
    """The output of ``run`` and the gradients of the volume and of the filter's weights."""
    x = x.clone().requires_grad_()
    module.zero_grad(set_to_none=True)
    y = run(x)
    (y * torch.linspace(-1, 2, y.numel(), dtype=y.dtype).reshape(y.shape)).sum().backward()
    return [y.detach(), x.grad, *(parameter.grad for parameter in module.parameters())]


def periodic(values: Tensor, axis: int, size: int) -> Tensor:
    """Interpolates linearly along one axis of a periodic spectrum, by numpy."""
    known, wanted = np.arange(values.shape[axis]) / values.shape[axis], np.arange(size) / size

    def line(one: np.ndarray) -> np.ndarray:
        return np.interp(wanted, known, one, period=1.0)

    along = np.apply_along_axis(line, axis, values.real.numpy())
    return torch.from_numpy(along + 1j * np.apply_along_axis(line, axis, values.imag.numpy()))


def literal_reference(module: SliceFilter, slices: int):
    """``|IFFT(FFT(z) W_F + b_F)|`` over D, H, W as the authors wrote it, channels first."""
    matrix = periodic(torch.eye(module.weight.numel(), dtype=torch.complex128), 0, slices).real

    def run(x: Tensor) -> Tensor:
        weight, bias = ((matrix @ p).view(-1, 1, 1) for p in (module.weight, module.bias))
        spectrum = torch.fft.fftn(x.movedim(-1, 1), dim=(2, 3, 4)) * weight + bias
        return torch.fft.ifftn(spectrum, dim=(2, 3, 4)).abs().movedim(1, -1)

    return run


@BY_SHAPE
def test_reference_equals_the_literal_transform_at_the_trained_slices(shape):
    module = drawn(SliceFilter(shape[1]))
    literal = step(module, literal_reference(module, shape[1]), volume(shape))
    assert difference(literal, step(module, module, volume(shape))) < 1e-12


@BY_SHAPE
@pytest.mark.parametrize("trained", [3, 8])
def test_reference_interpolates_over_frequency_for_other_slices(shape, trained):
    module = drawn(SliceFilter(trained))
    literal = step(module, literal_reference(module, shape[1]), volume(shape))
    assert difference(literal, step(module, module, volume(shape))) < 1e-12


def test_reference_starts_as_the_modulus_and_one_at_the_first_token():
    x = volume(SHAPES[0])
    expected = x.clone()
    expected[:, 0, 0, 0] += 1
    torch.testing.assert_close(SliceFilter(6).double()(x), expected.abs())


def test_reference_has_a_gradient_of_zero_at_zero():
    module = SliceFilter(4).double()
    module.bias.data.zero_()
    x = torch.zeros(1, 4, 2, 2, 3, dtype=torch.float64, requires_grad=True)
    y = module(x)
    y.sum().backward()
    assert y.max() < 1e-12
    assert all(torch.equal(p.grad, torch.zeros_like(p)) for p in (x, module.weight, module.bias))


def test_reference_passes_gradcheck():
    assert torch.autograd.gradcheck(drawn(SliceFilter(4)), volume((2, 3, 2, 2, 2)).requires_grad_())


def literal_global(module: VolumeFilter, x: Tensor) -> Tensor:
    """The filter on all frequencies, of a full complex transform; complex."""
    response = torch.fft.fftn(module.weight.detach(), dim=(0, 1, 2))
    for axis in range(3):
        response = periodic(response, axis, x.shape[axis + 1])
    return torch.fft.ifftn(torch.fft.fftn(x, dim=(1, 2, 3)) * response, dim=(1, 2, 3))


@BY_SHAPE
@pytest.mark.parametrize("nodes", [1, 3, 4])
@torch.no_grad()
def test_global_equals_the_literal_transform_and_that_is_real(shape, nodes):
    module = drawn(VolumeFilter(shape[-1], nodes))
    literal = literal_global(module, volume(shape))
    scale = literal.abs().max()
    assert literal.imag.abs().max() < 1e-12 * scale
    assert (literal.real - module(volume(shape))).abs().max() < 1e-12 * scale


@pytest.mark.parametrize("shape", [(2, 3, 2, 4, 1), (1, 4, 3, 2, 2)], ids=["odd", "even"])
def test_global_passes_gradcheck(shape):
    module, x = drawn(VolumeFilter(shape[-1], 3)), volume(shape).requires_grad_()

    def run(image: Tensor, weight: Tensor) -> Tensor:
        return torch.func.functional_call(module, {"weight": weight}, image)

    assert torch.autograd.gradcheck(run, (x, module.weight.detach().requires_grad_()))


@BY_SHAPE
def test_global_starts_as_the_identity(shape):
    torch.testing.assert_close(VolumeFilter(shape[-1], 4).double()(volume(shape)), volume(shape))


def test_global_on_its_own_grid_is_a_circular_convolution():
    module, x = drawn(VolumeFilter(2, 4)), volume((1, 4, 4, 4, 2))
    expected = torch.zeros_like(x)
    for index in np.ndindex(4, 4, 4):
        expected += module.weight[index].detach() * x.roll(index, (1, 2, 3))
    torch.testing.assert_close(module(x), expected)


@pytest.mark.parametrize("module", [SliceFilter(5), VolumeFilter(3, 4)], ids=["reference", "global"])
def test_computes_in_float32_under_autocast(module):
    torch.manual_seed(0)
    for parameter in module.parameters():
        torch.nn.init.normal_(parameter)
    x = volume((2, 6, 4, 5, 3), torch.bfloat16)
    with torch.autocast("cpu", torch.bfloat16):
        short = module(x)
    assert short.dtype == torch.bfloat16
    assert torch.equal(short, module(x.float()).bfloat16())


def test_interpolation_to_the_same_size_changes_nothing():
    assert torch.equal(interpolation(128, 128, torch.ones(1)), torch.eye(128))

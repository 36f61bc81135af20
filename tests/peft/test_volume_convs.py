"""The two 2D convolutions against the 3D ones that define them."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import Tensor

from segpeft.peft.volume_convs import PlaneAndLineConv, plain_plane_and_line_conv, plane_and_line_conv
from tests.closeness import difference, distance

SHAPES = [(1, 6, 4, 5, 3), (2, 5, 3, 3, 4), (2, 1, 4, 2, 2), (1, 7, 1, 1, 2), (3, 2, 1, 6, 1)]  # (B, D, h, w, C)
BY_SHAPE = pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: "x".join(map(str, shape)))
BY_KERNEL = pytest.mark.parametrize("kernel", [3, 5])


def inputs(shape: tuple[int, ...], kernel: int, dtype: torch.dtype = torch.float64) -> list[Tensor]:
    generator = torch.Generator().manual_seed(0)
    channels = shape[-1]
    sizes = [shape, (channels, 1, 1, kernel, kernel), (channels,), (channels, 1, kernel, 1, 1), (channels,)]
    return [torch.randn(size, generator=generator, dtype=torch.float64).to(dtype).requires_grad_() for size in sizes]


def step(conv, leaves: list[Tensor]) -> list[Tensor]:
    """The output and the gradients of all inputs."""
    leaves = [leaf.detach().requires_grad_() for leaf in leaves]
    y = conv(*leaves)
    (y * torch.linspace(-1, 1, y.numel(), dtype=y.dtype).reshape(y.shape)).sum().backward()
    return [y.detach(), *(leaf.grad for leaf in leaves)]


@BY_SHAPE
@BY_KERNEL
def test_equals_its_twin_in_float64(shape, kernel):
    leaves = inputs(shape, kernel)
    assert difference(step(plain_plane_and_line_conv, leaves), step(plane_and_line_conv, leaves)) < 1e-12


@BY_KERNEL
def test_is_as_exact_as_its_twin_under_autocast(kernel):
    leaves = inputs(SHAPES[0], kernel, torch.float32)
    truth = step(plain_plane_and_line_conv, leaves)
    with torch.autocast("cpu", torch.bfloat16):
        plain, fast = step(plain_plane_and_line_conv, leaves), step(plane_and_line_conv, leaves)
    assert [a.dtype for a in fast] == [a.dtype for a in plain]
    limit = distance(truth, plain)
    assert 1e-3 < limit < 0.1
    assert distance(truth, fast) < 1.25 * limit


def test_takes_a_volume_that_is_no_contiguous_one():
    volume, *weights = inputs((2, 5, 3, 4, 6), 3)
    turned = volume.detach().permute(0, 3, 2, 1, 4)
    torch.testing.assert_close(plane_and_line_conv(turned, *weights), plain_plane_and_line_conv(turned, *weights))


def test_reads_and_writes_tokens_where_they_lie():
    volume, *weights = inputs(SHAPES[0], 3, torch.float32)
    assert plane_and_line_conv(volume, *weights).is_contiguous()
    images = volume.reshape(6, 4, 5, 3).permute(0, 3, 1, 2)
    assert images.data_ptr() == volume.data_ptr()
    assert images.is_contiguous(memory_format=torch.channels_last)


def test_passes_gradcheck():
    assert torch.autograd.gradcheck(plane_and_line_conv, inputs((1, 3, 2, 3, 2), 3))


@pytest.mark.parametrize("training", [False, True], ids=["eval", "train"])
def test_branch_is_convolutions_norm_and_relu(training):
    torch.manual_seed(0)
    branch = PlaneAndLineConv(4, 5).double().train(training)
    torch.nn.init.normal_(branch.norm.running_mean)
    twin, volume = copy.deepcopy(branch), inputs((2, 5, 3, 3, 4), 5)[0]
    channel_first = volume.movedim(-1, 1)
    for conv in (twin.plane, twin.line):
        channel_first = torch.nn.functional.conv3d(channel_first, conv.weight, conv.bias, padding="same", groups=4)
    expected = twin.norm(channel_first).relu().movedim(1, -1)
    torch.testing.assert_close(branch(volume), expected)
    torch.testing.assert_close(branch.norm.running_var, twin.norm.running_var)

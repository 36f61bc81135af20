"""Filters of volumes in the frequency domain, tied to no size: the Fourier branch of Med-Adapter in two variants."""

import math

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from .eager import records_gradients


def interpolation(size: int, nodes: int, like: Tensor) -> Tensor:
    """Returns the matrix (size, nodes) that interpolates a function of frequency linearly.

    Frequencies are ``k / size`` cycles a token (of FFT, ``k`` = 0 ... size - 1); the function is known at ``j / nodes``
    and has period 1, as every spectrum of samples. For ``size == nodes`` it is the identity, exactly.

    Args:
        size: to how many frequencies.
        nodes: from how many.
        like: gives device and floating type.
    """
    position = torch.arange(size, device=like.device) * nodes  # in units of 1 / (size * nodes)
    lower = torch.div(position, size, rounding_mode="floor")
    share = ((position - lower * size).to(like.dtype) / size).unsqueeze(1)
    node = torch.arange(nodes, device=like.device)
    at_lower = (lower.unsqueeze(1) == node).to(like.dtype)
    at_upper = (((lower + 1) % nodes).unsqueeze(1) == node).to(like.dtype)
    return at_lower * (1 - share) + at_upper * share


class Filter(nn.Module):
    """Base of both variants: computes in float32 (or float64), because FFT and short types do not go together.

    For the backward pass only the volume is kept, which the branches beside it keep, too; spectrum and response are
    computed again.
    """

    def forward(self, volume: Tensor) -> Tensor:
        """Maps (B, D, h, w, C) to the same shape and type."""
        if not torch.jit.is_scripting():
            with torch.autocast(volume.device.type, enabled=False):
                if records_gradients():
                    return checkpoint(self.in_full_precision, volume, use_reentrant=False, preserve_rng_state=False)
                return self.in_full_precision(volume)
        return self.in_full_precision(volume)

    def in_full_precision(self, volume: Tensor) -> Tensor:
        """Maps (B, D, h, w, C) to the same shape and type."""
        wide = volume if volume.dtype == torch.float64 else volume.float()
        return self.filtered(wide).to(volume.dtype)

    def filtered(self, volume: Tensor) -> Tensor:
        """Maps (B, D, h, w, C) to the same shape."""
        raise NotImplementedError(f"{type(self).__name__} filters nothing")


class VolumeFilter(Filter):
    """A filter of its own for each channel: the inverse FFT of ``FFT(z) * W`` over D, h and w (equation 7 as written).

    ``W`` is a function of frequency in cycles a token, known on a grid of ``nodes^3`` frequencies and interpolated
    linearly between them: no size of a volume is baked in. The weights are the inverse FFT of the values on that grid,
    ``nodes^3`` real numbers a channel, so ``W(-f)`` is the conjugate of ``W(f)`` whatever they are, no two weights
    mean the same, and the output is real. So the modulus that the reference takes (of a complex output) is left out:
    here it would only take the sign away. A bias on the spectrum is left out, too: it would add one number to one
    token. At initialisation ``W = 1``: the output is the input.

    Computed on half the spectrum, with channels last all along. The halved axis is w and not D, though that would be a
    little faster, because an exported network can then take any D.

    Args:
        channels: C.
        nodes: known frequencies an axis; 4 are 0, 1/4, 1/2 and -1/4 cycles a token.
    """

    def __init__(self, channels: int, nodes: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(nodes, nodes, nodes, channels))  # (D, h, w, C)
        with torch.no_grad():
            self.weight[0, 0, 0] = 1.0

    def filtered(self, volume: Tensor) -> Tensor:
        """Maps (B, D, h, w, C) to the same shape."""
        slices, height, width = volume.shape[1], volume.shape[2], volume.shape[3]
        spectrum = torch.fft.fft2(torch.fft.rfft(volume, dim=3), dim=[1, 2])  # (B, D, h, w / 2 + 1, C)
        spectrum = spectrum * self.response(slices, height, width, volume)
        return torch.fft.irfft(torch.fft.ifft2(spectrum, dim=[1, 2]), n=width, dim=3)

    def response(self, slices: int, height: int, width: int, like: Tensor) -> Tensor:
        """Returns ``W`` (D, h, w / 2 + 1, C) at the frequencies of a volume of D x h x w tokens."""
        nodes, channels, half = self.weight.shape[0], self.weight.shape[3], width // 2 + 1
        weight = self.weight.to(like.dtype) + 0j
        y = torch.matmul(self._axis(width, like)[:half], weight.reshape(nodes * nodes, nodes, channels))
        y = torch.matmul(self._axis(height, like), y.reshape(nodes, nodes, half * channels))
        y = torch.matmul(self._axis(slices, like), y.reshape(nodes, height * half * channels))
        return y.reshape(slices, height, half, channels)

    def _axis(self, size: int, like: Tensor) -> Tensor:
        """Returns (size, nodes): the FFT of ``nodes`` values, interpolated to ``size`` frequencies."""
        nodes = self.weight.shape[0]
        node = torch.arange(nodes, device=like.device).to(like.dtype)
        angle = torch.outer(node, node) * (-2 * math.pi / nodes)
        return torch.matmul(interpolation(size, nodes, like) + 0j, torch.polar(torch.ones_like(angle), angle))


class SliceFilter(Filter):
    """The filter of the authors' code: ``|IFFT(FFT(z) * W + b)|``, W and b real and functions of slice frequency only.

    The transforms over h and w cancel, up to ``b``, which is the same at every frequency of a slice and so lands on its
    first token (h = w = 0). What is left is a circular convolution along the slices with the complex kernel
    ``ifft(W)``: two real products with D x D matrices, real and imaginary part, faster than the FFTs. ``W`` and ``b``
    of another number of slices than trained are interpolated over frequency. Both start at 1, as published.

    Args:
        slices: D of the training volumes, the number of weights in ``W`` and in ``b``.
    """

    def __init__(self, slices: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(slices))
        self.bias = nn.Parameter(torch.ones(slices))

    def filtered(self, volume: Tensor) -> Tensor:
        """Maps (B, D, h, w, C) to the same shape, nowhere negative."""
        batch, slices, height, width, channels = volume.shape
        matrix = interpolation(slices, self.weight.shape[0], volume)
        kernel = torch.fft.ifft(torch.matmul(matrix, self.weight.to(volume.dtype)))  # (D), complex
        shift = torch.fft.ifft(torch.matmul(matrix, self.bias.to(volume.dtype)))
        index = torch.arange(slices, device=volume.device)
        circulant = kernel[(index.unsqueeze(1) - index) % slices]
        mixing = torch.cat([circulant, shift.unsqueeze(1)], 1)  # (D, D + 1): the bias is a slice more, as below
        first = torch.zeros_like(volume[:, :1])
        first[:, :, 0, 0] = 1.0
        columns = torch.cat([volume, first], 1).reshape(batch, slices + 1, height * width * channels)
        real, imaginary = torch.matmul(mixing.real, columns), torch.matmul(mixing.imag, columns)
        square = real * real + imaginary * imaginary
        square = square.clamp_min(1e-37)  # the gradient of the root at 0 is 0, as torch.abs has it
        return square.sqrt().reshape(volume.shape)

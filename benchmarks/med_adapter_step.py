"""What the inside of a Med-Adapter costs: ``python -m benchmarks.med_adapter_step``.

Its depth-wise convolutions and both variants of its Fourier branch, each beside the ways not taken. The tokens are
those of 128 x 128 voxels and 32 slices in a ViT-B/16 and in the first stage of a Swin-T; the hidden width is alpha 6's.
"""

import sys
from collections.abc import Callable
from statistics import median
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from benchmarks.measure import interleaved_seconds, median_ratio
from benchmarks.run import RESULTS, Suite, main
from benchmarks.targets import Section, Target
from segpeft.peft.fourier import SliceFilter, VolumeFilter
from segpeft.peft.volume_convs import plain_plane_and_line_conv, plane_and_line_conv

SHAPES = {"ViT-B/16": (1, 32, 8, 8, 128), "Swin-T, stage 1": (1, 32, 32, 32, 16)}  # (B, D, h, w, hidden)
KERNELS = (3, 5)
ROUNDS = 9
FAST, PLAIN = "two 2D convolutions, channels last", "Conv3d, channels first"
VIEW, PAIRED = "Conv3d, channels last (a view)", "one 2D convolution for both kernels (two outputs a channel)"
LITERAL = "complex FFT over D, h, w, modulus (the authors' formula)"
PRODUCTS, HALF = "reference, two D x D products (ours)", "global, half the spectrum (ours)"
NOTE = "Forward and backward of tokens with channels last, float32, batch 1; CPU seconds, medians of 9 rounds. Ratio to"

Run = Callable[[Tensor], Tensor]


def convolutions() -> Section:
    """Times the depth-wise convolutions of kernels 3 and 5 of one adapter, without their norms."""
    rows, targets = [], []
    for name, shape in SHAPES.items():
        torch.manual_seed(0)
        convs = [_conv(shape[-1], kernel) for kernel in KERNELS]
        runs: dict[str, Run] = {
            FAST: _Sum(plane_and_line_conv, convs),
            PLAIN: _Sum(_channels_first, convs),
            VIEW: _Sum(plain_plane_and_line_conv, convs),
            PAIRED: _Paired(convs),
        }
        rows += _rows(name, shape, runs, PLAIN)
        targets.append(Target(f"convolutions of {name}: ours / {PLAIN}", rows[-len(runs)]["ratio"], 0.25))
    return Section("Depth-wise convolutions", f"{NOTE} {PLAIN}, which copies its input once.", rows, targets)


def fourier() -> Section:
    """Times the Fourier branch."""
    rows, targets = [], []
    for name, shape in SHAPES.items():
        torch.manual_seed(0)
        reference, everywhere = SliceFilter(shape[1]), VolumeFilter(shape[-1], 4)
        for parameter in (*reference.parameters(), *everywhere.parameters()):
            nn.init.uniform_(parameter)
        runs: dict[str, Run] = {
            LITERAL: _Literal(reference),
            "reference, FFT along D only": _AlongSlices(reference),
            PRODUCTS: reference,
            "global, complex FFT": _Complex(everywhere),
            HALF: everywhere,
        }
        found = _rows(name, shape, runs, LITERAL)
        rows += found
        targets += [
            Target(f"Fourier branch of {name}: {row['way']} / the authors' formula", row["ratio"], 1.0)
            for row in found
            if row["way"] in (PRODUCTS, HALF)
        ]
    return Section(
        "Fourier branch", f"{NOTE} the authors' formula. `global`: 4^3 frequencies a channel.", rows, targets
    )


def _rows(name: str, shape: tuple[int, ...], runs: dict[str, Run], base: str) -> list[dict[str, Any]]:
    volume, gradient = torch.randn(shape, requires_grad=True), torch.randn(shape)
    seconds = interleaved_seconds({way: _Step(run, volume, gradient) for way, run in runs.items()}, ROUNDS)
    grid = " x ".join(map(str, shape[1:]))
    return [
        {
            "tokens": f"{name}: {grid}",
            "way": way,
            "ms": 1e3 * median(seconds[way]),
            "ratio": median_ratio(seconds, way, base),
        }
        for way in runs
    ]


class _Step:
    """Forward and backward of one way."""

    def __init__(self, run: Run, volume: Tensor, gradient: Tensor) -> None:
        self.run, self.volume, self.gradient = run, volume, gradient

    def __call__(self) -> None:
        self.volume.grad = None
        self.run(self.volume).backward(self.gradient)


def _conv(channels: int, kernel: int) -> list[Tensor]:
    plane = nn.Conv3d(channels, channels, (1, kernel, kernel), groups=channels)
    line = nn.Conv3d(channels, channels, (kernel, 1, 1), groups=channels)
    return [plane.weight, plane.bias, line.weight, line.bias]  # type: ignore[list-item]


def _channels_first(volume: Tensor, *weights: Tensor) -> Tensor:
    first = volume.movedim(-1, 1).contiguous()
    return plain_plane_and_line_conv(first.movedim(1, -1), *weights)


class _Sum:
    """The convolutions of all kernels, added."""

    def __init__(self, conv: Callable[..., Tensor], convs: list[list[Tensor]]) -> None:
        self.conv, self.convs = conv, convs

    def __call__(self, volume: Tensor) -> Tensor:
        return torch.stack([self.conv(volume, *weights) for weights in self.convs]).sum(0)


class _Paired:
    """Kernel 3 padded to 5: each channel has two outputs of one 2D convolution, and of a second one along D."""

    def __init__(self, convs: list[list[Tensor]]) -> None:
        self.convs = convs

    def __call__(self, volume: Tensor) -> Tensor:
        (plane3, bias3, line3, last3), (plane5, bias5, line5, last5) = self.convs
        batch, slices, height, width, channels = volume.shape
        weight = torch.stack([F.pad(plane3, (1, 1, 1, 1)), plane5], 1).reshape(2 * channels, 1, 5, 5)
        bias = torch.stack([bias3, bias5], 1).flatten()
        images = volume.reshape(-1, height, width, channels).permute(0, 3, 1, 2)
        y = F.conv2d(images, weight, bias, padding=2, groups=channels)
        columns = y.permute(0, 2, 3, 1).reshape(batch, slices, height * width, 2 * channels).permute(0, 3, 1, 2)
        weight = torch.stack([F.pad(line3, (0, 0, 0, 0, 1, 1)), line5], 1).reshape(2 * channels, 1, 5, 1)
        bias = torch.stack([last3, last5], 1).flatten()
        y = F.conv2d(columns, weight, bias, padding=(2, 0), groups=2 * channels)
        return y.permute(0, 2, 3, 1).reshape(*volume.shape, 2).sum(-1)


class _Literal:
    """The reference variant as its formula stands."""

    def __init__(self, module: SliceFilter) -> None:
        self.module = module

    def __call__(self, volume: Tensor) -> Tensor:
        weight, bias = (p.view(-1, 1, 1) for p in (self.module.weight, self.module.bias))
        spectrum = torch.fft.fftn(volume.movedim(-1, 1), dim=(2, 3, 4)) * weight + bias
        return torch.fft.ifftn(spectrum, dim=(2, 3, 4)).abs().movedim(1, -1)


class _AlongSlices:
    """The reference variant by transforms along D, the bias added where it lands."""

    def __init__(self, module: SliceFilter) -> None:
        self.module = module

    def __call__(self, volume: Tensor) -> Tensor:
        weight = self.module.weight.view(-1, 1, 1, 1)
        y = torch.fft.ifft(torch.fft.fft(volume, dim=1) * weight, dim=1)
        shift = torch.fft.ifft(self.module.bias).view(-1, 1, 1, 1)
        return (y + F.pad(shift, (0, 0, 0, volume.shape[3] - 1, 0, volume.shape[2] - 1))).abs()


class _Complex:
    """The work of the global variant on the whole spectrum; its response is at other frequencies, but as many."""

    def __init__(self, module: VolumeFilter) -> None:
        self.module = module

    def __call__(self, volume: Tensor) -> Tensor:
        slices, height, width = volume.shape[1:4]
        response = self.module.response(slices, height, 2 * width - 1, volume)[:, :, :width]
        return torch.fft.ifftn(torch.fft.fftn(volume, dim=(1, 2, 3)) * response, dim=(1, 2, 3)).real


SUITE = Suite(
    "python -m benchmarks.med_adapter_step",
    RESULTS / "med_adapter_step.json",
    {"convolutions": convolutions, "fourier": fourier},
)

if __name__ == "__main__":
    sys.exit(main(suite=SUITE))

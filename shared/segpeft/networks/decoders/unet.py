"""U-Net's decoder on the maps of a transformer."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from .conv_norm import ConvNorm
from .resize import resized

LEVELS = 4


class UNetDecoder(nn.Module):
    """U-Net's decoder (Ronneberger et al. 2015, arXiv 1505.04597): four levels, the upper three with a skip.

    Each level doubles the resolution by a transposed convolution, concatenates an encoder's map of the same width and
    convolves twice (once at the last level). A map that is coarser than its level is doubled by a transposed
    convolution and interpolated from there. Med-Tuning (arXiv 2304.10880) prints 4.712 M for its own, of unknown form;
    this one has 0.2 % more on a ViT-B.

    Args:
        widths: channels of the four maps, shallowest first.
        strides: pixels a step of each map.
        out_channels: one logit a class or region.
        feature_size: width of the last level; it doubles with each deeper one.
    """

    def __init__(
        self, widths: Sequence[int], strides: Sequence[int], out_channels: int, feature_size: int = 32
    ) -> None:
        super().__init__()
        self.levels: list[int] = []
        self.up, self.skip, self.convs = nn.ModuleList(), nn.ModuleList(), nn.ModuleList()
        width, stride = widths[-1], strides[-1]
        for level in range(LEVELS):
            out, finer = feature_size << (LEVELS - 1 - level), max(stride // 2, 1)
            self.levels.append(finer)
            self.up.append(_project(width, out, stride > finer))
            if level < LEVELS - 1:
                tap = LEVELS - 2 - level
                self.skip.append(_project(widths[tap], out, strides[tap] > finer))
                self.convs.append(nn.Sequential(ConvNorm(2 * out, out), ConvNorm(out, out)))
            else:
                self.convs.append(ConvNorm(out, out))
            width, stride = out, finer
        self.classify = nn.Conv2d(width, out_channels, 1)

    def forward(self, maps: list[Tensor], size: list[int]) -> Tensor:
        """Maps four maps (B * D, C_i, h_i, w_i) to logits (B * D, K, H, W); ``size`` is [H, W]."""
        skips: list[Tensor] = []
        for index, skip in enumerate(self.skip):
            skips.append(skip(maps[2 - index]))
        x = maps[3]
        for index, (up, conv) in enumerate(zip(self.up, self.convs)):  # noqa: B905 - TorchScript knows no strict
            finer = [size[0] // self.levels[index], size[1] // self.levels[index]]
            x = resized(up(x), finer)
            if index < len(skips):
                x = torch.cat([x, resized(skips[index], finer)], 1)
            x = conv(x)
        return resized(self.classify(x), size)


def _project(in_channels: int, out_channels: int, double: bool) -> nn.Module:
    """Returns a layer to another width, at twice the resolution or the same."""
    if double:
        return nn.ConvTranspose2d(in_channels, out_channels, 2, 2)
    return nn.Conv2d(in_channels, out_channels, 1)

"""UPerNet's decoder: pyramid pooling on the deepest map and a feature pyramid over all."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .conv_norm import ConvNorm
from .resize import resized

BINS = (1, 2, 4, 6)


class UPerNetDecoder(nn.Module):
    """UPerNet (Xiao et al. 2018, arXiv 1807.10221, sec. 3) on four maps.

    Sizes and biases are those that the counts of Med-Tuning (arXiv 2304.10880) force: the first map is projected with a
    norm of its own, the other three without; one smoothing convolution serves all levels but the deepest.

    Args:
        widths: channels of the four maps, shallowest first.
        strides: pixels a step of each map; not needed here.
        out_channels: one logit a class or region.
        feature_size: width of the feature pyramid.
    """

    def __init__(
        self, widths: Sequence[int], strides: Sequence[int], out_channels: int, feature_size: int = 256
    ) -> None:
        super().__init__()
        self.pooling = PyramidPooling(widths[-1])
        self.first = ConvNorm(widths[0], feature_size, 1, bias=True)
        self.laterals = nn.ModuleList(nn.Conv2d(width, feature_size, 1) for width in widths[1:])
        self.smooth = nn.Conv2d(feature_size, feature_size, 3, padding=1)
        self.fuse = ConvNorm(len(widths) * feature_size, feature_size)
        self.classify = nn.Conv2d(feature_size, out_channels, 3, padding=1)

    def forward(self, maps: list[Tensor], size: list[int]) -> Tensor:
        """Maps four maps (B * D, C_i, h_i, w_i) to logits (B * D, K, H, W); ``size`` is [H, W]."""
        levels = [self.first(maps[0])]
        deepest = self.pooling(maps[3])
        for index, lateral in enumerate(self.laterals):
            levels.append(lateral(maps[index + 1] if index < 2 else deepest))
        finest = [levels[0].shape[2], levels[0].shape[3]]
        above = levels[3]
        fused = [resized(above, finest)]
        for index in range(2, -1, -1):
            level = levels[index]
            above = level + resized(above, [level.shape[2], level.shape[3]])
            fused.append(resized(self.smooth(above), finest))
        return resized(self.classify(self.fuse(torch.cat(fused, 1))), size)


class PyramidPooling(nn.Module):
    """A map beside its means over coarse grids (PSPNet, arXiv 1612.01105), brought back to its own width.

    Args:
        width: of the map.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.branches = nn.ModuleList(ConvNorm(width, width // len(BINS), 1) for _ in BINS)
        self.bins = list(BINS)
        self.bottleneck = ConvNorm(width + len(BINS) * (width // len(BINS)), width)

    def forward(self, x: Tensor) -> Tensor:
        """Maps (B * D, C, h, w) to the same shape."""
        size = [x.shape[2], x.shape[3]]
        parts = [x]
        for index, branch in enumerate(self.branches):
            side = self.bins[index]
            parts.append(resized(branch(F.adaptive_avg_pool2d(x, (side, side))), size))
        return self.bottleneck(torch.cat(parts, 1))

"""SETR's decoder that aggregates maps of several depths."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from .conv_act import ConvAct
from .resize import resized

UP = 4


class SETRMLADecoder(nn.Module):
    """SETR-MLA (Zheng et al. 2021, arXiv 2012.15840, sec. 3.2): multi-level aggregation of four maps.

    Each map is reduced, the deeper ones are added to the shallower ones, and what two convolutions make of each sum is
    brought to four times the resolution, concatenated and classified. Widths are those that the counts of
    Med-Tuning (arXiv 2304.10880) force.

    Args:
        widths: channels of the four maps, shallowest first.
        strides: pixels a step of each map; the resolution never gets finer than the image's.
        out_channels: one logit a class or region.
        feature_size: width of the reduced maps; a quarter of it comes out of each branch.
    """

    def __init__(
        self, widths: Sequence[int], strides: Sequence[int], out_channels: int, feature_size: int = 256
    ) -> None:
        super().__init__()
        quarter = feature_size // 4
        self.reduce = nn.ModuleList(ConvAct(width, feature_size) for width in widths)
        self.branches = nn.ModuleList(
            nn.Sequential(
                ConvAct(feature_size, feature_size, 3),
                ConvAct(feature_size, quarter, 3),
            )
            for _ in widths
        )
        self.up = min(UP, strides[0])
        self.classify = nn.Conv2d(len(widths) * quarter, out_channels, 1)

    def forward(self, maps: list[Tensor], size: list[int]) -> Tensor:
        """Maps four maps (B * D, C_i, h_i, w_i) to logits (B * D, K, H, W); ``size`` is [H, W]."""
        reduced = [reduce(maps[index]) for index, reduce in enumerate(self.reduce)]
        for index in range(2, -1, -1):
            level = reduced[index]
            reduced[index] = level + resized(reduced[index + 1], [level.shape[2], level.shape[3]])
        finer = [self.up * reduced[0].shape[2], self.up * reduced[0].shape[3]]
        branches = [resized(branch(reduced[index]), finer) for index, branch in enumerate(self.branches)]
        return resized(self.classify(torch.cat(branches, 1)), size)

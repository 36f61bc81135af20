"""Swin-UNet's decoder: the encoder mirrored, with patches expanded where the encoder merges them."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from monai.networks.nets.swin_unetr import BasicLayer
from torch import Tensor, nn

from segpeft.errors import InputError


class SwinUNetDecoder(nn.Module):
    """Swin-UNet's decoder (Cao et al. 2021, arXiv 2105.05537, sec. 3) on MONAI's Swin blocks.

    From the deepest map on, patches are expanded by 2, the encoder's map of that level is concatenated and the two are
    reduced by a linear layer, and Swin blocks follow; the last expansion gives the resolution of the image.

    Args:
        widths: channels of the four maps, shallowest first; each twice the one before.
        strides: pixels a step of each map; each twice the one before.
        out_channels: one logit a class or region.
        num_heads: attention heads of each of the three shallower levels (what more there is does not count).
        window_size: of the Swin blocks, (h, w) in tokens.
        depth: Swin blocks a level.

    Raises:
        InputError: the maps do not halve from level to level.
    """

    def __init__(
        self,
        widths: Sequence[int],
        strides: Sequence[int],
        out_channels: int,
        num_heads: Sequence[int],
        window_size: Sequence[int],
        depth: int = 2,
    ) -> None:
        super().__init__()
        if any(fine * 2 != coarse for row in (widths, strides) for fine, coarse in zip(row, row[1:], strict=False)):
            raise InputError(f"decoder swin_unet: expected strides that double level by level, not {list(strides)}")
        levels = range(len(widths) - 2, -1, -1)  # deepest first
        self.expand = nn.ModuleList(PatchExpanding(widths[i + 1], 2, widths[i]) for i in levels)
        self.reduce = nn.ModuleList(nn.Linear(2 * widths[i], widths[i]) for i in levels)
        self.blocks = nn.ModuleList(
            BasicLayer(widths[i], depth, num_heads[i], tuple(window_size), [0.0] * depth, qkv_bias=True) for i in levels
        )
        self.norm = nn.LayerNorm(widths[0])
        self.expand_last = PatchExpanding(widths[0], strides[0], widths[0])
        self.classify = nn.Conv2d(widths[0], out_channels, 1, bias=False)

    def forward(self, maps: list[Tensor], size: list[int]) -> Tensor:
        """Maps four maps (B * D, C_i, h_i, w_i) to logits (B * D, K, H, W); ``size`` is [H, W]."""
        x = maps[3].movedim(1, -1)  # (B * D, h, w, C)
        for index, (expand, reduce, blocks) in enumerate(zip(self.expand, self.reduce, self.blocks, strict=True)):
            x = reduce(torch.cat([expand(x), maps[2 - index].movedim(1, -1)], -1))
            x = blocks(x.movedim(-1, 1)).movedim(1, -1)
        x = self.expand_last(self.norm(x))  # (B * D, H, W, C)
        return self.classify(x.movedim(-1, 1))


class PatchExpanding(nn.Module):
    """Every token becomes ``factor`` x ``factor`` tokens: a linear layer, their places, a layer norm.

    Args:
        in_channels: width of a token.
        factor: along each axis.
        out_channels: width of a token of the result.
    """

    def __init__(self, in_channels: int, factor: int, out_channels: int) -> None:
        super().__init__()
        self.factor = factor
        self.linear = nn.Linear(in_channels, factor * factor * out_channels, bias=False)
        self.norm = nn.LayerNorm(out_channels)

    def forward(self, x: Tensor) -> Tensor:
        """Maps (B * D, h, w, C) to (B * D, factor h, factor w, C')."""
        x = self.linear(x).unflatten(-1, [self.factor, self.factor, -1])  # (B * D, h, w, f, f, C')
        return self.norm(x.transpose(2, 3).flatten(1, 2).flatten(2, 3))

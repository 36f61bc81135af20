"""SETR's simplest decoder: two 1 x 1 convolutions."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn

from .conv_act import ConvAct
from .resize import resized


class SETRNaiveDecoder(nn.Module):
    """SETR-Naive (Zheng et al. 2021, arXiv 2012.15840, sec. 3.2) on the deepest map.

    Args:
        widths: channels of the four maps, shallowest first.
        strides: pixels a step of each map; not needed here.
        out_channels: one logit a class or region.
        feature_size: width between the convolutions.
    """

    def __init__(
        self, widths: Sequence[int], strides: Sequence[int], out_channels: int, feature_size: int = 512
    ) -> None:
        super().__init__()
        self.reduce = ConvAct(widths[-1], feature_size)
        self.classify = nn.Conv2d(feature_size, out_channels, 1)

    def forward(self, maps: list[Tensor], size: list[int]) -> Tensor:
        """Maps four maps (B * D, C_i, h_i, w_i) to logits (B * D, K, H, W); ``size`` is [H, W]."""
        return resized(self.classify(self.reduce(maps[3])), size)

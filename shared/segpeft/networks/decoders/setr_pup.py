"""SETR's decoder that alternates convolutions and doublings of the resolution."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn

from .conv_act import ConvAct
from .resize import resized


class SETRPUPDecoder(nn.Module):
    """SETR-PUP (Zheng et al. 2021, arXiv 2012.15840, sec. 3.2) on the deepest map: progressive up-sampling.

    Kernels of 1 x 1 are what the counts of Med-Tuning (arXiv 2304.10880) force; SETR itself has 3 x 3.

    Args:
        widths: channels of the four maps, shallowest first.
        strides: pixels a step of each map; the resolution is never doubled past the image's.
        out_channels: one logit a class or region.
        feature_size: width after the first convolution, twice that of the others.
    """

    def __init__(
        self, widths: Sequence[int], strides: Sequence[int], out_channels: int, feature_size: int = 512
    ) -> None:
        super().__init__()
        channels = [widths[-1], feature_size, feature_size // 2, feature_size // 2]
        pairs = zip(channels, channels[1:], strict=False)
        self.convs = nn.ModuleList(ConvAct(first, second) for first, second in pairs)
        self.classify = nn.Conv2d(channels[-1], out_channels, 1)

    def forward(self, maps: list[Tensor], size: list[int]) -> Tensor:
        """Maps four maps (B * D, C_i, h_i, w_i) to logits (B * D, K, H, W); ``size`` is [H, W]."""
        x = maps[3]
        for conv in self.convs:
            x = conv(x)
            x = resized(x, [min(2 * x.shape[2], size[0]), min(2 * x.shape[3], size[1])])
        return resized(self.classify(x), size)

"""Convolution and ReLU, of which SETR's decoders are made here."""

from __future__ import annotations

from torch import nn


class ConvAct(nn.Sequential):
    """Convolution with bias, and ReLU; the size of the maps stays.

    SETR (arXiv 2012.15840) has a batch norm between the two. The counts of Med-Tuning (arXiv 2304.10880) hold the bias
    and no weights of a norm.

    Args:
        in_channels: of the maps.
        out_channels: of the result.
        kernel_size: of the convolution, odd.
    """

    def __init__(self, in_channels: int, out_channels: int, kernel_size: int = 1) -> None:
        conv = nn.Conv2d(in_channels, out_channels, kernel_size, padding=kernel_size // 2)
        super().__init__(conv, nn.ReLU(inplace=True))

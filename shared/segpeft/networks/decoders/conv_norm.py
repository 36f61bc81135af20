"""Convolution, batch norm and ReLU, of which the decoders of slices are made."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn


class SliceNorm(nn.BatchNorm2d):
    """Batch norm that takes one value a channel, too: a single slice pooled to one pixel has no variance of its own.

    There it uses its running statistics and leaves them alone; everywhere else it is :class:`torch.nn.BatchNorm2d`.
    """

    def forward(self, x: Tensor) -> Tensor:
        """Maps (B, C, h, w) to the same shape."""
        train = self.training and x.shape[0] * x.shape[2] * x.shape[3] > 1
        if train and self.num_batches_tracked is not None:
            self.num_batches_tracked.add_(1)
        mean, var = self.running_mean, self.running_var
        return F.batch_norm(x, mean, var, self.weight, self.bias, train, self.momentum, self.eps)  # type: ignore[arg-type]


class ConvNorm(nn.Sequential):
    """Convolution, batch norm and ReLU; the size of the maps stays.

    Args:
        in_channels: of the maps.
        out_channels: of the result.
        kernel_size: of the convolution, odd.
        bias: of the convolution.
    """

    def __init__(self, in_channels: int, out_channels: int, kernel_size: int = 3, bias: bool = False) -> None:
        super().__init__(
            nn.Conv2d(in_channels, out_channels, kernel_size, padding=kernel_size // 2, bias=bias),
            SliceNorm(out_channels),
            nn.ReLU(inplace=True),
        )

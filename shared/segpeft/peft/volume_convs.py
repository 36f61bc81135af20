"""Depth-wise convolutions of volumes whose channels come last, beside the plain ones that define them."""

import torch.nn.functional as F
from torch import Tensor, nn


def plane_conv(volume: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """Convolves every slice of a volume depth-wise, padded to the same size.

    Tokens keep their channels last. A volume of them is, as it lies in memory, a batch of slices (h, w), and also one
    image (D, h * w): both are 2D images in torch's ``channels_last`` format, whose depth-wise convolutions are many
    times as fast as the 3D ones, forward and backward (``python -m benchmarks.med_adapter_step``), and copy nothing.

    Args:
        volume: (B, D, h, w, C), contiguous; else it is copied.
        weight: (C, 1, K, K), K odd.
        bias: (C), or None for 0.
    """
    batch, slices, height, width, channels = volume.shape
    images = volume.reshape(batch * slices, height, width, channels).permute(0, 3, 1, 2)  # (B * D, C, h, w)
    y = F.conv2d(images, weight, bias, padding=[weight.shape[2] // 2, weight.shape[3] // 2], groups=channels)
    return y.permute(0, 2, 3, 1).reshape(volume.shape)


def line_conv(volume: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """Convolves a volume depth-wise along its slices, padded to the same size; how, see :func:`plane_conv`.

    Args:
        volume: (B, D, h, w, C), contiguous; else it is copied.
        weight: (C, 1, K, 1), K odd.
        bias: (C), or None for 0.
    """
    batch, slices, height, width, channels = volume.shape
    columns = volume.reshape(batch, slices, height * width, channels).permute(0, 3, 1, 2)  # (B, C, D, h * w)
    y = F.conv2d(columns, weight, bias, padding=[weight.shape[2] // 2, 0], groups=channels)
    return y.permute(0, 2, 3, 1).reshape(volume.shape)


def plane_and_line_conv(
    volume: Tensor, plane_weight: Tensor, plane_bias: Tensor | None, line_weight: Tensor, line_bias: Tensor | None
) -> Tensor:
    """Returns :func:`plain_plane_and_line_conv` of the same arguments by two 2D convolutions.

    Args:
        volume: (B, D, h, w, C), contiguous; else it is copied.
        plane_weight: (C, 1, 1, K, K), K odd.
        plane_bias: (C), or None for 0.
        line_weight: (C, 1, K, 1, 1), K odd.
        line_bias: (C), or None for 0.
    """
    return line_conv(plane_conv(volume, plane_weight.squeeze(2), plane_bias), line_weight.flatten(3), line_bias)


def plain_plane_and_line_conv(
    volume: Tensor, plane_weight: Tensor, plane_bias: Tensor | None, line_weight: Tensor, line_bias: Tensor | None
) -> Tensor:
    """The definition: depth-wise 3D convolutions 1 x K x K, then K x 1 x 1, both padded to the same size.

    Args and result are those of :func:`plane_and_line_conv`.
    """
    channels = volume.shape[-1]
    y = F.conv3d(volume.movedim(-1, 1), plane_weight, plane_bias, padding="same", groups=channels)
    return F.conv3d(y, line_weight, line_bias, padding="same", groups=channels).movedim(1, -1)


class PlaneAndLineConv(nn.Module):
    """``ReLU(BatchNorm3d(DW_{K,1,1}(DW_{1,K,K}(z))))``, ``DW`` a depth-wise convolution with bias.

    While batch statistics are used, the norm takes out what ``line.bias`` adds: it has no gradient but rounding. It is
    there because published parameter counts hold it.

    Args:
        channels: C.
        kernel: K, odd.
    """

    def __init__(self, channels: int, kernel: int) -> None:
        super().__init__()
        self.plane = nn.Conv3d(channels, channels, (1, kernel, kernel), groups=channels)
        self.line = nn.Conv3d(channels, channels, (kernel, 1, 1), groups=channels)
        self.norm = nn.BatchNorm3d(channels)

    def forward(self, volume: Tensor) -> Tensor:
        """Maps (B, D, h, w, C) to the same shape."""
        plane, line = self.plane, self.line
        y = plane_and_line_conv(volume, plane.weight, plane.bias, line.weight, line.bias)
        return F.relu(self.norm(y.movedim(-1, 1))).movedim(1, -1)


class LargeKernelConv(nn.Module):
    """One depth-wise ``K x K x K`` convolution with bias, not normed: what the paper puts in place of its FFT branch.

    Args:
        channels: C.
        kernel: K, odd.
    """

    def __init__(self, channels: int, kernel: int) -> None:
        super().__init__()
        self.conv = nn.Conv3d(channels, channels, kernel, padding=kernel // 2, groups=channels)

    def forward(self, volume: Tensor) -> Tensor:
        """Maps (B, D, h, w, C) to the same shape."""
        return self.conv(volume.movedim(-1, 1)).movedim(1, -1)

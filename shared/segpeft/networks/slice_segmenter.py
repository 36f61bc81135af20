"""Volumes segmented slice by slice, by a 2D encoder and a 2D decoder."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from .slice_swin import SliceSwin
from .slice_vit import SliceViT
from .slices import fold_slices, unfold_slices


class SliceSegmenter(nn.Module):
    """A 2D encoder and a 2D decoder on every slice of a volume: the network that Med-Tuning (arXiv 2304.10880) adapts.

    Slices of one volume see each other only in what a method puts between the encoder's blocks. Any size in the plane
    and any number of slices will do: slices are filled up at their far ends, repeating the last pixel, to a multiple of
    what the encoder needs, and the logits are cut to the size of the image.

    Args:
        encoder: gives a pyramid of four maps, and says their ``widths``, ``strides`` and the ``least_size`` of a slice.
        decoder: maps the pyramid to logits, one of :mod:`segpeft.networks.decoders`.
    """

    def __init__(self, encoder: SliceViT | SliceSwin, decoder: nn.Module) -> None:
        super().__init__()
        self.encoder = encoder
        self.decoder = decoder
        self.in_channels: int = encoder.in_channels
        self.multiple = encoder.strides[-1]
        self.least_size = encoder.least_size

    def forward(self, x: Tensor) -> Tensor:
        """Maps volumes (B, C, H, W, D) to logits (B, K, H, W, D)."""
        if x.dim() != 5 or x.shape[1] != self.in_channels:
            raise ValueError(f"the image has shape {list(x.shape)}, expected (B, {self.in_channels}, H, W, D)")
        height, width, slices = x.shape[2], x.shape[3], x.shape[4]
        folded = self._filled(fold_slices(x))  # (B * D, C, H', W')
        maps = self.encoder.pyramid(folded, slices)
        logits = self.decoder(maps, [folded.shape[2], folded.shape[3]])  # (B * D, K, H', W')
        return unfold_slices(logits[:, :, :height, :width], slices)

    def _filled(self, x: Tensor) -> Tensor:
        height, width = x.shape[2], x.shape[3]
        more = [self._size(width) - width, self._size(height) - height]
        if more[0] == 0 and more[1] == 0:
            return x
        return F.pad(x, [0, more[0], 0, more[1]], mode="replicate")

    def _size(self, size: int) -> int:
        """Returns the next size that the encoder takes."""
        return max((size + self.multiple - 1) // self.multiple * self.multiple, self.least_size)

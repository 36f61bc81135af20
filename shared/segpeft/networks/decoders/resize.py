"""Maps at another resolution."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor


def resized(x: Tensor, size: list[int]) -> Tensor:
    """Interpolates maps (B, C, h, w) bilinearly to ``size``, [H, W]; maps of that size are returned as they are."""
    if x.shape[2] == size[0] and x.shape[3] == size[1]:
        return x
    return F.interpolate(x, size, mode="bilinear", align_corners=False)

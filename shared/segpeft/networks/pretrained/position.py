"""Position embeddings of one token grid, for another."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor


def cubic_grid(tokens: int, dims: int) -> list[int] | None:
    """Returns the grid with equal sides that holds ``tokens`` tokens, or None if there is none."""
    side = round(tokens ** (1 / dims))
    return [side] * dims if side**dims == tokens else None


def resize_position_embedding(embedding: Tensor, source: list[int], target: list[int]) -> Tensor:
    """Interpolates an embedding (1, N, d) from token grid ``source`` to ``target`` (linear in 3D, cubic in 2D)."""
    grid = embedding.float().transpose(1, 2).unflatten(2, source)  # (1, d, h, w[, d])
    mode = "trilinear" if len(target) == 3 else "bicubic"
    resized = F.interpolate(grid, size=target, mode=mode, align_corners=False)
    return resized.flatten(2).transpose(1, 2).to(embedding.dtype)

"""Learned position embeddings on another grid than the one they were learned on."""

from typing import TYPE_CHECKING

import torch.nn.functional as F
from monai.networks.blocks.patchembedding import PatchEmbeddingBlock
from torch import Tensor, nn


def resize_positions(positions: Tensor, grid: list[int], new_grid: list[int]) -> Tensor:
    """Interpolates a 2D position embedding, bicubic and in float32; returns it as it is where the grids are equal.

    Args:
        positions: (1, h * w, C), rows first, without a class token.
        grid: [h, w].
        new_grid: the wanted [h, w].

    Returns:
        (1, h' * w', C).
    """
    if grid[0] == new_grid[0] and grid[1] == new_grid[1]:
        return positions
    field = positions.float().transpose(1, 2).unflatten(2, grid)  # (1, C, h, w)
    field = F.interpolate(field, new_grid, mode="bicubic", align_corners=False)
    return field.flatten(2).transpose(1, 2).to(positions.dtype)


class SlicePatchEmbedding(PatchEmbeddingBlock):
    """MONAI's convolutional patch embedding in 2D, for images of any size; made of one by ``adopt``.

    The position embedding is brought onto the image's grid each time. ``norm`` is the layer norm that CLIP has in front
    of its blocks, or nothing.
    """

    grid: list[int]
    if TYPE_CHECKING:  # TorchScript takes an annotation for a type that it must know
        norm: nn.Module

    def forward(self, x: Tensor) -> Tensor:
        """Maps slices (B * D, C, H, W), multiples of the patch, to tokens (B * D, N, C)."""
        x = self.patch_embeddings(x)  # (B * D, C, h, w)
        positions = resize_positions(self.position_embeddings, self.grid, [x.shape[2], x.shape[3]])
        return self.dropout(self.norm(x.flatten(2).transpose(1, 2) + positions))

"""Patches of slices of any size."""

from typing import TYPE_CHECKING

from monai.networks.blocks.patchembedding import PatchEmbeddingBlock
from torch import Tensor, nn

from .pretrained.position import resize_position_embedding


class SlicePatchEmbedding(PatchEmbeddingBlock):
    """MONAI's convolutional patch embedding in 2D, for images of any size; made of one by ``adopt``.

    Where the image's grid is not the one that the position embedding was built for, the embedding is interpolated each
    time. ``norm`` is the layer norm that CLIP has in front of its blocks, or nothing.
    """

    grid: list[int]
    if TYPE_CHECKING:  # TorchScript takes an annotation for a type that it must know
        norm: nn.Module

    def forward(self, x: Tensor) -> Tensor:
        """Maps slices (B * D, C, H, W), multiples of the patch, to tokens (B * D, N, C)."""
        x = self.patch_embeddings(x)  # (B * D, C, h, w)
        grid = [x.shape[2], x.shape[3]]
        positions: Tensor = self.position_embeddings
        if grid[0] != self.grid[0] or grid[1] != self.grid[1]:
            positions = resize_position_embedding(positions, self.grid, grid)
        return self.dropout(self.norm(x.flatten(2).transpose(1, 2) + positions))

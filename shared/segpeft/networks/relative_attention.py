"""The attention of Segment Anything's image encoder: most blocks attend in windows, all by relative position."""

from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from monai.networks.blocks.selfattention import SABlock
from torch import Tensor, nn

from segpeft.errors import InputError
from segpeft.peft import TransformerBlockHost, ViTHost
from segpeft.peft.adopt import adopt


class RelativeAttention(SABlock):
    """MONAI's attention with decomposed relative positions, in windows or over the whole grid.

    ``softmax(q k^T / sqrt(d) + q R_h + q R_w)``, one table of offsets an axis (Li et al. 2021, arXiv 2112.01526, eq. 3;
    Kirillov et al. 2023, arXiv 2304.02643, appendix A). Windows are filled up with zeros at the end of a row or column,
    and zeros take part. A grid of another size than a table gets it interpolated. Made by
    :func:`use_relative_attention`; MONAI's own embedding of this kind is tied to one grid.
    """

    window: int
    if TYPE_CHECKING:  # TorchScript takes an annotation for a type that it must know
        rel_pos_h: Tensor
        rel_pos_w: Tensor

    def forward(self, x: Tensor, h: int, w: int) -> Tensor:  # type: ignore[override]
        """Maps tokens (B, h * w, C) to tokens; ``window`` 0 attends over the whole grid."""
        if x.shape[1] != h * w:
            raise ValueError(f"attention by relative position needs {h} x {w} tokens and no others, got {x.shape[1]}")
        if self.window == 0:
            return self.attend(x, h, w)
        side = self.window
        rows, columns = (h + side - 1) // side, (w + side - 1) // side
        x = F.pad(x.unflatten(1, [h, w]), [0, 0, 0, columns * side - w, 0, rows * side - h])  # (B, h', w', C)
        x = x.reshape([-1, rows, side, columns, side, x.shape[-1]]).transpose(2, 3).flatten(3, 4).flatten(0, 2)
        x = self.attend(x, side, side)  # (B * rows * columns, side^2, C)
        x = x.reshape([-1, rows, columns, side, side, x.shape[-1]]).transpose(2, 3).flatten(3, 4).flatten(1, 2)
        return x[:, :h, :w].flatten(1, 2)

    def attend(self, x: Tensor, h: int, w: int) -> Tensor:
        """Lets tokens (B, h * w, C) of one grid attend to each other."""
        parts = self.qkv(x).unflatten(-1, [3, self.num_heads, self.dim_head]).permute(2, 0, 3, 1, 4)
        q, k, v = parts[0], parts[1], parts[2]  # (B, heads, N, d)
        field = q.unflatten(2, [h, w])
        by_row = torch.einsum("bnhwc,hkc->bnhwk", field, offsets(self.rel_pos_h, h)).unsqueeze(-1)
        by_column = torch.einsum("bnhwc,wkc->bnhwk", field, offsets(self.rel_pos_w, w)).unsqueeze(-2)
        bias = (by_row + by_column).flatten(4).flatten(2, 3)  # (B, heads, N, N)
        x = F.scaled_dot_product_attention(q, k, v, attn_mask=bias, scale=self.scale)
        return self.out_proj(x.transpose(1, 2).flatten(2))


def offsets(table: Tensor, size: int) -> Tensor:
    """Returns (size, size, d): the entry of a table (2 S - 1, d) for each pair; resized where S differs."""
    if table.shape[0] != 2 * size - 1:
        table = F.interpolate(table.T.unsqueeze(0), size=2 * size - 1, mode="linear")[0].T
    position = torch.arange(size, device=table.device)
    return table[position.unsqueeze(1) - position.unsqueeze(0) + size - 1]


class RelativeBlockHost(TransformerBlockHost):
    """A hosted block with :class:`RelativeAttention`, in which a prompt would have no place."""

    takes_prompts = False

    def attn_branch(self, x: Tensor, grid: list[int] | None = None) -> Tensor:
        """Returns ``attn(norm1(x))`` of tokens (B, N, C) on the ``grid`` [D, h, w]."""
        if grid is None:
            raise ValueError("attention by relative position needs the token grid")
        return self.attn(self.norm1(x), grid[-2], grid[-1])


def use_relative_attention(vit: ViTHost, windowed: list[str], window: int) -> None:
    """Gives every block of a hosted 2D ViT relative positions, starting at zero (``attn.rel_pos_h``, ``rel_pos_w``).

    Args:
        vit: without dropout in its attention; changed in place.
        windowed: paths of the blocks that attend in windows; in Segment Anything all but the last of each stage.
        window: side of a window in tokens.

    Raises:
        InputError: if the window is below 1.
    """
    if window < 1:
        raise InputError(f"attention_window {window} is out of range: expected at least 1")
    for index, block in enumerate(vit.blocks):
        inside = f"blocks.{index}" in windowed
        sides = [window, window] if inside else list(vit.patch_embedding.grid)  # type: ignore[arg-type]
        hosted = adopt(block, RelativeBlockHost)
        hosted.attn = adopt(hosted.attn, RelativeAttention)
        hosted.attn.window = window if inside else 0
        hosted.attn.rel_pos_h = nn.Parameter(torch.zeros(2 * sides[0] - 1, hosted.attn.dim_head))
        hosted.attn.rel_pos_w = nn.Parameter(torch.zeros(2 * sides[1] - 1, hosted.attn.dim_head))
        vit.blocks[index] = hosted

"""Attention with a prefix: MONAI's, for ViT and Swin, with learned keys and values in front of the tokens' own."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from monai.networks.blocks.selfattention import SABlock
from monai.networks.nets.swin_unetr import WindowAttention
from torch import Tensor, nn

from segpeft.errors import InputError

from .adopt import adopt
from .window_attention import attend


class PrefixedSABlock(SABlock):
    """A ViT's attention, ``attn(Q, [P_k, K], [P_v, V])``; ``prefix()`` gives (P, 2 C), keys first."""

    if TYPE_CHECKING:  # TorchScript takes an annotation for a type that it must know
        prefix: nn.Module

    def forward(self, x: Tensor, attn_mask: Tensor | None = None) -> Tensor:
        """Maps tokens (B, N, C) to the same shape; a mask is no part of it."""
        q, k, v = self.input_rearrange(self.qkv(x)).unbind(0)  # (B, heads, N, C / heads) each
        pairs = self.prefix().to(k.dtype).unflatten(-1, [2, self.num_heads, -1]).permute(1, 2, 0, 3)
        pairs = pairs.unsqueeze(1).expand(-1, x.shape[0], -1, -1, -1)  # (2, B, heads, P, C / heads)
        k, v = torch.cat([pairs[0], k], 2), torch.cat([pairs[1], v], 2)
        dropout = self.dropout_rate if self.training else 0.0
        x = F.scaled_dot_product_attention(q, k, v, dropout_p=dropout, scale=self.scale)
        return self.drop_output(self.out_proj(self.out_rearrange(x)))


def prefix_vit(attn: nn.Module, prefix: nn.Module) -> nn.Module:
    """Returns a ViT's attention with a prefix.

    Raises:
        InputError: it has a prefix, or is of a kind that takes none.
    """
    if type(attn) is not SABlock or not attn.use_combined_linear or attn.causal or not attn.include_fc:
        raise InputError(f"{type(attn).__name__} takes no prefix: expected MONAI's SABlock with a fused qkv, as it is")
    if attn.rel_positional_embedding is not None or attn.attention_dtype is not None:
        raise InputError("SABlock with relative positions or a type of its own takes no prefix")
    return _with(adopt(attn, PrefixedSABlock), prefix)


class PrefixedWindowAttention(WindowAttention):
    """A Swin transformer's attention, in each window with the same prefix, which no position bias or mask touches."""

    if TYPE_CHECKING:
        prefix: nn.Module

    def forward(self, x: Tensor, mask: Tensor | None) -> Tensor:
        """Maps the tokens of windows (B * windows, n, C) to the same shape."""
        return attend(self, x, x[:, :0], mask)[0]


def prefix_swin(attn: nn.Module, prefix: nn.Module) -> nn.Module:
    """Returns the attention of a Swin transformer's block with a prefix.

    Raises:
        InputError: it has a prefix, or is of a kind that takes none.
    """
    if type(attn) is not WindowAttention:
        raise InputError(f"{type(attn).__name__} takes no prefix: expected MONAI's WindowAttention, as it is")
    return _with(adopt(attn, PrefixedWindowAttention), prefix)


def _with(attn: nn.Module, prefix: nn.Module) -> nn.Module:
    reference = next(attn.parameters())
    attn.prefix = prefix.to(reference.device, reference.dtype)
    return attn

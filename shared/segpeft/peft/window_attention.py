"""Attention inside the windows of a Swin transformer, written out, with prompts beside the tokens and a prefix."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from monai.networks.nets.swin_unetr import WindowAttention
from torch import Tensor


def attend(attn: WindowAttention, x: Tensor, prompts: Tensor, mask: Tensor | None) -> tuple[Tensor, Tensor]:
    """Attention among the n tokens and P prompts of each window, and to ``attn.prefix`` if there is one.

    Only tokens are biased by their relative position, and only tokens are hidden from each other by the mask.

    Args:
        attn: whose layers, heads and bias are used.
        x: tokens (B * windows, n, C).
        prompts: (B * windows, P, C).
        mask: (windows, n, n), or None.

    Returns:
        Tokens and prompts of the same shapes.
    """
    n, extra = x.shape[1], prompts.shape[1]
    qkv = attn.qkv(torch.cat((x, prompts), 1)).unflatten(-1, (3, attn.num_heads, -1))
    q, k, v = qkv.permute(2, 0, 3, 1, 4).unbind(0)  # (B * windows, heads, n + P, C / heads) each
    index = attn.relative_position_index[:n, :n].flatten()  # type: ignore[index]
    bias = attn.relative_position_bias_table[index].unflatten(0, (n, n)).permute(2, 0, 1).unsqueeze(0)
    if mask is not None:
        bias = bias + mask.unsqueeze(1)  # (windows, heads, n, n)
    bias = F.pad(bias, [0, extra, 0, extra])
    prefix = getattr(attn, "prefix", None)
    if prefix is not None:
        pairs = prefix().to(k.dtype).unflatten(-1, [2, attn.num_heads, -1]).permute(1, 2, 0, 3)
        pairs = pairs.unsqueeze(1).expand(-1, k.shape[0], -1, -1, -1)  # (2, B * windows, heads, prefix, C / heads)
        k, v = torch.cat([pairs[0], k], 2), torch.cat([pairs[1], v], 2)
        bias = F.pad(bias, [pairs.shape[3], 0])
    scores = (q * attn.scale) @ k.transpose(-2, -1)
    scores = (scores.unflatten(0, (-1, bias.shape[0])) + bias).flatten(0, 1)
    heads = attn.attn_drop(scores.softmax(-1)).to(v.dtype) @ v
    joined = attn.proj_drop(attn.proj(heads.transpose(1, 2).flatten(2)))
    return joined[:, :n], joined[:, n:]

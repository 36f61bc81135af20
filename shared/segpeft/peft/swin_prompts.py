"""Prompts in a Swin transformer: they join the attention of every window and shrink where patches merge."""

import torch.nn.functional as F
from monai.networks.nets.swin_unetr import (
    PatchMergingV2,
    SwinTransformerBlock,
    get_window_size,
    window_partition,
    window_reverse,
)
from torch import Tensor, nn

from segpeft.errors import InputError

from .window_attention import attend


def prompted_attention(
    block: SwinTransformerBlock, x: Tensor, prompts: Tensor, mask: Tensor | None
) -> tuple[Tensor, Tensor]:
    """Computes the windowed ``attn(norm1(.))`` of tokens and prompts together.

    Every window gets a copy of its image's prompts; what the windows make of them is averaged. Without prompts it is
    the block's ``forward_part1``.

    Args:
        block: whose norm, attention, window and shift are used.
        x: tokens (B, h, w[, d], C).
        prompts: (B, P, C).
        mask: which tokens of a shifted window see each other, (windows, n, n). It hides no prompt.

    Returns:
        Updates of the tokens (B, h, w[, d], C) and of the prompts (B, P, C).
    """
    batch, *size, width = x.shape
    window, shift = get_window_size(size, block.window_size, block.shift_size)
    axes = list(range(1, len(size) + 1))
    normed = block.norm1(x)
    for axis, (length, side) in enumerate(zip(size, window, strict=True), start=1):
        normed = F.pad(normed, [0, 0] * (len(size) + 1 - axis) + [0, (side - length % side) % side])
    if any(shift):
        normed = normed.roll([-step for step in shift], axes)
    windows = window_partition(normed, window)  # (B * windows, n, C), an image's windows side by side
    count = windows.shape[0] // batch
    copies = block.norm1(prompts).repeat_interleave(count, 0)  # (B * windows, P, C)
    tokens, made = attend(block.attn, windows, copies, mask if any(shift) else None)
    tokens = window_reverse(tokens.reshape([-1, *window, width]), window, list(normed.shape[:-1]))
    if any(shift):
        tokens = tokens.roll(list(shift), axes)
    for axis, length in enumerate(size, start=1):
        tokens = tokens.narrow(axis, 0, length)
    return tokens, made.unflatten(0, (batch, count)).mean(1)


def merge_prompts(merging: nn.Module, prompts: Tensor, dims: int) -> Tensor:
    """Takes prompts (B, P, C) through a patch merging, as if the ``2 ** dims`` patches it joins were one prompt each.

    Raises:
        InputError: if it is no patch merging of MONAI's kind (a norm and a linear reduction).
    """
    if prompts.shape[1] == 0:
        return prompts
    if not isinstance(merging, PatchMergingV2):
        raise InputError(f"{type(merging).__name__} merges no prompts: expected MONAI's PatchMerging or PatchMergingV2")
    return merging.reduction(merging.norm(prompts.repeat(1, 1, 2**dims)))  # (B, P, 2 C)

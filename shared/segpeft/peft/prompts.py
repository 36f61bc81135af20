"""Where a block's prompts come from, and how a block gets some of its own."""

from typing import ClassVar

import torch
from torch import Tensor, nn

from segpeft.errors import InputError


class Prompts(nn.Module):
    """Base of a block's source of prompts: extra tokens that its attention sees beside those of the image.

    Hosted backbones hand prompts from block to block as a tensor (B, P, C) of their own, of P = 0 at the first one.
    They never stand among the image's tokens: sockets, hidden states and outputs have exactly the tokens of the grid.
    """

    __constants__ = ["empty"]
    empty: ClassVar[bool] = False
    handed_on: bool

    def forward(self, x: Tensor, prompts: Tensor) -> Tensor:
        """Returns the prompts (B, P, C) of this block.

        Args:
            x: the block's input (B, ..., C), for batch size and type.
            prompts: what the block before handed on (B, P, C).
        """
        raise NotImplementedError(f"{type(self).__name__} has no forward")


class PassedPrompts(Prompts):
    """A block without prompts of its own takes those of the block before, none at all if there were none."""

    empty: ClassVar[bool] = True

    def __init__(self) -> None:
        super().__init__()
        self.handed_on = True

    def forward(self, x: Tensor, prompts: Tensor) -> Tensor:
        """Returns ``prompts``, the very same tensor."""
        return prompts


class OwnPrompts(Prompts):
    """Learned prompts that replace whatever the block before handed on.

    Args:
        num_prompts: P.
        width: C of the block.
        handed_on: whether the next block gets what this one made of them; else it is dropped after the attention.
    """

    def __init__(self, num_prompts: int, width: int, handed_on: bool) -> None:
        super().__init__()
        self.handed_on = handed_on
        self.tokens = nn.Parameter(torch.empty(num_prompts, width))
        nn.init.xavier_uniform_(self.tokens)

    def forward(self, x: Tensor, prompts: Tensor) -> Tensor:
        """Returns the learned prompts for every row of the batch, (B, P, C)."""
        return self.tokens.to(x.dtype).expand(x.shape[0], -1, -1)


def fill_prompts(block: nn.Module, prompts: Prompts) -> None:
    """Gives a hosted block prompts of its own, on its device and in its type.

    Raises:
        InputError: if the block is not hosted, has prompts already, or attends in a way that knows no prompts.
    """
    current = getattr(block, "prompts", None)
    if not getattr(block, "takes_prompts", True):
        raise InputError(f"{type(block).__name__} attends by relative position, which prompts have none of: no prompts")
    if current is None:
        raise InputError(f"{type(block).__name__} takes no prompts: host its backbone first")
    if not current.empty:
        raise InputError(f"{type(block).__name__} has prompts already: {type(prompts).__name__} does not fit in")
    reference = next(block.parameters())
    block.prompts = prompts.to(reference.device, reference.dtype)

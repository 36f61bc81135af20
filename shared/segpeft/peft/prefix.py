"""Prefix tuning: learned keys and values in front of every attention."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn

from segpeft.errors import InputError

from .adopt import replace_module
from .hosts import host_backbone
from .layouts import Layout
from .method import Method, check_count


class Prefix(nn.Module):
    """Learned keys and values of one attention.

    Args:
        num_prefix: P.
        width: C.
    """

    def __init__(self, num_prefix: int, width: int) -> None:
        super().__init__()
        self.pairs = nn.Parameter(torch.randn(num_prefix, 2 * width) * 0.02)

    def forward(self) -> Tensor:
        """Returns keys and values (P, 2 C), keys first."""
        return self.pairs


class ReparametrisedPrefix(nn.Module):
    """Keys and values that a perceptron makes of learned embeddings (Li and Liang 2021, sec. 4.3).

    Args:
        num_prefix: P.
        width: C.
        hidden: width of the perceptron's middle.
    """

    def __init__(self, num_prefix: int, width: int, hidden: int) -> None:
        super().__init__()
        self.embedding = nn.Parameter(torch.randn(num_prefix, width))
        self.inner, self.outer = nn.Linear(width, hidden), nn.Linear(hidden, 2 * width)

    def forward(self) -> Tensor:
        """Returns keys and values (P, 2 C), keys first."""
        return self.outer(torch.tanh(self.inner(self.embedding)))


@dataclass(frozen=True)
class PrefixTuning(Method):
    """Prefix tuning (Li and Liang 2021, arXiv 2101.00190, sec. 4.2): ``attn(Q, [P_k, K], [P_v, V])`` in every block.

    A block gains ``2 P C`` parameters; with the reparametrisation ``P C + (C + 1) h + (h + 1) 2 C``. In a Swin
    transformer every window sees the prefix, without relative position bias and whatever its shift.

    Different from the paper: with ``hidden`` every block has a perceptron of its own (there one makes the prefixes of
    all blocks, which needs one width).

    Args:
        num_prefix: P.
        hidden: h, the width of the reparametrising perceptron; None for keys and values that are learned themselves.

    Raises:
        InputError: if a value is out of range, or an attention is of a kind that takes no prefix.
    """

    name: ClassVar[str] = "prefix"
    family: ClassVar[str] = "addition"
    formula: ClassVar[str] = "2 * num_prefix * C"
    advice: ClassVar[str] = "Few parameters, weights untouched; slower attention. No identity at the start."
    num_prefix: int = 10
    hidden: int | None = None

    def __post_init__(self) -> None:
        """Checks the hyper-parameters."""
        check_count("num_prefix", self.num_prefix)
        if self.hidden is not None:
            check_count("hidden", self.hidden)

    def inject(self, backbone: nn.Module, layout: Layout) -> nn.Module:
        """Gives every attention a prefix."""
        if layout.prefixed is None:
            raise InputError(f"the attention of {layout.name} takes no prefix: its layout names none")
        backbone = host_backbone(backbone, layout)
        for path in layout.blocks(backbone):
            width = layout.width(backbone, path)
            if self.hidden is None:
                prefix: nn.Module = Prefix(self.num_prefix, width)
            else:
                prefix = ReparametrisedPrefix(self.num_prefix, width, self.hidden)
            place = layout.attention(path)
            replace_module(backbone, place, layout.prefixed(backbone.get_submodule(place), prefix))
        return backbone

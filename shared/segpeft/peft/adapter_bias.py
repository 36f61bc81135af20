"""AdapterBias: one vector a block, shifted onto the tokens that need it."""

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn

from .hosts import host_backbone
from .layouts import Layout
from .method import Method
from .sockets import Socket, fill_socket


class TokenShift(Socket):
    """``y = x + (w x + b) v`` of what the MLP returns (Fu et al. 2022, eqs. 1 and 2); ``v`` starts at zero.

    Args:
        width: C.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.vector = nn.Parameter(torch.zeros(width))
        self.weigh = nn.Linear(width, 1)

    def forward(self, x: Tensor, grid: list[int], carry: Tensor) -> tuple[Tensor, Tensor]:
        """Maps tokens (B, N, C) to tokens; ``carry`` goes through."""
        return x + self.weigh(x) * self.vector, carry


@dataclass(frozen=True)
class AdapterBias(Method):
    """AdapterBias (Fu et al. 2022, arXiv 2205.00305, sec. 3.2): a shift of the representation that differs by token.

    After the MLP of every block a vector ``v (C)`` is added with a weight that a linear layer computes for each token.
    A block gains ``2 C + 1`` parameters. Different from the paper: ``v`` starts at zero, so that nothing changes at
    first, and the layer norms stay frozen.
    """

    name: ClassVar[str] = "adapter_bias"
    family: ClassVar[str] = "addition"
    formula: ClassVar[str] = "2 * C + 1"
    advice: ClassVar[str] = "The fewest parameters of all that add a module."

    def inject(self, backbone: nn.Module, layout: Layout) -> nn.Module:
        """Fills ``after_mlp`` of every block."""
        backbone = host_backbone(backbone, layout)
        for path in layout.blocks(backbone):
            fill_socket(backbone.get_submodule(path), "after_mlp", TokenShift(layout.width(backbone, path)))
        return backbone

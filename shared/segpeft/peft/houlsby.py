"""Houlsby's adapters: two bottlenecks a block, in series with its sublayers."""

from dataclasses import dataclass
from typing import ClassVar

import torch.nn.functional as F
from torch import Tensor, nn

from .bottleneck import BottleneckSocket, reduced
from .hosts import host_backbone
from .layouts import Layout
from .method import Method, check_count
from .sockets import fill_socket


class HoulsbyAdapter(BottleneckSocket):
    """``y = x + W_up GELU(W_down x + b_down) + b_up`` of what a sublayer returns (Houlsby et al. 2019, fig. 2)."""

    def forward(self, x: Tensor, grid: list[int], carry: Tensor) -> tuple[Tensor, Tensor]:
        """Maps tokens (B, N, C) to tokens; ``carry`` goes through."""
        return x + self.up(F.gelu(self.down(x))), carry


@dataclass(frozen=True)
class Houlsby(Method):
    """Adapters of "Parameter-Efficient Transfer Learning for NLP" (Houlsby et al. 2019, arXiv 1902.00751, sec. 2.1).

    Two a block, after the projection of the attention and after the MLP, each before its residual connection. A block
    gains ``2 (2 C m + m + C)`` parameters, with ``m = C // reduction`` rounded down.

    Different from the paper: the up-projection starts at exactly zero (there: both projections near zero), and the
    layer norms stay frozen (there they are trained as well).

    Args:
        reduction: C / m.

    Raises:
        InputError: if ``reduction`` is out of range, or larger than C of a backbone.
    """

    name: ClassVar[str] = "houlsby"
    family: ClassVar[str] = "addition"
    formula: ClassVar[str] = "2 * (2 * C * (C // reduction) + C // reduction + C)"
    advice: ClassVar[str] = "The adapter with the longest record."
    reduction: int = 8

    def __post_init__(self) -> None:
        """Checks the hyper-parameters."""
        check_count("reduction", self.reduction)

    def inject(self, backbone: nn.Module, layout: Layout) -> nn.Module:
        """Fills ``after_attn`` and ``after_mlp`` of every block."""
        backbone = host_backbone(backbone, layout)
        for path in self.places(backbone, layout):
            width = layout.width(backbone, path)
            for position in ("after_attn", "after_mlp"):
                adapter = HoulsbyAdapter(width, reduced(width, self.reduction))
                fill_socket(backbone.get_submodule(path), position, adapter)
        return backbone

    def places(self, backbone: nn.Module, layout: Layout) -> list[str]:
        """Returns the paths of the blocks that get adapters, here of all."""
        return layout.blocks(backbone)

"""AdaptFormer: one small bottleneck beside the MLP of every block."""

import math
from dataclasses import dataclass
from typing import ClassVar

import torch.nn.functional as F
from torch import Tensor, nn

from segpeft.errors import InputError

from .bottleneck import BottleneckSocket
from .hosts import host_backbone
from .layouts import Layout
from .method import Method, check_count
from .sockets import fill_socket


class AdaptFormerAdapter(BottleneckSocket):
    """``s (W_up ReLU(W_down x + b_down) + b_up)``, added to what the MLP makes (Chen et al. 2022, eqs. 3 and 4).

    Args:
        width: C.
        bottleneck_dim: m.
        scale: s.
    """

    def __init__(self, width: int, bottleneck_dim: int, scale: float) -> None:
        super().__init__(width, bottleneck_dim)
        self.scale = scale
        nn.init.kaiming_uniform_(self.down.weight, a=math.sqrt(5))
        nn.init.zeros_(self.down.bias)

    def forward(self, x: Tensor, grid: list[int], carry: Tensor) -> tuple[Tensor, Tensor]:
        """Maps tokens (B, N, C) to what is added to them; ``carry`` goes through."""
        return self.scale * self.up(F.relu(self.down(x))), carry


@dataclass(frozen=True)
class AdaptFormer(Method):
    """AdaptMLP of "AdaptFormer: Adapting Vision Transformers for Scalable Visual Recognition" (arXiv 2205.13535).

    One adapter a block, parallel to the MLP. A block gains ``2 C m + m + C`` parameters, m the same at every width.

    Different from the paper: its eq. 3 feeds the adapter ``norm2(x)``, the input of the MLP; here it sees ``x``, the
    input of the sublayer before that norm, which is also what the authors' code does. No dropout inside the adapter.

    Args:
        bottleneck_dim: m.
        scale: s, fixed.

    Raises:
        InputError: if a value is out of range.
    """

    name: ClassVar[str] = "adaptformer"
    family: ClassVar[str] = "addition"
    formula: ClassVar[str] = "2 * C * bottleneck_dim + bottleneck_dim + C"
    advice: ClassVar[str] = "A first adapter to try on a ViT: one bottleneck beside each MLP."
    bottleneck_dim: int = 64
    scale: float = 0.1

    def __post_init__(self) -> None:
        """Checks the hyper-parameters."""
        check_count("bottleneck_dim", self.bottleneck_dim)
        if not 0.0 < self.scale < math.inf:
            raise InputError(f"scale {self.scale} is out of range: expected a number above 0")

    def inject(self, backbone: nn.Module, layout: Layout) -> nn.Module:
        """Fills ``beside_mlp`` of every block."""
        backbone = host_backbone(backbone, layout)
        for path in layout.blocks(backbone):
            adapter = AdaptFormerAdapter(layout.width(backbone, path), self.bottleneck_dim, self.scale)
            fill_socket(backbone.get_submodule(path), "beside_mlp", adapter)
        return backbone

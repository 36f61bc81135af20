"""The parallel adapter: a bottleneck beside a sublayer instead of after it."""

import math
from dataclasses import dataclass
from typing import ClassVar

from torch import nn

from segpeft.errors import InputError

from .adaptformer import AdaptFormerAdapter
from .hosts import host_backbone
from .layouts import Layout
from .method import Method, check_count
from .sockets import fill_socket

SUBLAYERS = ("attn", "mlp")


@dataclass(frozen=True)
class ParallelAdapter(Method):
    """The scaled parallel adapter of "Towards a Unified View of PETL" (He et al. 2022, arXiv 2110.04366, sec. 3.3).

    ``h <- h + s W_up ReLU(W_down x + b_down) + s b_up`` with x the input of the sublayer and h what it makes: the
    module of :class:`AdaptFormer`, which is this one beside the MLP with s = 0.1. A block gains ``2 C m + m + C``
    parameters for each sublayer, m the same at every width. x is taken before the norm of the sublayer, as there.

    Args:
        bottleneck_dim: m.
        scale: s, fixed; the paper's is 4.
        sublayers: ``attn``, ``mlp`` or both; the paper's best is the MLP's.

    Raises:
        InputError: if a value is out of range.
    """

    name: ClassVar[str] = "parallel_adapter"
    family: ClassVar[str] = "addition"
    formula: ClassVar[str] = "2 * C * bottleneck_dim + bottleneck_dim + C"
    advice: ClassVar[str] = "AdaptFormer with its scale and place as knobs."
    bottleneck_dim: int = 64
    scale: float = 4.0
    sublayers: tuple[str, ...] = ("mlp",)

    def __post_init__(self) -> None:
        """Checks the hyper-parameters; a list (from JSON) becomes a tuple."""
        check_count("bottleneck_dim", self.bottleneck_dim)
        if not 0.0 < self.scale < math.inf:
            raise InputError(f"scale {self.scale} is out of range: expected a number above 0")
        object.__setattr__(self, "sublayers", tuple(self.sublayers))
        if not self.sublayers or not set(self.sublayers) <= set(SUBLAYERS):
            raise InputError(f"sublayers {list(self.sublayers)}: expected some of {', '.join(SUBLAYERS)}")

    def inject(self, backbone: nn.Module, layout: Layout) -> nn.Module:
        """Fills ``beside_attn`` or ``beside_mlp`` of every block."""
        backbone = host_backbone(backbone, layout)
        for path in layout.blocks(backbone):
            for sublayer in self.sublayers:
                adapter = AdaptFormerAdapter(layout.width(backbone, path), self.bottleneck_dim, self.scale)
                fill_socket(backbone.get_submodule(path), f"beside_{sublayer}", adapter)
        return backbone

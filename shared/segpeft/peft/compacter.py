"""Compacter: adapters whose matrices are sums of Kronecker products."""

from dataclasses import dataclass
from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from segpeft.errors import InputError

from .bottleneck import reduced
from .hosts import host_backbone
from .layouts import Layout
from .method import Method, check_count
from .sockets import Socket, fill_socket


class KroneckerBasis(nn.Module):
    """The ``A_i (n, n)`` of all adapters of a network, one tensor (n, n, n) that they share.

    Args:
        terms: n.
    """

    def __init__(self, terms: int) -> None:
        super().__init__()
        self.matrices = nn.Parameter(torch.randn(terms, terms, terms) / terms)


class KroneckerLinear(nn.Module):
    """``y = W x + b`` with ``W = sum_i A_i (x) (s_i t_i^T)`` (Mahabadi et al. 2021, eq. 5), rank r each.

    Args:
        in_features: k, a multiple of n.
        out_features: d, a multiple of n.
        rank: r.
        basis: the shared ``A_i``.
        zero: start with ``s = 0``, so that nothing comes out.
    """

    def __init__(self, in_features: int, out_features: int, rank: int, basis: KroneckerBasis, zero: bool) -> None:
        super().__init__()
        terms = basis.matrices.shape[0]
        self.basis = basis
        self.left = nn.Parameter(torch.zeros(terms, out_features // terms, rank))
        self.right = nn.Parameter(torch.empty(terms, rank, in_features // terms))
        self.bias = nn.Parameter(torch.zeros(out_features))
        nn.init.xavier_uniform_(self.right)
        if not zero:
            nn.init.xavier_uniform_(self.left)

    def weight(self) -> Tensor:
        """Returns ``W`` (d, k)."""
        product = torch.einsum("nab,ncr,nrd->acbd", self.basis.matrices, self.left, self.right)
        return product.flatten(0, 1).flatten(1)

    def forward(self, x: Tensor) -> Tensor:
        """Maps (..., k) to (..., d)."""
        return F.linear(x, self.weight(), self.bias)


class CompacterAdapter(Socket):
    """``y = x + W_up GELU(W_down x + b_down) + b_up`` with both matrices of :class:`KroneckerLinear`."""

    def __init__(self, width: int, bottleneck_dim: int, rank: int, basis: KroneckerBasis) -> None:
        super().__init__()
        self.down = KroneckerLinear(width, bottleneck_dim, rank, basis, zero=False)
        self.up = KroneckerLinear(bottleneck_dim, width, rank, basis, zero=True)

    def forward(self, x: Tensor, grid: list[int], carry: Tensor) -> tuple[Tensor, Tensor]:
        """Maps tokens (B, N, C) to tokens; ``carry`` goes through."""
        return x + self.up(F.gelu(self.down(x))), carry


@dataclass(frozen=True)
class Compacter(Method):
    """Low-rank hypercomplex adapters (Mahabadi et al. 2021, arXiv 2106.04647, sec. 3 and 4), at Houlsby's places.

    A block gains ``4 r (C + m) + 2 (m + C)`` parameters, and all of them share ``n^3``. Different from the paper: the
    up-projection starts at zero, and the layer norms stay frozen.

    Args:
        reduction: C / m.
        terms: n, Kronecker products a matrix; divides C and m.
        rank: r of their second factors.
        mlp_only: no adapter after the attention (the paper's Compacter++).

    Raises:
        InputError: if a value is out of range, or n does not divide C or m of a backbone.
    """

    name: ClassVar[str] = "compacter"
    family: ClassVar[str] = "addition"
    formula: ClassVar[str] = "2 * (2 * rank * (C + C // reduction) + C // reduction + C)"
    formula_once: ClassVar[str] = "terms ** 3"
    advice: ClassVar[str] = "Adapters at a tenth of their parameters."
    reduction: int = 8
    terms: int = 4
    rank: int = 1
    mlp_only: bool = False

    def __post_init__(self) -> None:
        """Checks the hyper-parameters."""
        for name in ("reduction", "terms", "rank"):
            check_count(name, getattr(self, name))

    def inject(self, backbone: nn.Module, layout: Layout) -> nn.Module:
        """Fills ``after_mlp``, and ``after_attn`` unless ``mlp_only``, of every block."""
        backbone = host_backbone(backbone, layout)
        basis = KroneckerBasis(self.terms)
        for path in layout.blocks(backbone):
            width = layout.width(backbone, path)
            bottleneck = reduced(width, self.reduction)
            if width % self.terms or bottleneck % self.terms:
                raise InputError(f"terms {self.terms} does not divide {width} and {bottleneck}, the widths of {path}")
            for position in ("after_mlp",) if self.mlp_only else ("after_attn", "after_mlp"):
                adapter = CompacterAdapter(width, bottleneck, self.rank, basis)
                fill_socket(backbone.get_submodule(path), position, adapter)
        return backbone

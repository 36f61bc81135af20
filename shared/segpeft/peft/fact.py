"""FacT: the updates of all layers of a stage as one decomposed tensor."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from segpeft.errors import InputError

from .adopt import adopt, replace_module
from .layouts import Layout
from .method import Method, check_count

FORMATS = ("tt", "tk")


class SharedFactors(nn.Module):
    """What the layers of a stage share: ``U`` and ``V`` (C, r), and in Tucker's form a core (r, r, r).

    Args:
        width: C.
        rank: r.
        tucker: whether there is a core.
    """

    def __init__(self, width: int, rank: int, tucker: bool) -> None:
        super().__init__()
        self.u = nn.Parameter(torch.empty(width, rank))
        self.v = nn.Parameter(torch.zeros(width, rank))
        nn.init.xavier_uniform_(self.u)
        self.core = nn.Parameter(torch.randn(rank, rank, rank) / math.sqrt(rank)) if tucker else None


class FacTLinear(nn.Linear):
    """``y = W x + b + s sum_j U S_j V^T x`` over the square pieces j of ``W`` (Jie and Deng 2023, sec. 3.2).

    A layer that is wider than the tokens is cut into pieces of C x C: the three of a fused qkv, the four of each layer
    of an MLP. ``S_j (r, r)`` is the layer's own (tensor-train), or a mixture of the shared core's slices by its own
    ``P_j (r)`` (Tucker).
    """

    if TYPE_CHECKING:  # TorchScript takes an annotation for a type that it must know
        shared: SharedFactors
        fact: Tensor
        scale: float
        tucker: bool
        wide_input: bool

    @classmethod
    def from_linear(cls, linear: nn.Linear, shared: SharedFactors, method: FacT) -> FacTLinear:
        """Adopts ``linear`` and adds its part of the factors."""
        if type(linear) is not nn.Linear:
            raise InputError(f"{type(linear).__name__} is no plain linear layer: {cls.__name__} does not fit in")
        width = shared.u.shape[0]
        longer, shorter = max(linear.in_features, linear.out_features), min(linear.in_features, linear.out_features)
        if shorter != width or longer % width:
            size = f"{linear.in_features} -> {linear.out_features}"
            raise InputError(f"a layer {size} is not made of squares of side {width}: FacT cannot cut it")
        new = adopt(linear, cls)
        pieces, rank = longer // width, method.rank
        sides = (pieces, rank) if method.format == "tk" else (pieces, rank, rank)
        new.fact = nn.Parameter(linear.weight.new_empty(sides).normal_(0.0, 1.0 / math.sqrt(rank)))
        new.shared = shared.to(linear.weight.device, linear.weight.dtype)
        new.scale, new.tucker = method.scale, method.format == "tk"
        new.wide_input = linear.in_features > linear.out_features
        return new

    def middle(self) -> Tensor:
        """Returns ``S`` (pieces, r, r)."""
        core = self.shared.core
        if self.tucker and core is not None:
            return torch.einsum("jp,prs->jrs", self.fact, core)
        return self.fact

    def forward(self, x: Tensor) -> Tensor:
        """Maps ``x (..., in)`` to ``(..., out)``."""
        u, v, middle = self.shared.u, self.shared.v, self.middle()
        if self.wide_input:
            pieces = x.unflatten(-1, [middle.shape[0], -1])  # (..., J, C)
            update = torch.einsum("...jr,jrs->...s", pieces @ u, middle) @ v.t()
        else:
            update = (torch.einsum("...r,jrs->...js", x @ u, middle) @ v.t()).flatten(-2)  # (..., J * C)
        return F.linear(x, self.weight, self.bias) + self.scale * update

    def delta_weight(self) -> Tensor:
        """Returns what a merge adds to the weight, (out, in)."""
        squares = self.scale * torch.einsum("cs,jrs,dr->jcd", self.shared.v, self.middle(), self.shared.u)
        return squares.movedim(0, 1).flatten(1) if self.wide_input else squares.flatten(0, 1)


@dataclass(frozen=True)
class FacT(Method):
    """Factor-tuning (Jie and Deng 2023, arXiv 2212.03145): one tensor of all weight updates, decomposed.

    The updates of L blocks with J square pieces each make a tensor (J L, C, C). Tensor-train: ``s U S_j V^T`` with
    ``U, V (C, r)`` shared and ``S_j (r, r)``: ``2 C r + J L r^2`` parameters. Tucker: ``S_j`` are mixtures of r shared
    matrices: ``2 C r + r^3 + J L r``. ``V`` starts at zero. In a backbone whose width changes, each width has factors
    of its own.

    Args:
        rank: r.
        scale: s; the paper chooses it of 0.01, 0.1, 1, 10 and 100.
        format: ``tt`` (tensor-train) or ``tk`` (Tucker).
        targets: of ``qkv, out_proj, linear1, linear2``; a layer of the MLP has to be a multiple of C wide.

    Raises:
        InputError: if a value is out of range, or a layer cannot be cut.
    """

    name: ClassVar[str] = "fact"
    family: ClassVar[str] = "reparameterisation"
    merges: ClassVar[bool] = True
    formula: ClassVar[str] = "(4 + 2 * (M // C)) * rank ** 2"
    formula_once: ClassVar[str] = "2 * C * rank"
    advice: ClassVar[str] = "The smallest files of all that can be merged."
    rank: int = 16
    scale: float = 1.0
    format: str = "tt"
    targets: tuple[str, ...] = ("qkv", "out_proj", "linear1", "linear2")

    def __post_init__(self) -> None:
        """Checks the hyper-parameters; a list (from JSON) becomes a tuple."""
        check_count("rank", self.rank)
        if not 0.0 < self.scale < math.inf:
            raise InputError(f"scale {self.scale} is out of range: expected a number above 0")
        if self.format not in FORMATS:
            raise InputError(f"format {self.format!r} is unknown: expected one of {', '.join(FORMATS)}")
        object.__setattr__(self, "targets", tuple(self.targets))

    def inject(self, backbone: nn.Module, layout: Layout) -> nn.Module:
        """Replaces every targeted linear layer by its adapted form."""
        layout.target_paths(backbone, self.targets)  # tells of unknown ones first
        shared: dict[int, SharedFactors] = {}
        for block in layout.blocks(backbone):
            width = layout.width(backbone, block)
            if width not in shared:
                shared[width] = SharedFactors(width, self.rank, self.format == "tk")
            for target in self.targets:
                path = f"{block}.{layout.targets[target]}"
                linear = FacTLinear.from_linear(backbone.get_submodule(path), shared[width], self)  # type: ignore[arg-type]
                replace_module(backbone, path, linear)
        return backbone

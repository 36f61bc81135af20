"""LoRA: low-rank updates of frozen linear layers, standard and rank-stabilised."""

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, TypeVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from segpeft.errors import InputError

from .adopt import adopt, replace_module
from .layouts import Layout
from .method import Method

L = TypeVar("L", bound=nn.Linear)
QKV_PARTS = ("q", "k", "v")
LOW_RANK = ("lora_a", "lora_b")
"""Names of the parameters that make an update."""
INITS = ("kaiming", "gaussian")


def scaling_of(alpha: float, rank: int, rank_stabilised: bool) -> float:
    """Returns ``alpha / sqrt(r)`` (rank-stabilised, arXiv 2312.03732) or ``alpha / r`` (arXiv 2106.09685, sec. 4.1)."""
    return alpha / math.sqrt(rank) if rank_stabilised else alpha / rank


def init_lora_a(lora_a: Tensor, init: str, generator: torch.Generator | None = None) -> None:
    """Draws ``A`` of shape (..., r, in), each (r, in) by itself; ``B`` stays zero, so the layer starts as it was.

    Args:
        lora_a: the tensor to fill.
        init: ``kaiming`` (uniform with ``a = sqrt 5``: bound ``1 / sqrt(in)``) or ``gaussian`` (std ``1 / r``).
        generator: source of randomness; default torch's own.
    """
    rank, fan_in = lora_a.shape[-2:]
    with torch.no_grad():
        if init == "kaiming":
            bound = 1.0 / math.sqrt(fan_in)
            lora_a.uniform_(-bound, bound, generator=generator)
        else:
            lora_a.normal_(0.0, 1.0 / rank, generator=generator)


def adapt(linear: nn.Linear, cls: type[L], method: "LoRA", out_features: int, sets: tuple[int, ...] = ()) -> L:
    """Adopts ``linear`` as a ``cls`` and gives it the adapters of ``method``.

    Args:
        linear: the layer to take over.
        cls: what it becomes.
        method: its hyper-parameters.
        out_features: width of the adapters' output.
        sets: how many adapters stand side by side; ``lora_a`` is (*sets, r, in) and ``lora_b`` (*sets, out, r).
    """
    if type(linear) is not nn.Linear:
        raise InputError(f"{type(linear).__name__} is no plain linear layer: {cls.__name__} does not fit in")
    new = adopt(linear, cls)
    new.lora_a = nn.Parameter(linear.weight.new_empty(*sets, method.rank, linear.in_features))
    new.lora_b = nn.Parameter(linear.weight.new_zeros(*sets, out_features, method.rank))
    init_lora_a(new.lora_a, method.init)
    new.scaling = scaling_of(method.alpha, method.rank, method.rank_stabilised)  # type: ignore[assignment]
    new.lora_dropout = nn.Dropout(method.dropout)
    return new


class LoRALinear(nn.Linear):
    """``y = W x + b + s B A x`` with ``W, b`` frozen (Hu et al. 2021, arXiv 2106.09685, eq. 3).

    ``s = alpha / r``, or ``alpha / sqrt(r)`` when rank-stabilised. Made from an ``nn.Linear`` by :meth:`from_linear`,
    whose ``weight`` and ``bias`` keep their names; adds ``lora_a (r, in)`` and ``lora_b (out, r)``.
    """

    if TYPE_CHECKING:  # TorchScript takes an annotation for a type that it must know
        lora_a: Tensor
        lora_b: Tensor
        lora_dropout: nn.Dropout
        scaling: float

    @classmethod
    def from_linear(cls, linear: nn.Linear, method: "LoRA") -> "LoRALinear":
        """Adopts ``linear`` and adds the adapters of ``method``."""
        return adapt(linear, cls, method, linear.out_features)

    def forward(self, x: Tensor) -> Tensor:
        """Maps ``x (..., in)`` to ``(..., out)``."""
        low = F.linear(self.lora_dropout(x), self.lora_a)  # (..., r)
        return F.linear(x, self.weight, self.bias) + self.scaling * F.linear(low, self.lora_b)

    def delta_weight(self) -> Tensor:
        """Returns ``s B A`` of shape (out, in), what a merge adds to the weight."""
        return self.scaling * self.lora_b @ self.lora_a


class QKVLoRALinear(nn.Linear):
    """LoRA on some of q, k, v inside one fused ``qkv`` layer, each part with its own ``A`` and ``B``.

    What peft does for separate ``q_proj`` and ``v_proj`` layers: adds ``lora_a (P, r, in)`` and
    ``lora_b (P, out/3, r)`` for the P parts named.
    """

    if TYPE_CHECKING:  # TorchScript takes an annotation for a type that it must know
        lora_a: Tensor
        lora_b: Tensor
        lora_dropout: nn.Dropout
        scaling: float
        places: Tensor

    @classmethod
    def from_linear(cls, linear: nn.Linear, method: "LoRA", parts: tuple[str, ...]) -> "QKVLoRALinear":
        """Adopts the fused ``linear`` and adds adapters for ``parts`` of it."""
        new = adapt(linear, cls, method, linear.out_features // 3, (len(parts),))
        places = [[float(place == part) for part in parts] for place in QKV_PARTS]
        new.register_buffer("places", linear.weight.new_tensor(places), persistent=False)
        return new

    def forward(self, x: Tensor) -> Tensor:
        """Maps ``x (..., in)`` to ``(..., 3 out)``."""
        low = F.linear(self.lora_dropout(x), self.lora_a.flatten(0, 1))  # (..., P r)
        return F.linear(x, self.weight, self.bias) + self.scaling * F.linear(low, self.lora_b_of_all())

    def lora_b_of_all(self) -> Tensor:
        """Returns (3 out, P r): the ``B`` of each part in its rows, 0 elsewhere.

        Adding parts to slices of the output instead would keep a copy of them for the backward pass.
        """
        blocks = torch.einsum("sp,por->sopr", self.places, self.lora_b)
        return blocks.flatten(2).flatten(0, 1)

    def delta_weight(self) -> Tensor:
        """Returns the (3 out, in) update that a merge adds to the weight."""
        return self.scaling * self.lora_b_of_all() @ self.lora_a.flatten(0, 1)


@dataclass(frozen=True)
class LoRA(Method):
    """Low-rank adaptation (Hu et al. 2021, arXiv 2106.09685), rank-stabilised by default (arXiv 2312.03732).

    Args:
        rank: r, at least 1.
        alpha: numerator of the scaling ``s = alpha / sqrt(r)`` (``alpha / r`` unless ``rank_stabilised``).
        targets: of ``qkv, out_proj, linear1, linear2``, or ``q, k, v`` for adapters of their own inside the fused qkv.
        dropout: probability of dropping an input of ``A`` in training.
        rank_stabilised: which scaling; see ``alpha``.
        init: of ``A``: ``kaiming`` or ``gaussian``.

    Raises:
        InputError: if a value is out of range, or ``qkv`` is named together with one of ``q, k, v``.
    """

    name: ClassVar[str] = "lora"
    family: ClassVar[str] = "reparameterisation"
    merges: ClassVar[bool] = True
    formula: ClassVar[str] = "6 * C * rank"
    advice: ClassVar[str] = "The one to begin with: merges into the weights, so inference costs nothing."
    rank: int = 16
    alpha: float = 8.0
    targets: tuple[str, ...] = ("qkv", "out_proj")
    dropout: float = 0.0
    rank_stabilised: bool = True
    init: str = "kaiming"

    def __post_init__(self) -> None:
        """Checks the hyper-parameters; lists (from JSON) become tuples."""
        if isinstance(self.targets, str):
            raise InputError(f"targets {self.targets!r}: expected a list of names")
        object.__setattr__(self, "targets", tuple(self.targets))
        if not isinstance(self.rank, int) or self.rank < 1:
            raise InputError(f"rank {self.rank!r} is out of range: expected an integer of at least 1")
        if not 0.0 < self.alpha < math.inf:
            raise InputError(f"alpha {self.alpha} is out of range: expected a number above 0")
        if not 0.0 <= self.dropout < 1.0:
            raise InputError(f"dropout {self.dropout} is out of range: expected 0 <= dropout < 1")
        if self.init not in INITS:
            raise InputError(f"init {self.init!r} is unknown: expected one of {', '.join(INITS)}")
        if "qkv" in self.targets and self.parts:
            raise InputError(f"targets {list(self.targets)}: name either qkv or its parts, not both")

    @property
    def parts(self) -> tuple[str, ...]:
        """Which of q, k, v the targets name by themselves."""
        return tuple(part for part in QKV_PARTS if part in self.targets)

    def inject(self, backbone: nn.Module, layout: Layout) -> nn.Module:
        """Replaces every targeted linear layer by its adapted form."""
        whole = tuple(target for target in self.targets if target not in QKV_PARTS)
        for path in layout.target_paths(backbone, whole) if whole or not self.parts else []:
            replace_module(backbone, path, LoRALinear.from_linear(backbone.get_submodule(path), self))  # type: ignore[arg-type]
        for path in layout.target_paths(backbone, ("qkv",)) if self.parts else []:
            linear = backbone.get_submodule(path)
            replace_module(backbone, path, QKVLoRALinear.from_linear(linear, self, self.parts))  # type: ignore[arg-type]
        return backbone


@dataclass(frozen=True)
class WholeLayerLoRA(LoRA):
    """A variant of :class:`LoRA` that adapts whole linear layers by a class of its own, no parts of a fused qkv.

    Raises:
        InputError: if a value is out of range, or one of ``q, k, v`` is named.
    """

    title: ClassVar[str]
    """What messages call it."""
    layer: ClassVar[type[nn.Linear]]
    """The adapted layer, made by its ``from_linear``."""

    def __post_init__(self) -> None:
        """Checks the hyper-parameters."""
        super().__post_init__()
        if self.parts:
            raise InputError(f"targets {list(self.targets)}: {self.title} adapts the fused qkv, name qkv instead")

    def inject(self, backbone: nn.Module, layout: Layout) -> nn.Module:
        """Replaces every targeted linear layer by its adapted form."""
        for path in layout.target_paths(backbone, self.targets):
            replace_module(backbone, path, self.layer.from_linear(backbone.get_submodule(path), self))  # type: ignore[attr-defined]
        return backbone

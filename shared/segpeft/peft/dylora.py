"""DyLoRA: trained once, usable at every rank up to the largest."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from segpeft.errors import InputError

from .layouts import Layout
from .lora import LoRA, WholeLayerLoRA, adapt


class RankDraw:
    """The rank of a training step, one for all layers that share it: whichever runs first in a step draws it.

    That layer is known from the first step on. Activation checkpointing restores the random state before it runs a
    layer again, so the rank stays that of the step.
    """

    def __init__(self) -> None:
        self.first: int | None = None
        self.rank = 1

    def __call__(self, layer: int, largest: int) -> int:
        """Returns the rank, 1 to ``largest``, in which the layer of this number takes part in the step."""
        if self.first is None:
            self.first = layer
        if layer == self.first:
            self.rank = int(torch.randint(1, largest + 1, [1]))
        return self.rank


class DyLoRALinear(nn.Linear):
    """``y = W x + b + s_b B[:, :b] A[:b] x`` with b drawn anew in every training step (Valipour et al. 2023, eq. 8).

    In evaluation, and in TorchScript, b = r. ``s_b`` is the scaling of rank b. Adds ``lora_a (r, in)`` and
    ``lora_b (out, r)``.
    """

    if TYPE_CHECKING:  # TorchScript takes an annotation for a type that it must know
        lora_a: Tensor
        lora_b: Tensor
        lora_dropout: nn.Dropout
        scaling: float
        exponent: float
        update_last: bool
        number: int
        draw: RankDraw

    @classmethod
    def from_linear(cls, linear: nn.Linear, method: DyLoRA) -> DyLoRALinear:
        """Adopts ``linear`` and adds the adapters of ``method``."""
        new = adapt(linear, cls, method, linear.out_features)
        new.exponent = 0.5 if method.rank_stabilised else 1.0
        new.update_last = method.update_last
        new.number, new.draw = 0, RankDraw()
        return new

    def forward(self, x: Tensor) -> Tensor:
        """Maps ``x (..., in)`` to ``(..., out)``."""
        a, b, scaling = self.lora_a, self.lora_b, self.scaling
        if self.training and not torch.jit.is_scripting():
            full = a.shape[0]
            rank = self.draw(self.number, full)
            a, b = a[:rank], b[:, :rank]
            scaling = scaling * (full / rank) ** self.exponent
            if self.update_last:
                a = torch.cat([a[: rank - 1].detach(), a[rank - 1 :]])
                b = torch.cat([b[:, : rank - 1].detach(), b[:, rank - 1 :]], 1)
        return F.linear(x, self.weight, self.bias) + scaling * F.linear(F.linear(self.lora_dropout(x), a), b)

    def delta_weight(self) -> Tensor:
        """Returns ``s B A`` of the full rank, (out, in), what a merge adds to the weight."""
        return self.scaling * self.lora_b @ self.lora_a


@dataclass(frozen=True)
class DyLoRA(WholeLayerLoRA):
    """Dynamic low-rank adaptation (Valipour et al. 2023, arXiv 2210.07558, sec. 3): no search for the rank.

    Leading ranks learn to do without the others, as nested dropout does it. All layers share the rank of a step, so
    that what is used later was trained together. :func:`truncated` cuts what was trained to any rank, an ordinary
    :class:`LoRA`.

    Args:
        update_last: change only the last of the b ranks of a step (the paper's "frozen" mode, eq. 10), not all of them.

    Raises:
        InputError: if a value is out of range, or one of ``q, k, v`` is named.
    """

    name: ClassVar[str] = "dylora"
    title: ClassVar[str] = "DyLoRA"
    layer: ClassVar[type[nn.Linear]] = DyLoRALinear
    advice: ClassVar[str] = "The rank is to be chosen after training."
    update_last: bool = False

    def inject(self, backbone: nn.Module, layout: Layout) -> nn.Module:
        """Replaces every targeted linear layer; all share one :class:`RankDraw`."""
        super().inject(backbone, layout)
        draw = RankDraw()
        for number, layer in enumerate(m for m in backbone.modules() if isinstance(m, DyLoRALinear)):
            layer.number, layer.draw = number, draw
        return backbone


def truncated(method: DyLoRA, state: Mapping[str, Tensor], rank: int) -> tuple[LoRA, dict[str, Tensor]]:
    """Cuts trained adapters to their first ranks.

    Args:
        method: that trained them.
        state: of an adapter file; what is no ``lora_a`` or ``lora_b`` is handed through.
        rank: b, 1 to the rank trained.

    Returns:
        The :class:`LoRA` of rank b, whose alpha gives the scaling that rank b was trained with, and its state.

    Raises:
        InputError: the rank is out of range.
    """
    if not 1 <= rank <= method.rank:
        raise InputError(f"rank {rank} is out of range: expected 1 to {method.rank}, the rank that was trained")
    knobs = {name: value for name, value in asdict(method).items() if name != "update_last"}
    plain = LoRA(**{**knobs, "rank": rank})
    cut = {"lora_a": 0, "lora_b": 1}
    made = {}
    for name, value in state.items():
        axis = cut.get(name.rpartition(".")[2])
        made[name] = value if axis is None else value.narrow(axis, 0, rank).contiguous()
    return plain, made

"""DoRA: magnitude and direction of a weight are adapted apart."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .hold_base import dense
from .lora import WholeLayerLoRA, adapt


class DoRALinear(nn.Linear):
    """``y = m / ||W + s B A|| (W + s B A) x + b``, norms over the inputs of each output (Liu et al. 2024, eq. 5).

    ``m = gain ||W||`` with ``gain (out)`` trained from 1 on, so that it fits whatever base is loaded afterwards. As in
    the paper (sec. 4.3) no gradient goes through the norm in the denominator. Adds ``lora_a (r, in)``,
    ``lora_b (out, r)`` and ``gain``.
    """

    if TYPE_CHECKING:  # TorchScript takes an annotation for a type that it must know
        lora_a: Tensor
        lora_b: Tensor
        gain: Tensor
        lora_dropout: nn.Dropout
        scaling: float

    @classmethod
    def from_linear(cls, linear: nn.Linear, method: DoRA) -> DoRALinear:
        """Adopts ``linear`` and adds the adapters of ``method``."""
        new = adapt(linear, cls, method, linear.out_features)
        new.gain = nn.Parameter(torch.ones_like(linear.weight[:, 0]))
        return new

    def ratio(self) -> Tensor:
        """Returns ``m / ||W + s B A||`` of every output, (out); for the backward pass the norms are constants."""
        weight = self.weight
        if not torch.jit.is_scripting():
            weight = dense(weight)
        with torch.no_grad():
            adapted = weight + self.scaling * self.lora_b @ self.lora_a
            constant = torch.linalg.vector_norm(weight, dim=1) / torch.linalg.vector_norm(adapted, dim=1)
        return self.gain * constant

    def forward(self, x: Tensor) -> Tensor:
        """Maps ``x (..., in)`` to ``(..., out)``."""
        ratio = self.ratio().to(x.dtype)  # exactly 1 at the start
        plain = F.linear(x, self.weight, self.bias)
        unbiased = plain if self.bias is None else plain - self.bias
        update = self.scaling * F.linear(F.linear(self.lora_dropout(x), self.lora_a), self.lora_b)
        return plain + (ratio - 1) * unbiased + ratio * update

    def delta_weight(self) -> Tensor:
        """Returns what a merge adds to the weight, (out, in)."""
        adapted = self.weight + self.scaling * self.lora_b @ self.lora_a
        return self.ratio().unsqueeze(1) * adapted - self.weight


@dataclass(frozen=True)
class DoRA(WholeLayerLoRA):
    """Weight-decomposed low-rank adaptation (Liu et al. 2024, arXiv 2402.09353, eq. 5).

    Different from the paper: the magnitude is held relative to the norm of the frozen weight, and the scaling is that
    of :class:`LoRA`. Parts of a fused qkv cannot be named: its magnitude belongs to the layer, whose rows the parts are
    anyway.

    Raises:
        InputError: if a value is out of range, or one of ``q, k, v`` is named.
    """

    name: ClassVar[str] = "dora"
    title: ClassVar[str] = "DoRA"
    layer: ClassVar[type[nn.Linear]] = DoRALinear
    formula: ClassVar[str] = "6 * C * rank + 4 * C"
    advice: ClassVar[str] = "LoRA at small ranks where its accuracy falls short; a step costs more."

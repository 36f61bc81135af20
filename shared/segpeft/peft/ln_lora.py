"""LN-LoRA: low-rank updates with a layer norm between their two factors."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import torch.nn.functional as F
from torch import Tensor, nn

from segpeft.errors import InputError

from .lora import WholeLayerLoRA, adapt


class LNLoRALinear(nn.Linear):
    """``y = W x + b + s B LN(A x)`` with ``W, b`` frozen; adds ``lora_a (r, in)``, ``lora_b (out, r)``, ``lora_norm``.

    The norm keeps the rank-r features on one scale whatever the rank and the input, as norms do in a network's main
    path.
    """

    if TYPE_CHECKING:  # TorchScript takes an annotation for a type that it must know
        lora_a: Tensor
        lora_b: Tensor
        lora_norm: nn.LayerNorm
        lora_dropout: nn.Dropout
        scaling: float

    @classmethod
    def from_linear(cls, linear: nn.Linear, method: "LNLoRA") -> "LNLoRALinear":
        """Adopts ``linear`` and adds the adapters of ``method``."""
        new = adapt(linear, cls, method, linear.out_features)
        new.lora_norm = nn.LayerNorm(method.rank, device=linear.weight.device, dtype=linear.weight.dtype)
        return new

    def forward(self, x: Tensor) -> Tensor:
        """Maps ``x (..., in)`` to ``(..., out)``."""
        low = self.lora_norm(F.linear(self.lora_dropout(x), self.lora_a))  # (..., r)
        return F.linear(x, self.weight, self.bias) + self.scaling * F.linear(low, self.lora_b)


@dataclass(frozen=True)
class LNLoRA(WholeLayerLoRA):
    """:class:`LoRA` with a layer norm, gain and bias trained, between ``A`` and ``B``.

    The norm is no linear map, so the update cannot be merged into the weight. A layer gains ``r (in + out + 2)``.

    Raises:
        InputError: if a value is out of range, the rank is 1 (whose norm is constant), or one of ``q, k, v`` is named.
    """

    name: ClassVar[str] = "ln_lora"
    title: ClassVar[str] = "LN-LoRA"
    layer: ClassVar[type[nn.Linear]] = LNLoRALinear
    merges: ClassVar[bool] = False
    formula: ClassVar[str] = "6 * C * rank + 4 * rank"
    advice: ClassVar[str] = "LoRA whose training is unstable; it cannot be merged."

    def __post_init__(self) -> None:
        """Checks the hyper-parameters."""
        super().__post_init__()
        if self.rank < 2:
            raise InputError(
                f"rank {self.rank} is out of range: a norm over one feature is constant, expected 2 or more"
            )

"""LoRA+: LoRA whose B learns faster than its A."""

from dataclasses import dataclass
from typing import ClassVar

from segpeft.errors import InputError

from .lora import LoRA


@dataclass(frozen=True)
class LoRAPlus(LoRA):
    """LoRA+ (Hayou et al. 2024, arXiv 2402.12354, sec. 4): ``eta_B = lambda eta_A``, for :class:`LoRA` as it is.

    The network is that of LoRA. What differs is the optimizer's: :func:`segpeft.peft.parameter_groups` puts every ``B``
    into a group of its own, with ``b_lr_ratio`` times the rate of everything else.

    Args:
        b_lr_ratio: lambda, above 0; the paper advises about 16.

    Raises:
        InputError: if a value is out of range.
    """

    name: ClassVar[str] = "lora_plus"
    advice: ClassVar[str] = "LoRA that has to converge in fewer steps."
    b_lr_ratio: float = 16.0

    def __post_init__(self) -> None:
        """Checks the hyper-parameters."""
        super().__post_init__()
        if not self.b_lr_ratio > 0:
            raise InputError(f"b_lr_ratio {self.b_lr_ratio} is out of range: expected a number above 0")

    def lr_ratio(self, name: str) -> float:
        """Returns lambda for a ``lora_b``, else 1."""
        return self.b_lr_ratio if name.rpartition(".")[2] == "lora_b" else 1.0

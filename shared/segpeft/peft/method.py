"""What every parameter-efficient method is: a frozen dataclass of hyper-parameters that can change a backbone."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import asdict, dataclass
from typing import Any, ClassVar

from torch import nn

from segpeft.errors import InputError

from .layouts import Layout


def check_count(name: str, value: object) -> None:
    """Raises :class:`InputError` unless the hyper-parameter is an integer of at least 1."""
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise InputError(f"{name} {value!r} is out of range: expected an integer of at least 1")


def check_odd(name: str, value: object) -> None:
    """Raises :class:`InputError` unless the hyper-parameter is an odd integer of at least 1, as a kernel's width."""
    if not isinstance(value, int) or isinstance(value, bool) or value < 1 or value % 2 == 0:
        raise InputError(f"{name} {value!r} is out of range: expected an odd integer of at least 1")


@dataclass(frozen=True)
class Method(ABC):
    """A fine-tuning method. Its fields are the paper's hyper-parameters and nothing else.

    A subclass sets ``name`` and writes :meth:`inject`; :func:`segpeft.peft.apply_peft` does the rest (freezing,
    checks).
    """

    name: ClassVar[str]
    family: ClassVar[str] = ""
    """Of the three of Lialin et al. 2023 (arXiv 2303.15647): addition, specification or reparameterisation."""
    formula: ClassVar[str] = "0"
    """How many parameters a block trains, an expression of the hyper-parameters (targets as by default), of the width C
    of its tokens, the width M inside its MLP and its number i from 0."""
    formula_once: ClassVar[str] = "0"
    """How many are trained besides, in a ViT."""
    advice: ClassVar[str] = ""
    """When to choose it, one sentence."""
    merges: ClassVar[bool] = False
    """True for a method whose result :func:`segpeft.peft.merge` turns into an ordinary network."""
    trains_backbone: ClassVar[bool] = False
    """True for a method that leaves the backbone's own weights trainable (full fine-tuning)."""

    @abstractmethod
    def inject(self, backbone: nn.Module, layout: Layout) -> nn.Module:
        """Puts the method's trainable parts into ``backbone`` and returns it (the same object or its replacement)."""

    def check(self, network: nn.Module) -> None:  # noqa: B027 - most methods fit every network
        """Looks at a network before anything in it is changed.

        Raises:
            InputError: if the method does not fit it.
        """

    def lr_ratio(self, name: str) -> float:
        """Returns by what the learning rate of the parameter ``name`` is multiplied; 1 for most methods."""
        return 1.0

    def describe(self) -> dict[str, Any]:
        """Returns the name and every hyper-parameter, as it stands in the header of an adapter file."""
        return {"method": self.name, **asdict(self)}

"""What every parameter-efficient method is: a frozen dataclass of hyper-parameters that can change a backbone."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import asdict, dataclass
from typing import Any, ClassVar

from torch import nn

from .layouts import Layout


@dataclass(frozen=True)
class Method(ABC):
    """A fine-tuning method. Its fields are the paper's hyper-parameters and nothing else.

    A subclass sets ``name`` and writes :meth:`inject`; :func:`segpeft.peft.apply_peft` does the rest (freezing,
    checks).
    """

    name: ClassVar[str]
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

    def describe(self) -> dict[str, Any]:
        """Returns the name and every hyper-parameter, as it stands in the header of an adapter file."""
        return {"method": self.name, **asdict(self)}

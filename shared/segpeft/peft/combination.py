"""Several methods in one network."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from torch import nn

from segpeft.errors import InputError

from .layouts import Layout
from .method import Method


@dataclass(frozen=True)
class Combination(Method):
    """Methods one after the other: ``[LoRA, BitFit]``, ``[Houlsby, VPT]``.

    Each puts its parts where it would alone. Two that claim the same place (a linear layer, a socket, the prompts of a
    block) do not fit together, nor do two that hand something on from block to block.

    Args:
        methods: at least two, injected in this order.

    Raises:
        InputError: fewer than two methods, a method that trains the whole backbone, two methods of one name, or two
            that claim one place.
    """

    name: ClassVar[str] = "combination"
    advice: ClassVar[str] = "Two cheap ones that change different places, as BitFit beside LoRA."
    methods: tuple[Method, ...] = ()

    def __post_init__(self) -> None:
        """Checks the methods; a list (from JSON) becomes a tuple."""
        object.__setattr__(self, "methods", tuple(self.methods))
        if len(self.methods) < 2 or not all(isinstance(method, Method) for method in self.methods):
            raise InputError(f"methods {list(self.methods)}: expected at least two methods")
        names = [method.name for method in self.methods]
        whole = [method.name for method in self.methods if method.trains_backbone]
        if whole:
            raise InputError(f"methods {names}: {whole[0]} trains the whole backbone, nothing is left to combine")
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise InputError(f"methods {names}: {twice[0]} stands there twice, expected each once")

    def check(self, network: nn.Module) -> None:
        """Looks at a network with the eyes of every method."""
        for method in self.methods:
            method.check(network)

    def inject(self, backbone: nn.Module, layout: Layout) -> nn.Module:
        """Injects one method after the other."""
        for method in self.methods:
            try:
                backbone = method.inject(backbone, layout)
            except InputError as error:
                raise InputError(f"{method.name} in a combination: {error}") from error
        return backbone

    def lr_ratio(self, name: str) -> float:
        """Returns the product of what the methods say."""
        ratio = 1.0
        for method in self.methods:
            ratio *= method.lr_ratio(name)
        return ratio

    def describe(self) -> dict[str, Any]:
        """Returns the descriptions of all methods."""
        return {"method": self.name, "methods": [method.describe() for method in self.methods]}

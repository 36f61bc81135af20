"""BitFit: the biases of the backbone, and nothing else of it, are trained."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from torch import nn

from segpeft.errors import InputError

from .layouts import Layout
from .method import Method


@dataclass(frozen=True)
class BitFit(Method):
    """Bias-term fine-tuning (Ben Zaken et al. 2022, arXiv 2106.10199, sec. 3).

    ``y = W x + b`` with ``W`` frozen and ``b`` trained, in every layer of the backbone that has a bias: linear layers,
    norms and the patch embedding. Adds no parameter; what is trained are weights of the base. A backbone whose fused
    qkv has no bias has none to train there.

    Args:
        targets: of the layout's linear layers (``qkv, out_proj, linear1, linear2``), to train their biases alone, as
            the paper's sec. 4 does with those of the query and the second layer of the MLP; None for all biases.

    Raises:
        InputError: a target is unknown or has no bias, or the backbone has none at all.
    """

    name: ClassVar[str] = "bitfit"
    family: ClassVar[str] = "specification"
    merges: ClassVar[bool] = True
    formula: ClassVar[str] = "7 * C + M"
    formula_once: ClassVar[str] = "2 * C"
    advice: ClassVar[str] = "Next to nothing to store, nothing to compute; combine it with something stronger."
    targets: tuple[str, ...] | None = None

    def __post_init__(self) -> None:
        """Checks the hyper-parameters; a list (from JSON) becomes a tuple."""
        if isinstance(self.targets, str):
            raise InputError(f"targets {self.targets!r}: expected a list of names, or none")
        if self.targets is not None:
            object.__setattr__(self, "targets", tuple(self.targets))

    def inject(self, backbone: nn.Module, layout: Layout) -> nn.Module:
        """Makes biases trainable."""
        biases = {name: p for name, p in layout.used(backbone).items() if name.rpartition(".")[2] == "bias"}
        if self.targets is not None:
            wanted = [f"{path}.bias" for path in layout.target_paths(backbone, self.targets)]
            missing = [name for name in wanted if name not in biases]
            if missing:
                raise InputError(f"targets {list(self.targets)}: {missing[0]} does not exist, the layer has no bias")
            biases = {name: biases[name] for name in wanted}
        if not biases:
            raise InputError(f"{type(backbone).__name__} has no bias to train")
        for bias in biases.values():
            bias.requires_grad_(True)
        return backbone

"""Norm tuning: scale and shift of every norm of the backbone are trained."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from torch import nn

from segpeft.errors import InputError

from .layouts import Layout
from .method import Method


@dataclass(frozen=True)
class NormTuning(Method):
    """LN-tuning (Qi et al. 2022, arXiv 2211.08682, sec. 3): gain and bias of the layer norms, in the blocks and after.

    ``y = g (x - mean) / std + b`` with g and b trained. Adds no parameter; what is trained are weights of the base.

    Raises:
        InputError: the backbone has no norm with parameters.
    """

    name: ClassVar[str] = "norm_tuning"
    family: ClassVar[str] = "specification"
    merges: ClassVar[bool] = True
    formula: ClassVar[str] = "4 * C"
    formula_once: ClassVar[str] = "2 * C"
    advice: ClassVar[str] = "Next to nothing to store; other intensities than those of the pre-training."

    def inject(self, backbone: nn.Module, layout: Layout) -> nn.Module:
        """Makes the norms trainable."""
        parameters = [p for path in layout.norms(backbone) for p in backbone.get_submodule(path).parameters()]
        if not parameters:
            raise InputError(f"{type(backbone).__name__} has no norm to train")
        for parameter in parameters:
            parameter.requires_grad_(True)
        return backbone

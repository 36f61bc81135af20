"""The two ends that every parameter-efficient method is compared with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from torch import nn

from .layouts import Layout
from .method import Method


@dataclass(frozen=True)
class Full(Method):
    """Full fine-tuning: every parameter is trained (``finetune`` with a pre-trained encoder, ``baseline`` without)."""

    name: ClassVar[str] = "full"
    merges: ClassVar[bool] = True
    advice: ClassVar[str] = "Many labelled cases, memory and time: the one to be compared with."
    trains_backbone: ClassVar[bool] = True

    def inject(self, backbone: nn.Module, layout: Layout) -> nn.Module:
        """Changes nothing."""
        return backbone


@dataclass(frozen=True)
class DecoderOnly(Method):
    """Frozen backbone; only what lies outside it (fusion, decoder, head) is trained (``frozen`` in the paper)."""

    name: ClassVar[str] = "decoder_only"
    merges: ClassVar[bool] = True
    advice: ClassVar[str] = "The other end: what is gained beyond it is the method's merit."

    def inject(self, backbone: nn.Module, layout: Layout) -> nn.Module:
        """Changes nothing."""
        return backbone

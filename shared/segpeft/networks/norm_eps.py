"""The epsilon of layer norms, which MONAI does not let one choose."""

from __future__ import annotations

from torch import nn


def set_norm_eps(network: nn.Module, eps: float) -> None:
    """Sets the epsilon of every layer norm in ``network``."""
    for module in network.modules():
        if isinstance(module, nn.LayerNorm):
            module.eps = eps

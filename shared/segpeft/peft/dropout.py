"""Dropout of a whole network, for uncertainty by drawing (Gal and Ghahramani 2016, Monte Carlo dropout)."""

from __future__ import annotations

from typing import Any

from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.modules.dropout import _DropoutNd

from segpeft.errors import InputError


def set_dropout(network: nn.Module, rate: float) -> None:
    """Sets the rate of every dropout layer of ``network``; batch norms compute what they do in evaluation.

    In training mode passes then differ by dropout alone: with batch statistics one volume would be normalised by
    itself, and scoring would move the running ones.

    Args:
        network: changed in place. Its attention must not be fused, or is left without dropout.
        rate: probability that a value is dropped.

    Raises:
        InputError: ``rate`` is not in [0, 1), or the network has no dropout layer.
    """
    if not 0.0 <= rate < 1.0:
        raise InputError(f"dropout {rate} is out of range: expected 0 <= dropout < 1")
    layers = [module for module in network.modules() if isinstance(module, _DropoutNd)]
    if not layers:
        raise InputError(f"dropout is {rate}, but {type(network).__name__} has no dropout layer: expected None")
    for layer in layers:
        layer.p = rate
    for module in network.modules():
        if isinstance(module, _BatchNorm):
            module.register_forward_pre_hook(_evaluate)


def _evaluate(norm: nn.Module, inputs: Any) -> None:
    norm.eval()

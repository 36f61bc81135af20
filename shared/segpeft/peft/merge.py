"""Merging adapters into the weights they update, and taking them out again."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import nn

from segpeft.errors import InputError

from .adopt import replace_module
from .apply import applied_to
from .sharing import sharing_copy


def merge(network: nn.Module) -> nn.Module:
    """Returns the ordinary network that computes what ``network`` computes: ``W + dW`` in place of each adapted layer.

    ``network`` is left as it is and shares what is the same in both. Exact but for rounding; dropout in an adapter is
    off, as in evaluation.

    Raises:
        InputError: if ``network`` carries no method, or one that is no update of weights, naming its first part.
    """
    applied = applied_to(network)
    merged = sharing_copy(network)
    for path, layer in list(_updated(merged)):
        replace_module(merged, path, _linear(layer, layer.weight + layer.delta_weight().to(layer.weight.dtype)))  # type: ignore[operator]
    prefix = f"{applied.backbone}." if applied.backbone else ""
    left = [
        key for key in merged.state_dict() if applied.in_backbone(key) and key[len(prefix) :] not in applied.base_keys
    ]
    if left:
        raise InputError(f"{applied.method.name} cannot be merged: {left[0]} is no update of a weight")
    del merged.peft
    return merged


def unmerge(merged: nn.Module, network: nn.Module) -> nn.Module:
    """Returns ``merged`` without the updates of ``network``, from which it was made: the base, but for rounding.

    Biases and norms that the method trained stay as they were trained.

    Raises:
        InputError: if ``network`` carries no method, or ``merged`` lacks one of the layers that it adapts.
    """
    applied_to(network)
    base = sharing_copy(merged)
    layers = dict(base.named_modules())
    for path, layer in _updated(network):
        plain = layers.get(path)
        if type(plain) is not nn.Linear or plain.weight.shape != layer.weight.shape:
            raise InputError(f"{path} is no plain layer of the merged network: expected what merge made of this one")
        replace_module(base, path, _linear(plain, plain.weight - layer.delta_weight().to(plain.weight.dtype)))  # type: ignore[operator]
    return base


def _updated(network: nn.Module) -> Iterator[tuple[str, nn.Linear]]:
    """Yields path and layer of every linear layer that knows its update."""
    for path, module in network.named_modules():
        if isinstance(module, nn.Linear) and hasattr(module, "delta_weight"):
            yield path, module


@torch.no_grad()
def _linear(layer: nn.Linear, weight: torch.Tensor) -> nn.Linear:
    plain = nn.Linear(layer.in_features, layer.out_features, bias=layer.bias is not None, device="meta")
    plain.weight = nn.Parameter(weight.detach(), layer.weight.requires_grad)
    plain.bias = layer.bias
    return plain.train(layer.training)

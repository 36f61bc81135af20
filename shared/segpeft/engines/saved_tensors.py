"""Bytes that autograd keeps for a backward pass."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, nn


class SavedTensors:
    """Counts what autograd saves while it is open: ``with SavedTensors(network.parameters()) as saved: network(x)``.

    Each storage counts once, whole, however many views of it are kept; storages of ``parameters`` do not count, as they
    live anyway. What is computed inside must live until the end, or a storage could come back under the same address.

    Args:
        parameters: the network's, trainable and frozen.
    """

    def __init__(self, parameters: Iterable[nn.Parameter]) -> None:
        self.known = {parameter.untyped_storage().data_ptr() for parameter in parameters}
        self.kept: dict[int, int] = {}
        self.hooks = torch.autograd.graph.saved_tensors_hooks(self._pack, _unchanged)

    @property
    def bytes(self) -> int:
        """Bytes saved so far."""
        return sum(self.kept.values())

    def _pack(self, tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in self.known:
            self.kept[storage.data_ptr()] = storage.nbytes()
        return tensor.detach()  # an operation that keeps its own output would hold itself alive

    def __enter__(self) -> SavedTensors:
        self.hooks.__enter__()
        return self

    def __exit__(self, *error: Any) -> None:
        self.hooks.__exit__(*error)


def _unchanged(tensor: Tensor) -> Tensor:
    return tensor

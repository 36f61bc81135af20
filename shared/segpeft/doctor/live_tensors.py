"""The most that tensors take at one time, counted operation by operation."""

from __future__ import annotations

import weakref
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves


class LiveTensors(TorchDispatchMode):
    """Follows the storages that operations make until they are freed.

    What an operation needs inside itself (workspaces of convolutions) is not seen. With fake tensors nothing is
    computed and nothing is taken; the count is the same.

    Attributes:
        now: bytes made since it was opened and still held.
        peak: the most of them so far.
    """

    def __init__(self) -> None:
        super().__init__()
        self.now = self.peak = 0
        self.held: set[int] = set()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Calls the operation and counts the storages of what it returns."""
        given = {self._key(value) for value in tree_leaves((args, kwargs)) if isinstance(value, torch.Tensor)}
        result = func(*args, **(kwargs or {}))
        for value in tree_leaves(result):
            if isinstance(value, torch.Tensor) and self._key(value) not in given | self.held:
                self._hold(value.untyped_storage())
        return result

    def _hold(self, storage: torch.UntypedStorage) -> None:
        key, size = storage._cdata, storage.nbytes()
        self.held.add(key)
        self.now += size
        self.peak = max(self.peak, self.now)
        weakref.finalize(storage, self._free, key, size)

    def _free(self, key: int, size: int) -> None:
        self.held.discard(key)
        self.now -= size

    @staticmethod
    def _key(value: torch.Tensor) -> int:
        return value.untyped_storage()._cdata

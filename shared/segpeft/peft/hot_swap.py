"""One base in memory, many adapters: which one is used is chosen by the call."""

from __future__ import annotations

import json
import os
from threading import Lock

from torch import nn

from segpeft.errors import InputError

from .apply import apply_peft
from .checkpoint import load_adapter, read_adapter, trainable_state
from .registry import method_of
from .sharing import own_tensors, viewing_copy


class AdapterBank:
    """Networks that share one frozen base, each with the method and the trained state of an adapter file.

    Every adapter has a tree of modules of its own over the base's memory, built when it is added. To use one is to look
    it up: nothing is written while the server runs, so threads may use different adapters, or the same, at once.

    Args:
        base: the network without a method, its base loaded, on its device; never changed.

    Raises:
        InputError: if ``base`` carries a method.
    """

    def __init__(self, base: nn.Module) -> None:
        if getattr(base, "peft", None) is not None:
            raise InputError(f"{type(base).__name__} carries a method already: expected the plain network")
        self._base = base
        self._networks: dict[str, nn.Module] = {}
        self._lock = Lock()

    def add(self, name: str, path: str | os.PathLike[str]) -> nn.Module:
        """Reads an adapter file and returns its network, in evaluation mode; a name that exists is replaced.

        Raises:
            InputError: if the file is damaged, or belongs to another base or network.
        """
        _, header = read_adapter(path)
        try:
            method = method_of(json.loads(header["method"]))
        except ValueError as error:
            raise InputError(f"{path}: {error}") from error
        network = apply_peft(viewing_copy(self._base), method)
        own_tensors(network, set(trainable_state(network)))
        load_adapter(network, path).eval()
        network.requires_grad_(False)
        with self._lock:
            self._networks = {**self._networks, name: network}
        return network

    def remove(self, name: str) -> None:
        """Forgets an adapter; calls that are under way end with it.

        Raises:
            InputError: if there is none of that name.
        """
        with self._lock:
            self[name]
            self._networks = {key: network for key, network in self._networks.items() if key != name}

    def __getitem__(self, name: str) -> nn.Module:
        """Returns the network with the adapter ``name``.

        Raises:
            InputError: if there is none of that name.
        """
        network = self._networks.get(name)
        if network is None:
            raise InputError(f"adapter {name!r} is unknown: expected one of {', '.join(self._networks) or 'none'}")
        return network

    @property
    def names(self) -> tuple[str, ...]:
        """The adapters that can be used."""
        return tuple(self._networks)

    def memory(self) -> dict[str, int]:
        """Returns bytes: ``base``, and of each adapter what it holds beside the base."""
        base = {tensor.data_ptr(): tensor.nbytes for tensor in _tensors(self._base)}
        held = {"base": sum(base.values())}
        for name, network in self._networks.items():
            own = {tensor.data_ptr(): tensor.nbytes for tensor in _tensors(network)}
            held[name] = sum(size for pointer, size in own.items() if pointer not in base)
        return held


def _tensors(network: nn.Module) -> list:
    return [*network.parameters(), *network.buffers()]

"""Loading weights, or saying in one line why not."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from ignite.engine import Engine, Events
from torch import nn

from segpeft.errors import InputError
from segpeft.networks import AdapterEnsemble
from segpeft.peft import load_adapter
from segpeft.state_files import load_state_strictly, read_checkpoint


def bare_network(network: nn.Module) -> nn.Module:
    """Returns the network inside ``torch.compile`` and ``DistributedDataParallel``."""
    network = getattr(network, "_orig_mod", network)
    return network.module if isinstance(network, nn.parallel.DistributedDataParallel) else network


def load_model(network: nn.Module, path: str | os.PathLike[str]) -> nn.Module:
    """Loads a whole network (``.pt``) or an adapter (``.safetensors``) and returns the network.

    Args:
        network: of the architecture and method that were saved; for an adapter its base is loaded already.
        path: the file.

    Raises:
        InputError: if the file is missing or damaged, or belongs to another rank, number of channels, base or method.
    """
    inner = bare_network(network)
    if Path(path).suffix == ".safetensors":
        load_adapter(inner, path)
    else:
        load_state_strictly(inner, read_checkpoint(path), path)
    return network


def load_ensemble(
    network: nn.Module, path: str | os.PathLike[str], adapters: Sequence[str | os.PathLike[str]]
) -> nn.Module:
    """Loads the shared base and the adapter file of every member, and returns the network.

    Args:
        network: an ensemble of as many members as there are files.
        path: a whole network on that base (the ``model.pt`` of any of the trainings).
        adapters: one file a member.

    Raises:
        InputError: if the network is no such ensemble, or a file does not belong to the base.
    """
    inner = bare_network(network)
    members = list(inner.members) if isinstance(inner, AdapterEnsemble) else []
    if len(members) != len(adapters):
        raise InputError(f"adapters lists {len(adapters)} files: the network is an ensemble of {len(members)}")
    load_model(members[0], path)  # the base in it is that of all
    for member, adapter in zip(members, adapters, strict=True):
        load_adapter(member, adapter)
    return network


class ModelLoader:
    """Loads weights when the run starts: :func:`load_model`, or :func:`load_ensemble`, as a handler.

    Args:
        network: what to load into.
        path: a ``.pt`` or ``.safetensors`` file.
        adapters: of an ensemble, one file a member; none: the network is no ensemble.
    """

    def __init__(
        self,
        network: nn.Module,
        path: str | os.PathLike[str],
        adapters: Sequence[str | os.PathLike[str]] = (),
    ) -> None:
        self.network = network
        self.path = path
        self.adapters = tuple(adapters)

    def attach(self, engine: Engine) -> None:
        """Attaches to any engine."""
        engine.add_event_handler(Events.STARTED, self)

    def __call__(self, engine: Engine) -> None:
        """Loads the file."""
        if self.adapters:
            load_ensemble(self.network, self.path, self.adapters)
        else:
            load_model(self.network, self.path)

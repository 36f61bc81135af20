"""Loading the pre-trained encoder when a training starts."""

from __future__ import annotations

import os

from ignite.engine import Engine, Events
from torch import nn

from segpeft.networks import load_base

from .checkpoint_loading import bare_network


class BaseLoader:
    """Loads a pre-trained encoder at the start of a run: :func:`segpeft.networks.load_base` as a handler.

    It is the first of all that is done at the start, wherever it stands, so that a checkpoint (which MONAI Label puts
    in front of a bundle's handlers) or a resumed state replaces what it loads.

    Args:
        network: the network in training.
        path: the weight file; None keeps the random initialisation, with a warning where a method freezes it.
    """

    def __init__(self, network: nn.Module, path: str | os.PathLike[str] | None) -> None:
        self.network = network
        self.path = path

    def attach(self, engine: Engine) -> None:
        """Attaches to a trainer."""
        engine.add_event_handler(Events.STARTED, self)
        handlers = engine._event_handlers[Events.STARTED]  # ignite has no public way to put one first
        handlers.insert(0, handlers.pop())

    def __call__(self, engine: Engine) -> None:
        """Loads the file."""
        load_base(bare_network(self.network), self.path)

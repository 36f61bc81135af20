"""A frozen backbone computes in training what it computes in evaluation."""

from __future__ import annotations

from typing import Any

from ignite.engine import Engine, Events
from torch import nn

from .checkpoint_loading import bare_network


class FrozenEval:
    """Keeps dropout, stochastic depth and batch norm of a frozen backbone in evaluation mode while the rest trains.

    Noise inside weights that nobody adapts only blurs the features, and running statistics would drift although their
    base is frozen. What the method itself brought (the dropout of an adapter) trains as usual. Which modules it is
    about is in ``network.peft.frozen_modules``; without a method, nothing changes.

    Args:
        network: in training.
    """

    def __init__(self, network: nn.Module) -> None:
        self.network = network
        self.handle: Any = None
        self.modules: list[nn.Module] = []

    def attach(self, engine: Engine) -> None:
        """Attaches to a trainer, which turns training mode on in every step."""
        engine.add_event_handler(Events.STARTED, self.start)
        engine.add_event_handler(Events.COMPLETED, self.stop)

    def start(self, engine: Engine) -> None:
        """Finds the modules and watches the network's forward passes."""
        network = bare_network(self.network)
        applied = getattr(network, "peft", None)
        self.modules = [network.get_submodule(path) for path in applied.frozen_modules] if applied else []
        if self.modules:
            self.handle = network.register_forward_pre_hook(self._quieten)

    def stop(self, engine: Engine) -> None:
        """Leaves the network as it was."""
        if self.handle is not None:
            self.handle.remove()

    def _quieten(self, network: nn.Module, inputs: Any) -> None:
        for module in self.modules:
            module.eval()

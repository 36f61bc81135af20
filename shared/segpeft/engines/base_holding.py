"""A frozen base in fewer bytes, from the start of an evaluation on."""

from __future__ import annotations

from ignite.engine import Engine, Events
from torch import nn

from segpeft.peft import hold_base

from .checkpoint_loading import bare_network


class BaseHolder:
    """Holds the frozen base in fewer bytes as soon as weights are loaded: :func:`segpeft.peft.hold_base`, as a handler.

    Attach it after :class:`~segpeft.engines.checkpoint_loading.ModelLoader`. The evaluator then computes under autocast
    if the form needs it.

    Args:
        network: with a method.
        form: ``bf16``, ``int8``, or None to leave it as it is.
    """

    def __init__(self, network: nn.Module, form: str | None = None) -> None:
        self.network = network
        self.form = form

    def attach(self, engine: Engine) -> None:
        """Attaches to an evaluator."""
        engine.add_event_handler(Events.STARTED, self)

    def __call__(self, engine: Engine) -> None:
        """Rounds the base."""
        if self.form is not None:
            hold_base(bare_network(self.network), self.form)

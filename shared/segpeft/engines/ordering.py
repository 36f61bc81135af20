"""Event handlers that must run after all others."""

from __future__ import annotations

from collections.abc import Callable

from ignite.engine import Engine, Events


def attach_last(engine: Engine, event: Events, handler: Callable[[Engine], None]) -> None:
    """Attaches ``handler`` so that it runs after every handler that was attached before the run.

    Ignite calls handlers in the order of attachment, which in a config is the order of a list. A handler that needs the
    outcome of another (the validation of this epoch, say) shall not depend on that order, so it is attached only when
    the run has started.
    """

    def attach(engine: Engine) -> None:
        if not engine.has_event_handler(handler, event):
            engine.add_event_handler(event, handler)

    engine.add_event_handler(Events.STARTED, attach)

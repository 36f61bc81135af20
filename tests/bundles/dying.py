"""A handler with which one process of several dies in the middle of its work."""

from __future__ import annotations

import os
import signal

import torch.distributed as dist
from ignite.engine import Engine, Events

WHAT_IT_SAYS = "no room left on this device"


class Dying:
    """Ends the last process after its first iteration.

    Args:
        how: `error` raises one, `killed` leaves no time for anything, as the kernel does when memory is short.
    """

    def __init__(self, how: str) -> None:
        self.how = how

    def attach(self, engine: Engine) -> None:
        engine.add_event_handler(Events.ITERATION_COMPLETED(once=1), self)

    def __call__(self, engine: Engine) -> None:
        if dist.get_rank() + 1 < dist.get_world_size():
            return
        if self.how == "killed":
            os.kill(os.getpid(), signal.SIGKILL)
        raise RuntimeError(WHAT_IT_SAYS)

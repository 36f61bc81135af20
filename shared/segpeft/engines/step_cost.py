"""What one step of a training costs: seconds, and bytes kept for the backward pass."""

from __future__ import annotations

import time
from statistics import median
from typing import Any

import torch
from ignite.engine import Engine, Events
from torch import nn

from .checkpoint_loading import bare_network
from .saved_tensors import SavedTensors


class StepCost:
    """Times every step and counts the bytes saved by the first one; :class:`RunSummary` writes both.

    A step is forward pass, loss, backward pass and update, without the loading of its batch. The first step of a run,
    which also warms caches up, is not timed. The bytes are those of the forward pass of the network.

    Args:
        network: in training.
    """

    def __init__(self, network: nn.Module) -> None:
        self.network = network
        self.saved_bytes: int | None = None
        self.seconds: list[float] = []
        self.started = 0.0

    def attach(self, engine: Engine) -> None:
        """Attaches to a trainer."""
        engine.add_event_handler(Events.STARTED, self.reset)
        engine.add_event_handler(Events.ITERATION_STARTED, self.start)
        engine.add_event_handler(Events.ITERATION_COMPLETED, self.stop)

    def reset(self, engine: Engine) -> None:
        """Forgets an earlier run, and lets the first forward pass count."""
        self.saved_bytes, self.seconds = None, []
        inferer = engine.inferer  # type: ignore[attr-defined]

        def counting(*args: Any, **kwargs: Any) -> Any:
            engine.inferer = inferer  # type: ignore[attr-defined]
            with SavedTensors(bare_network(self.network).parameters()) as saved:
                result = inferer(*args, **kwargs)
            self.saved_bytes = saved.bytes
            return result

        engine.inferer = counting  # type: ignore[attr-defined]

    def start(self, engine: Engine) -> None:
        """Starts the clock."""
        self.started = self._now(engine)

    def stop(self, engine: Engine) -> None:
        """Stops the clock."""
        self.seconds.append(self._now(engine) - self.started)

    def summary(self) -> dict[str, float | int | None]:
        """Returns ``seconds_per_step`` (the median, None for less than two steps) and ``saved_bytes``."""
        timed = self.seconds[1:]
        return {"seconds_per_step": round(median(timed), 5) if timed else None, "saved_bytes": self.saved_bytes}

    @staticmethod
    def _now(engine: Engine) -> float:
        if torch.device(engine.state.device).type == "cuda":  # type: ignore[attr-defined]
            torch.cuda.synchronize()
        return time.perf_counter()

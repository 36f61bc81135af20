"""Showing how far a training is."""

from __future__ import annotations

import logging
import sys
import time

from ignite.engine import Engine, Events
from monai.engines import Evaluator
from tqdm import tqdm

from .distributed import is_main
from .iteration_loss import iteration_loss
from .ordering import attach_last

logger = logging.getLogger(__name__)


class Progress:
    """A progress bar over the whole training with loss, learning rate and time left, and one log line an epoch.

    The bar is there on a terminal only; elsewhere the log lines carry the same. The time left includes validation.

    Args:
        validator: whose key metric to show.
    """

    def __init__(self, validator: Evaluator | None = None) -> None:
        self.validator = validator
        self.bar: tqdm | None = None
        self.started = self.epoch_started = 0.0
        self.first_iteration = 0
        self.losses: list[float] = []

    def attach(self, engine: Engine) -> None:
        """Attaches to a trainer."""
        engine.add_event_handler(Events.EPOCH_STARTED, self.start)
        engine.add_event_handler(Events.ITERATION_COMPLETED, self.advance)
        attach_last(engine, Events.EPOCH_COMPLETED, self.report)
        for end in (Events.COMPLETED, Events.TERMINATE):
            engine.add_event_handler(end, self.close)

    def start(self, engine: Engine) -> None:
        """Starts an epoch; the first one of a run opens the bar, after a resume has set the state."""
        self.losses, self.epoch_started = [], time.monotonic()
        if self.started:
            return
        self.started, self.first_iteration = time.monotonic(), engine.state.iteration
        if is_main() and sys.stderr.isatty():
            total = engine.state.max_epochs * engine.state.epoch_length  # type: ignore[operator]
            self.bar = tqdm(total=total, initial=engine.state.iteration, unit="step", dynamic_ncols=True)

    def advance(self, engine: Engine) -> None:
        """Goes one iteration on."""
        self.losses.append(iteration_loss(engine.state.output))
        if self.bar is not None:
            self.bar.set_description(f"epoch {engine.state.epoch}/{engine.state.max_epochs}", refresh=False)
            self.bar.set_postfix(loss=f"{self.losses[-1]:.4f}", lr=f"{_rate(engine):.2e}", refresh=False)
            self.bar.update()

    def report(self, engine: Engine) -> None:
        """Logs the epoch."""
        state, now = engine.state, time.monotonic()
        total = state.max_epochs * state.epoch_length  # type: ignore[operator]
        left = (now - self.started) / max(state.iteration - self.first_iteration, 1) * (total - state.iteration)
        parts = [f"epoch {state.epoch}/{state.max_epochs}: loss {sum(self.losses) / max(len(self.losses), 1):.4f}"]
        parts.append(f"lr {_rate(engine):.2e}")
        parts.extend(self._validation(state.epoch))
        parts.append(f"{now - self.epoch_started:.1f} s")
        if is_main():
            logger.info("%s, left %s", ", ".join(parts), tqdm.format_interval(int(left)))

    def _validation(self, epoch: int) -> list[str]:
        state = self.validator.state if self.validator is not None else None
        if state is None or state.best_metric_epoch == -1:
            return []
        name = state.key_metric_name
        last = [f"{name} {state.metrics[name]:.4f}"] if state.epoch == epoch else []  # validated in this epoch
        return [*last, f"best {state.best_metric:.4f} in epoch {state.best_metric_epoch}"]

    def close(self, engine: Engine) -> None:
        """Closes the bar."""
        if self.bar is not None:
            self.bar.close()
        self.bar, self.started = None, 0.0


def _rate(engine: Engine) -> float:
    return float(engine.optimizer.param_groups[0]["lr"])  # type: ignore[attr-defined]

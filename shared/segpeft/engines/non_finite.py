"""A guard against steps with a loss or gradient that is not finite."""

from __future__ import annotations

import logging

import torch
from ignite.engine import Engine, Events
from monai.engines.utils import IterationEvents
from torch import Tensor

from segpeft.errors import InputError

from .batch_statistics import running_statistics
from .distributed import any_process

logger = logging.getLogger(__name__)


class NonFiniteGuard:
    """Skips the optimizer step where the loss or a gradient is NaN or infinite, and stops when that keeps happening.

    Gradients are taken away and the running statistics of batch norms are put back, so the step changes neither weights
    nor buffers nor the optimizer's state. With float16 the gradient scaler has to see the overflow to lower its scale,
    and skips the step itself. All processes of a distributed run decide alike.

    Args:
        max_bad_steps: stop after so many skipped steps in a row.

    Attributes:
        skipped: number of steps skipped so far.
    """

    def __init__(self, max_bad_steps: int = 10) -> None:
        if max_bad_steps < 1:
            raise InputError(f"max_bad_steps {max_bad_steps} is out of range: expected an integer of at least 1")
        self.max_bad_steps = max_bad_steps
        self.skipped = 0
        self.in_a_row = 0
        self.statistics: list[Tensor] = []
        self.before: list[Tensor] = []

    def attach(self, engine: Engine) -> None:
        """Attaches to a MONAI trainer: before the forward pass, and between backward and step."""
        engine.add_event_handler(Events.STARTED, self._find)
        engine.add_event_handler(Events.ITERATION_STARTED, self._remember)
        engine.add_event_handler(IterationEvents.BACKWARD_COMPLETED, self)

    def _find(self, engine: Engine) -> None:
        self.statistics = running_statistics(engine.network)  # type: ignore[attr-defined]

    def _remember(self, engine: Engine) -> None:
        self.before = [statistic.clone() for statistic in self.statistics]

    def __call__(self, engine: Engine) -> None:
        """Looks at the loss and the gradients of a MONAI trainer.

        Raises:
            InputError: after ``max_bad_steps`` bad steps in a row.
        """
        optimizer, loss = engine.optimizer, engine.state.output["loss"].detach()  # type: ignore[attr-defined,index]
        gradients = [p.grad for group in optimizer.param_groups for p in group["params"] if p.grad is not None]
        if not any_process(~_all_finite(loss, gradients)):
            self.in_a_row = 0
            return
        self.skipped += 1
        self.in_a_row += 1
        rate = optimizer.param_groups[0]["lr"]
        place = f"iteration {engine.state.iteration}, learning rate {rate:.3g}"
        if self.in_a_row >= self.max_bad_steps:
            raise InputError(
                f"{place}: loss or gradient not finite in {self.in_a_row} steps in a row (loss {float(loss):.3g}): "
                "expected a lower learning rate, or amp off"
            )
        logger.warning("%s: loss or gradient not finite (loss %.3g), step skipped", place, float(loss))
        for statistic, before in zip(self.statistics, self.before, strict=True):
            statistic.copy_(before)
        scaler = engine.scaler  # type: ignore[attr-defined]
        if scaler is not None and scaler.is_enabled() and gradients:
            gradients[0].fill_(torch.inf)
        else:
            optimizer.zero_grad(set_to_none=True)


def _all_finite(loss: Tensor, gradients: list[Tensor]) -> Tensor:
    """Returns one truth value on the loss's device: loss and all gradients are finite."""
    finite = torch.isfinite(loss).all()
    if gradients:  # the largest magnitude of all carries NaN and infinity, and can't overflow like a sum of squares
        largest = torch.nn.utils.get_total_norm(gradients, norm_type=torch.inf)
        finite = finite & torch.isfinite(largest).to(finite.device)
    return finite

"""The learning rate over a training: one cycle, and what its schedules share."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

from ignite.engine import Engine, Events
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler, OneCycleLR

from segpeft.errors import InputError


class RunSchedule(ABC):
    """A learning rate over exactly the run it is attached to.

    torch's schedulers want their number of steps at construction. Here the scheduler is made when the run starts, from
    the engine's epochs and epoch length, so that whoever changes ``max_epochs`` (a command line, MONAI Label) need not
    know about it. It steps once an iteration and stays on its last value.

    Args:
        optimizer: whose learning rate to change.
        max_lr: the peak.

    Raises:
        InputError: if ``max_lr`` is not positive.
    """

    def __init__(self, optimizer: Optimizer, max_lr: float) -> None:
        if not max_lr > 0:
            raise InputError(f"max_lr {max_lr} is out of range: expected a positive number")
        self.optimizer = optimizer
        self.max_lr = float(max_lr)
        self.scheduler: LRScheduler | None = None
        self.total_steps = 0
        self.running = False

    def ratios(self) -> list[float]:
        """Returns by what each group of the optimizer multiplies the rate, see ``segpeft.peft.parameter_groups``."""
        return [group.get("lr_ratio", 1.0) for group in self.optimizer.param_groups]

    @abstractmethod
    def make(self, total_steps: int) -> LRScheduler:
        """Returns torch's scheduler for a run of so many steps."""

    def attach(self, engine: Engine) -> None:
        """Attaches to a trainer."""
        engine.add_event_handler(Events.STARTED, self.start)
        engine.add_event_handler(Events.ITERATION_COMPLETED, self.step)
        engine.add_event_handler(Events.COMPLETED, self.finish)

    def start(self, engine: Engine) -> None:
        """Makes the schedule of this run; a second call in the same run changes nothing."""
        if self.running:
            return
        self.total_steps = engine.state.max_epochs * engine.state.epoch_length  # type: ignore[operator]
        for group in self.optimizer.param_groups:  # left by an earlier run, they would be kept
            group.pop("initial_lr", None)
        self.scheduler = self.make(self.total_steps)
        self.running = True

    def step(self, engine: Engine) -> None:
        """Goes one iteration on."""
        if self.scheduler is not None and self.scheduler.last_epoch < self.total_steps - 1:
            self.scheduler.step()

    def finish(self, engine: Engine) -> None:
        """Lets the next run make a schedule of its own."""
        self.running = False

    def state_dict(self) -> dict[str, Any]:
        """Returns the state of the schedule, empty before the first run."""
        return {} if self.scheduler is None else self.scheduler.state_dict()

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continues a schedule of the same length; call :meth:`start` before.

        Raises:
            InputError: if the saved schedule has another number of steps.
        """
        if self.scheduler is None:
            raise RuntimeError("start the schedule before loading its state")
        if state["total_steps"] != self.total_steps:
            raise InputError(
                f"cannot resume: the learning rate was planned for {state['total_steps']} steps, "
                f"this run has {self.total_steps}: expected the same epochs, batch size and data"
            )
        self.scheduler.load_state_dict(state)


class OneCycle(RunSchedule):
    """One cycle of the learning rate (Smith and Topin 2018, arXiv 1708.07120): ``OneCycleLR`` over the run.

    Args:
        optimizer: whose learning rate (and momentum or beta1) to change.
        max_lr: the peak.
        pct_start: part of the steps in which the rate rises.
        div_factor: the rate starts at ``max_lr / div_factor``.
        final_div_factor: and ends at its start ``/ final_div_factor``.
        cycle_momentum: whether momentum (beta1 of Adam) falls while the rate rises.

    Raises:
        InputError: if ``max_lr`` is not positive.
    """

    def __init__(
        self,
        optimizer: Optimizer,
        max_lr: float,
        pct_start: float = 0.3,
        div_factor: float = 25.0,
        final_div_factor: float = 1e4,
        cycle_momentum: bool = True,
    ) -> None:
        super().__init__(optimizer, max_lr)
        self.shape = {
            "pct_start": pct_start,
            "div_factor": div_factor,
            "final_div_factor": final_div_factor,
            "cycle_momentum": cycle_momentum,
        }

    def make(self, total_steps: int) -> LRScheduler:
        """Returns torch's scheduler for a run of so many steps."""
        shape = dict(self.shape)
        if abs(shape["pct_start"] * total_steps - 1) < 1e-6:  # a rise of one step: torch divides by its length less 1
            shape["pct_start"] += 1e-4 / total_steps
        peaks = [self.max_lr * ratio for ratio in self.ratios()]
        return OneCycleLR(self.optimizer, peaks, total_steps=total_steps, **shape)  # type: ignore[arg-type]

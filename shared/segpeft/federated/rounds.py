"""One training in rounds: it pauses after some epochs and goes on from another state."""

from __future__ import annotations

import warnings
from collections.abc import Callable

from ignite.engine import Engine, Events
from monai.engines import Trainer

from segpeft.engines.schedule import RunSchedule
from segpeft.errors import InputError


class Rounds:
    """Runs a trainer a round at a time, as one training of ``rounds * local_epochs`` epochs.

    The run pauses instead of ending, so that the optimizer keeps its moments, the learning rate goes once through its
    schedule over all rounds, and epochs are numbered (and seeded) through. A federation of one site is therefore a
    plain training. A site that missed rounds goes on at the epoch, and the learning rate, of the others.

    Args:
        trainer: not yet run.
        rounds: of the federation.
        local_epochs: epochs a round.
        schedule: of the learning rate, stepped over rounds that were missed; None: there is none.

    Raises:
        InputError: ``rounds`` or ``local_epochs`` is below 1.
    """

    def __init__(self, trainer: Trainer, rounds: int, local_epochs: int, schedule: RunSchedule | None = None) -> None:
        for name, value in (("rounds", rounds), ("local_epochs", local_epochs)):
            if value < 1:
                raise InputError(f"{name} {value} is out of range: expected at least 1")
        self.trainer, self.local_epochs, self.schedule = trainer, local_epochs, schedule
        trainer.state.max_epochs = self.epochs = rounds * local_epochs
        self.running = self.failed = False
        self._begin: Callable[[], None] = _nothing
        trainer.add_event_handler(Events.STARTED, self._started)
        trainer.add_event_handler(Events.EPOCH_COMPLETED, self._pause)

    def run(self, number: int, load: Callable[[], None]) -> None:
        """Trains one round.

        Args:
            number: of the round, from 0.
            load: puts the round's state into the network. In the first round it is called after everything else that
                loads weights at the start of a training, such as the pre-trained encoder.

        Raises:
            InputError: all rounds are done, or an earlier one ended with an error.
        """
        if self.failed:
            raise InputError("an earlier round ended with an error here: start the site anew")
        if self.trainer.state.epoch >= self.epochs:
            raise InputError(f"round {number}: all {self.epochs // self.local_epochs} rounds are done")

        def begin() -> None:
            load()
            self._catch_up(number)

        self._begin = begin
        if self.running:
            begin()
        self.failed = True  # ignite cannot continue a run that raised: it would return at once, untrained
        self.trainer.run()
        self.failed = False

    def _started(self, engine: Engine) -> None:
        self.running = True
        self._begin()

    def _pause(self, engine: Engine) -> None:
        if engine.state.epoch % self.local_epochs == 0 and engine.state.epoch < self.epochs:
            engine.interrupt()

    def _catch_up(self, number: int) -> None:
        state = self.trainer.state
        missed = number * self.local_epochs - state.epoch
        if missed <= 0:
            return
        steps = missed * int(state.epoch_length or 0)
        state.epoch += missed
        state.iteration += steps
        with warnings.catch_warnings():  # torch warns of a schedule that goes on without the optimizer: wanted here
            warnings.simplefilter("ignore")
            for _ in range(steps if self.schedule is not None else 0):
                self.schedule.step(self.trainer)  # type: ignore[union-attr]


def _nothing() -> None:
    """Begins no round."""

"""Resuming a training to the bit."""

from __future__ import annotations

import logging
import os
from pathlib import Path
from typing import Any

import torch
from ignite.engine import Engine, Events
from monai.engines import Evaluator
from torch import nn
from torch.optim import Optimizer

from segpeft.atomic_files import replacing
from segpeft.errors import InputError
from segpeft.state_files import load_state_strictly, read_checkpoint

from .checkpoint_loading import bare_network
from .distributed import is_main
from .ordering import attach_last
from .schedule import RunSchedule

logger = logging.getLogger(__name__)


class TrainingState:
    """Writes the state of a training after every epoch (and its validation), and resumes from it.

    The file holds the whole network, the optimizer, the schedule, the gradient scaler, epoch and iteration, and the
    best metric of the validator: with Adam three values a trainable parameter and one a frozen one (a ViT-B UNETR at
    feature size 64 with channel LoRA: 1.0 GB). It is replaced in one step, so that an interruption at any moment leaves
    the last whole epoch. A resumed run repeats the interrupted epoch from its start; together with
    :class:`~segpeft.engines.seeding.SeedEveryEpoch` it ends where the uninterrupted run would.

    Args:
        path: the file; outside ``models/``, where MONAI Label looks for weights.
        network: the network in training.
        optimizer: its optimizer.
        schedule: its learning rate.
        validator: whose best metric to keep.
        resume: whether to continue from the file if there is one; otherwise the first epoch replaces it.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        network: nn.Module,
        optimizer: Optimizer,
        schedule: RunSchedule | None = None,
        validator: Evaluator | None = None,
        resume: bool = False,
    ) -> None:
        self.path = Path(path)
        self.network = network
        self.optimizer = optimizer
        self.schedule = schedule
        self.validator = validator
        self.resume = resume

    def attach(self, engine: Engine) -> None:
        """Attaches to a trainer."""
        engine.add_event_handler(Events.STARTED, self.load)
        attach_last(engine, Events.EPOCH_COMPLETED, self.save)

    def save(self, engine: Engine) -> None:
        """Writes the file, on the main process."""
        if not is_main():
            return
        with replacing(self.path) as partial:
            torch.save(self._state(engine), partial)

    def load(self, engine: Engine) -> None:
        """Continues from the file if that is wanted and there is one.

        Raises:
            InputError: if the file belongs to another network, seed, data or length of training.
        """
        if self.schedule is not None:
            self.schedule.start(engine)
        if not self.resume:
            return
        if not self.path.is_file():
            logger.info("nothing to resume at %s: training starts at the first epoch", self.path)
            return
        state = read_checkpoint(self.path)
        self._check(engine, state)
        load_state_strictly(bare_network(self.network), state["network"], self.path)
        self._restore(engine, state)
        logger.info("resumed from %s: %d of %d epochs are done", self.path, state["epoch"], engine.state.max_epochs)

    def _state(self, engine: Engine) -> dict[str, Any]:
        scaler = getattr(engine, "scaler", None)
        best = self.validator.state if self.validator is not None else None
        return {
            "epoch": int(engine.state.epoch),
            "iteration": int(engine.state.iteration),
            "epoch_length": int(engine.state.epoch_length or 0),
            "seed": int(getattr(engine.state, "seed", 0)),
            "network": bare_network(self.network).state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "schedule": self.schedule.state_dict() if self.schedule is not None else {},
            "scaler": scaler.state_dict() if scaler is not None else {},
            "best_metric": float(best.best_metric) if best is not None else -1.0,
            "best_metric_epoch": int(best.best_metric_epoch) if best is not None else -1,
        }

    def _check(self, engine: Engine, state: Any) -> None:
        if not isinstance(state, dict) or "best_metric_epoch" not in state:
            raise InputError(f"{self.path}: no training state, expected the file that training writes after each epoch")
        for name in ("seed", "epoch_length"):
            ours = getattr(engine.state, name)
            if state[name] != ours:
                raise InputError(f"{self.path}: cannot resume, {name} was {state[name]}, expected this run's {ours}")

    def _restore(self, engine: Engine, state: dict[str, Any]) -> None:
        try:
            self.optimizer.load_state_dict(state["optimizer"])
        except (ValueError, KeyError) as error:
            raise InputError(f"{self.path}: cannot resume, the optimizer differs ({error})") from error
        if self.schedule is not None:
            self.schedule.load_state_dict(state["schedule"])
        scaler = getattr(engine, "scaler", None)
        if scaler is not None and state["scaler"]:
            scaler.load_state_dict(state["scaler"])
        engine.state.epoch, engine.state.iteration = state["epoch"], state["iteration"]
        if self.validator is not None:
            self.validator.state.best_metric = state["best_metric"]
            self.validator.state.best_metric_epoch = state["best_metric_epoch"]

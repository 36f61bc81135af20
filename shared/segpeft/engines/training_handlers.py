"""Everything that happens around the steps of a training, as one handler."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from ignite.engine import Engine
from monai.engines import Evaluator
from monai.handlers import ValidationHandler
from torch import nn
from torch.optim import Optimizer

from .base_loading import BaseLoader
from .batch_statistics import SharedStatistics
from .frozen_eval import FrozenEval
from .progress import Progress
from .report import RunSummary
from .resume import TrainingState
from .run_record import RunRecord
from .saving import ModelSaver
from .schedule import RunSchedule
from .seeding import SeedEveryEpoch
from .step_cost import StepCost
from .tensorboard import TensorBoard
from .trainer import check_interval


class TrainingHandlers:
    """Attaches what every training of this project needs, in the order in which it has to run.

    Loading the pre-trained encoder, seeding each epoch, the learning rate, the cost of a step, the frozen backbone in
    evaluation mode, one set of batch statistics, validation, progress, TensorBoard, saving the best network, the state
    to resume from, the record of the run, the summary: :attr:`parts`, each a handler of its own that a config may name
    instead. A handler that saves something has to stand before this one in the list: what a resumed run does not repeat
    must be on disk before the state is.

    Args:
        network: in training.
        optimizer: of its trainable parameters.
        schedule: of the learning rate.
        output_dir: for TensorBoard, ``training_state.pt``, ``record.json`` and ``run.json``.
        seed: of the training.
        resume: continue from ``training_state.pt`` if it is there.
        pretrained_encoder: weight file of the backbone; None keeps the random initialisation.
        validator: validates every ``val_interval`` epochs and decides which network is the best; None: no validation.
        val_interval: in epochs.
        model_path: where the best network goes; None saves none.
        adapter_path: where its trainable part goes; None for a network without a method.
        kind: of the run, for its record: ``training`` or ``pretraining``.

    Raises:
        InputError: ``seed`` or ``val_interval`` is out of range.
    """

    def __init__(
        self,
        network: nn.Module,
        optimizer: Optimizer,
        schedule: RunSchedule,
        output_dir: str | os.PathLike[str],
        seed: int = 0,
        resume: bool = False,
        pretrained_encoder: str | os.PathLike[str] | None = None,
        validator: Evaluator | None = None,
        val_interval: int = 1,
        model_path: str | os.PathLike[str] | None = None,
        adapter_path: str | os.PathLike[str] | None = None,
        kind: str = "training",
    ) -> None:
        check_interval(val_interval)
        state = Path(output_dir) / "training_state.pt"
        cost = StepCost(network)
        self.parts: list[Any] = [BaseLoader(network, pretrained_encoder), SeedEveryEpoch(seed), schedule, cost]
        self.parts += [FrozenEval(network), SharedStatistics(network)]
        if validator is not None:
            self.parts.append(ValidationHandler(val_interval, validator, epoch_level=True))
        self.parts += [Progress(validator), TensorBoard(output_dir, validator)]
        if model_path is not None:
            self.parts.append(ModelSaver(network, model_path, adapter_path, validator))
        self.parts.append(TrainingState(state, network, optimizer, schedule, validator, resume))
        self.parts += [
            RunRecord(output_dir, kind, validator, [pretrained_encoder]),
            RunSummary(output_dir, network, validator, cost=cost),
        ]

    def attach(self, engine: Engine) -> None:
        """Attaches all parts to a trainer."""
        for part in self.parts:
            part.attach(engine)

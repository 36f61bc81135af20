"""Saving the best network."""

from __future__ import annotations

import logging
import os
from pathlib import Path

import torch
from ignite.engine import Engine, Events
from monai.engines import Evaluator
from torch import nn

from segpeft.atomic_files import replacing
from segpeft.peft import save_adapter

from .checkpoint_loading import bare_network
from .distributed import is_main
from .ordering import attach_last
from .precision import full_precision_state

logger = logging.getLogger(__name__)

MEGABYTE = 1e6


class ModelSaver:
    """Saves the network whenever validation finds a new best, and at the end of a training without any validation.

    Attach it to the trainer and name the validator, or attach it to the validator itself. Two files are written, each
    replaced in one step: the whole network in float32 (what MONAI Label and the Model Zoo expect), and its trainable
    state alone as an adapter.

    Args:
        network: the network in training.
        model_path: the whole network, ``models/model.pt``.
        adapter_path: the adapter, ``models/adapters/<name>.safetensors``; None for a network without a method.
        validator: whose key metric decides.
    """

    def __init__(
        self,
        network: nn.Module,
        model_path: str | os.PathLike[str],
        adapter_path: str | os.PathLike[str] | None = None,
        validator: Evaluator | None = None,
    ) -> None:
        self.network = network
        self.model_path = Path(model_path)
        self.adapter_path = Path(adapter_path) if adapter_path else None
        self.validator = validator

    def attach(self, engine: Engine) -> None:
        """Attaches to a trainer or to a validator."""
        if isinstance(engine, Evaluator):
            attach_last(engine, Events.EPOCH_COMPLETED, self.save_if_best)
            return
        engine.add_event_handler(Events.COMPLETED, self.save_if_never_validated)
        if self.validator is not None:
            attach_last(self.validator, Events.EPOCH_COMPLETED, self.save_if_best)

    def save_if_best(self, engine: Engine) -> None:
        """Saves after a validation that is the best so far."""
        if engine.state.best_metric_epoch == engine.state.epoch:  # type: ignore[attr-defined]
            metric = f"{engine.state.key_metric_name} {engine.state.best_metric:.4f}"  # type: ignore[attr-defined]
            self.save(f"new best {metric} in epoch {engine.state.epoch}")

    def save_if_never_validated(self, engine: Engine) -> None:
        """Saves at the end of a training in which no validation took place."""
        if self.validator is None or self.validator.state.best_metric_epoch == -1:
            self.save("training ended without a validation")

    def save(self, why: str) -> None:
        """Writes both files, on the main process, and logs their sizes."""
        if not is_main():
            return
        network = bare_network(self.network)
        with replacing(self.model_path) as partial:
            torch.save(full_precision_state(network), partial)
        sizes = f"{self.model_path} {self.model_path.stat().st_size / MEGABYTE:.2f} MB"
        if self.adapter_path is not None:
            self.adapter_path.parent.mkdir(parents=True, exist_ok=True)
            groups = save_adapter(network, self.adapter_path)
            parts = ", ".join(f"{name} {size / MEGABYTE:.2f}" for name, size in groups.items())
            sizes += f", {self.adapter_path} {self.adapter_path.stat().st_size / MEGABYTE:.2f} MB ({parts})"
        logger.info("%s: saved %s", why, sizes)

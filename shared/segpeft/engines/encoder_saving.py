"""Saving the encoder of a masked auto-encoder."""

from __future__ import annotations

import logging
import os
from pathlib import Path

from ignite.engine import Engine, Events
from monai.engines import Evaluator
from torch import nn

from segpeft.networks import save_encoder

from .checkpoint_loading import bare_network
from .distributed import is_main
from .ordering import attach_last

logger = logging.getLogger(__name__)


class EncoderSaver:
    """Writes the encoder file after every epoch and at the end: what ``pretrained_encoder`` of the other bundles takes.

    The file holds the last encoder. Masks make the held-out loss a noisy judge of encoders, so the best by that loss is
    a second file, ``<name>_best.safetensors``.

    Args:
        network: the :class:`segpeft.networks.MaskedAutoEncoder` in training.
        path: of the ``.safetensors`` file; replaced in one step.
        validator: whose key metric decides about the best; None writes the last only.
    """

    def __init__(self, network: nn.Module, path: str | os.PathLike[str], validator: Evaluator | None = None) -> None:
        self.network = network
        self.path = Path(path)
        self.validator = validator

    def attach(self, engine: Engine) -> None:
        """Attaches to a trainer."""
        attach_last(engine, Events.EPOCH_COMPLETED, self.save)
        engine.add_event_handler(Events.COMPLETED, self.report)
        if self.validator is not None:
            attach_last(self.validator, Events.EPOCH_COMPLETED, self.save_if_best)

    def save(self, engine: Engine) -> None:
        """Writes the file, on the main process."""
        if is_main():
            save_encoder(bare_network(self.network), self.path)  # type: ignore[arg-type]

    def save_if_best(self, engine: Engine) -> None:
        """Writes the second file after a validation that is the best so far."""
        if is_main() and engine.state.best_metric_epoch == engine.state.epoch:  # type: ignore[attr-defined]
            best = self.path.with_stem(f"{self.path.stem}_best")
            save_encoder(bare_network(self.network), best)  # type: ignore[arg-type]

    def report(self, engine: Engine) -> None:
        """Logs where the encoder lies."""
        if is_main():
            logger.info("encoder: %s, %.2f MB", self.path, os.path.getsize(self.path) / 1e6)

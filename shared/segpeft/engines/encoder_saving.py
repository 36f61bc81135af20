"""Saving the encoder of a masked auto-encoder."""

from __future__ import annotations

import logging
import os

from ignite.engine import Engine, Events
from torch import nn

from segpeft.networks import save_encoder

from .checkpoint_loading import bare_network
from .distributed import is_main
from .ordering import attach_last

logger = logging.getLogger(__name__)


class EncoderSaver:
    """Writes the encoder file after every epoch and at the end: what ``pretrained_encoder`` of the other bundles takes.

    Args:
        network: the :class:`segpeft.networks.MaskedAutoEncoder` in training.
        path: of the ``.safetensors`` file; replaced in one step.
    """

    def __init__(self, network: nn.Module, path: str | os.PathLike[str]) -> None:
        self.network = network
        self.path = path

    def attach(self, engine: Engine) -> None:
        """Attaches to a trainer."""
        attach_last(engine, Events.EPOCH_COMPLETED, self.save)
        engine.add_event_handler(Events.COMPLETED, self.report)

    def save(self, engine: Engine) -> None:
        """Writes the file, on the main process."""
        if is_main():
            save_encoder(bare_network(self.network), self.path)  # type: ignore[arg-type]

    def report(self, engine: Engine) -> None:
        """Logs where the encoder lies."""
        if is_main():
            logger.info("encoder: %s, %.2f MB", self.path, os.path.getsize(self.path) / 1e6)

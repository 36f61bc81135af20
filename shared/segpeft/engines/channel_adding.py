"""Starting a training from a network of fewer channels."""

from __future__ import annotations

import os
from collections.abc import Sequence

from ignite.engine import Engine, Events
from torch import nn

from segpeft.errors import InputError
from segpeft.networks import load_trained_channels
from segpeft.state_files import read_checkpoint

from .checkpoint_loading import bare_network
from .distributed import is_distributed


class TrainedChannelsLoader:
    """Loads a network of fewer channels when a training starts: :func:`segpeft.networks.load_trained_channels`.

    A resumed training has its state from the file that it resumes from, and is left alone.

    Args:
        network: in training, from :func:`segpeft.networks.train_added_channels`.
        path: the whole trained network, a ``model.pt``.
        channels: names in the order of the network's channels.
        trained_channels: names in the order of the trained network's.

    Raises:
        InputError: (start) the optimizer decays weights, which would change what is trained already; the file is
            missing or belongs to another network.
    """

    def __init__(
        self,
        network: nn.Module,
        path: str | os.PathLike[str],
        channels: Sequence[str],
        trained_channels: Sequence[str],
    ) -> None:
        self.network, self.path = network, path
        self.channels, self.trained_channels = tuple(channels), tuple(trained_channels)

    def attach(self, engine: Engine) -> None:
        """Attaches to a trainer."""
        engine.add_event_handler(Events.STARTED, self)

    def __call__(self, engine: Engine) -> None:
        """Loads the file."""
        if not getattr(bare_network(self.network), "partly_trained", None):
            raise InputError("network: another config replaced what add_channel.json says; expected it as the last one")
        if is_distributed():
            raise InputError("channels are added by one process; expected a start without torchrun")
        for group in engine.optimizer.param_groups:  # type: ignore[attr-defined]
            if group.get("weight_decay"):
                raise InputError(f"weight_decay {group['weight_decay']}: expected 0 when only new channels are trained")
        if engine.state.epoch:
            return
        state = read_checkpoint(self.path)
        load_trained_channels(bare_network(self.network), state, self.channels, self.trained_channels, self.path)

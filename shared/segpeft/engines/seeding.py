"""Random numbers that depend on seed, epoch and process only."""

from __future__ import annotations

import random

import numpy as np
import torch
from ignite.engine import Engine, Events
from monai.data.utils import set_rnd

from segpeft.errors import InputError

from .distributed import rank


class SeedEveryEpoch:
    """Seeds everything anew at the start of each epoch, so that a resumed training draws what it would have drawn.

    torch (and with it the loader's order and its workers), numpy, Python, and the random transforms of the data set get
    one seed made of seed, epoch and process (``numpy.random.SeedSequence``: neighbouring seeds share nothing). The
    loader starts over right after, before anything else draws; a sampler or data set with ``set_epoch`` is told
    the epoch.

    Args:
        seed: of the training.
    """

    def __init__(self, seed: int = 0) -> None:
        if seed < 0:
            raise InputError(f"seed {seed} is out of range: expected an integer of at least 0")
        self.seed = seed

    def attach(self, engine: Engine) -> None:
        """Attaches to a trainer."""
        engine.state.seed = self.seed
        engine.add_event_handler(Events.EPOCH_STARTED, self)

    def __call__(self, engine: Engine) -> None:
        """Seeds the epoch that starts.

        Raises:
            InputError: if the loader keeps its workers, which would keep their random state as well.
        """
        loader = engine.state.dataloader
        if getattr(loader, "persistent_workers", False):
            raise InputError("persistent_workers=True keeps random states over epochs: expected False")
        seed = epoch_seed(self.seed, engine.state.epoch, rank())
        torch.manual_seed(seed)
        np.random.seed(seed)  # noqa: NPY002 - what third-party transforms draw from
        random.seed(seed)
        set_rnd(getattr(loader, "dataset", None), seed)
        for part in ("sampler", "dataset"):
            set_epoch = getattr(getattr(loader, part, None), "set_epoch", None)
            if callable(set_epoch):
                set_epoch(engine.state.epoch)
        engine.set_data(loader)  # type: ignore[arg-type]


def epoch_seed(seed: int, epoch: int, process: int = 0) -> int:
    """Returns a 32-bit seed for one epoch of one process."""
    return int(np.random.SeedSequence((seed, epoch, process)).generate_state(1)[0])

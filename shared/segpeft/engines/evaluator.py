"""The engine of validation, evaluation and inference."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import torch
from ignite.engine import Engine, Events
from monai.engines import SupervisedEvaluator
from torch.nn.parallel import DistributedDataParallel

from segpeft.errors import InputError

from .batches import batch_with_presence
from .distributed import gather_items
from .error_log import RAISED_ANYWAY
from .precision import AutocastInferer, autocast_dtype
from .preparation import prepare_datasets


class Unsized:
    """An iterable without a length: ignite then takes the end of its data as the end of the epoch.

    Args:
        data: what to iterate over.
    """

    def __init__(self, data: Iterable[Any]) -> None:
        self.data = data

    def __iter__(self) -> Iterator[Any]:
        """Starts over."""
        return iter(self.data)


class Evaluator(SupervisedEvaluator):
    """MONAI's supervised evaluator for loaders that may give fewer cases than they are long.

    Building it neither asks the loader for its length nor opens a file; :meth:`run` prepares the data set first. A
    loader that skips cases it must reject keeps a list ``rejected``: the good cases are all processed and reported,
    then the run ends in an error that names the rejected ones.

    Args:
        device: where to compute.
        val_data_loader: gives dicts with ``image (B, C, H, W, D)``, for metrics ``label (B, R, H, W, D)`` and ``case``.
        network: logits from images; already on ``device``. Taken out of ``DistributedDataParallel``: processes may have
            different numbers of cases.
        amp: mixed precision on CUDA, see :class:`~segpeft.engines.trainer.Trainer`.
        allow_empty: a data set without cases is only warned about (a server that trains on its first few labels has
            none left for validation).
        prepare_batch: what to take from a batch.
        **options: of ``monai.engines.SupervisedEvaluator``.
    """

    def __init__(
        self,
        device: str | torch.device,
        val_data_loader: Any,
        network: torch.nn.Module,
        amp: bool = False,
        allow_empty: bool = False,
        prepare_batch: Callable[..., Any] = batch_with_presence,
        **options: Any,
    ) -> None:
        options["epoch_length"] = 1  # a placeholder: None would make MONAI ask the loader
        if isinstance(network, DistributedDataParallel):  # its forward waits for the other processes, which may be done
            network = network.module
        super().__init__(
            torch.device(device), val_data_loader, network, amp=amp, prepare_batch=prepare_batch, **options
        )
        self.state.epoch_length = None
        self.wants_amp = amp
        self.allow_empty = allow_empty
        self.prepared = False
        self.add_event_handler(Events.STARTED, self._choose_precision)  # after the handlers that load weights
        self.logger.addFilter(RAISED_ANYWAY)

    def run(self, global_epoch: int = 1) -> None:  # type: ignore[override]
        """Prepares the data and goes through it once.

        Args:
            global_epoch: the trainer's epoch where this is a validation.

        Raises:
            InputError: if there is no case, or, after all others are done, if cases were rejected.
        """
        if not self.prepared:
            prepare_datasets(self.data_loader)
            self.prepared = True
        if not sum(gather_items([len(self.data_loader)])):  # type: ignore[arg-type]
            if not self.allow_empty:
                raise InputError("the data set holds no case: expected at least one")
            warnings.warn("no case to validate on: validation skipped", stacklevel=2)
            return
        self.state.max_epochs = max(global_epoch, 1)
        self.state.epoch = self.state.max_epochs - 1
        self.state.iteration = 0
        self.state.epoch_length = None
        Engine.run(self, data=Unsized(self.data_loader), max_epochs=self.state.max_epochs)
        self._raise_for_rejected()

    def _choose_precision(self) -> None:
        """Sets what MONAI's iteration reads."""
        dtype = autocast_dtype(self.state.device, self.wants_amp, self.network)
        self.amp = dtype is not None and self.state.device.type == "cuda"
        if dtype is None:
            return
        self.amp_kwargs = {**self.amp_kwargs, "dtype": dtype}
        if not self.amp and not isinstance(self.inferer, AutocastInferer):
            self.inferer = AutocastInferer(self.inferer, dtype)

    def _raise_for_rejected(self) -> None:
        rejected = gather_items([" ".join(str(one).split()) for one in getattr(self.data_loader, "rejected", ())])
        if rejected:
            cases = len(getattr(self.data_loader, "dataset", self.data_loader))  # type: ignore[arg-type]
            raise InputError(f"{len(rejected)} of {cases} cases were rejected: {'; '.join(rejected)}")

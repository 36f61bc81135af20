"""The training engine."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import torch
from monai.engines import SupervisedTrainer
from monai.engines.workflow import Workflow
from monai.handlers import ValidationHandler

from segpeft.errors import InputError
from segpeft.peft import hold_frozen_in

from .batches import plain_batch
from .checkpoint_loading import bare_network
from .error_log import RAISED_ANYWAY
from .non_finite import NonFiniteGuard
from .precision import autocast_dtype
from .preparation import prepare_datasets


class Trainer(SupervisedTrainer):
    """MONAI's supervised trainer, which leaves everything that touches data to the start of the run.

    What differs from ``monai.engines.SupervisedTrainer``:

    - Building it neither asks the loader for its length nor opens a file. :meth:`run` prepares the data sets, then
      takes the epoch's length from the loader.
    - ``amp`` means bfloat16 on cards that compute in it, with the frozen base held in bfloat16; float16 with a gradient
      scaler on older cards; nothing on a CPU.
    - Steps whose loss or gradient is not finite are skipped (:class:`~segpeft.engines.non_finite.NonFiniteGuard`).
    - Image and label reach the network as plain tensors.

    Args:
        device: where to train.
        max_epochs: number of epochs.
        train_data_loader: gives dicts with ``image (B, C, H, W, D)`` and ``label (B, R, H, W, D)``.
        network: logits from images; already on ``device``.
        optimizer: of the trainable parameters.
        loss_function: of logits and label.
        epoch_length: iterations an epoch; default the loader's length.
        amp: mixed precision on CUDA.
        prepare: further data sets to prepare before the first epoch (the validation's, so that its errors come early).
        max_bad_steps: stop after so many skipped steps in a row.
        prepare_batch: what to take from a batch.
        **options: of ``monai.engines.SupervisedTrainer``.

    Raises:
        InputError: if a ``ValidationHandler`` shall validate at an interval below 1.
    """

    def __init__(
        self,
        device: str | torch.device,
        max_epochs: int,
        train_data_loader: Any,
        network: torch.nn.Module,
        optimizer: torch.optim.Optimizer,
        loss_function: Callable[..., torch.Tensor],
        epoch_length: int | None = None,
        amp: bool = False,
        prepare: Sequence[Any] = (),
        max_bad_steps: int = 10,
        prepare_batch: Callable[..., Any] = plain_batch,
        **options: Any,
    ) -> None:
        _check_intervals(options.get("train_handlers") or ())
        super().__init__(
            device,
            max_epochs,
            train_data_loader,
            network,
            optimizer,
            loss_function,
            epoch_length=1,  # a placeholder: None would make MONAI ask the loader
            prepare_batch=prepare_batch,
            amp=amp,
            **options,
        )
        self.state.epoch_length = None
        self.epoch_length = epoch_length
        self.wants_amp = amp
        self.prepare = tuple(prepare)
        self.guard = NonFiniteGuard(max_bad_steps)
        self.guard.attach(self)
        self.logger.addFilter(RAISED_ANYWAY)

    def run(self) -> None:  # type: ignore[override]
        """Prepares the data, chooses the precision and trains.

        Raises:
            InputError: if the loader gives no batch, or training diverges.
        """
        if self.state.max_epochs < 1:
            raise InputError(f"epochs {self.state.max_epochs} is out of range: expected at least 1")
        prepare_datasets(self.data_loader, self.prepare)
        self.state.epoch_length = self.epoch_length or len(self.data_loader)  # type: ignore[arg-type]
        if not self.state.epoch_length:
            raise InputError("the training data gives no batch: expected at least one case a batch")
        self._choose_precision()
        Workflow.run(self)

    def _choose_precision(self) -> None:
        """Sets what MONAI's iteration reads: ``amp``, ``amp_kwargs`` and ``scaler`` (for float16 only)."""
        dtype = autocast_dtype(self.state.device, self.wants_amp)
        self.amp = dtype is not None
        if dtype is None:
            return
        self.amp_kwargs = {**self.amp_kwargs, "dtype": dtype}
        self.scaler = torch.amp.GradScaler("cuda", enabled=dtype is torch.float16)  # type: ignore[assignment]
        if dtype is torch.bfloat16:
            hold_frozen_in(bare_network(self.network), dtype)


def check_interval(val_interval: int) -> None:
    """Raises ``InputError`` where validation shall take place every ``val_interval`` epochs and that is below 1."""
    if val_interval < 1:
        raise InputError(f"val_interval {val_interval} is out of range: expected at least 1 epoch")


def _check_intervals(handlers: Iterable[Any]) -> None:
    for handler in handlers:
        if isinstance(handler, ValidationHandler):
            check_interval(handler.interval)

"""TensorBoard: scalars of training and validation, and a picture of a validation case."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from ignite.engine import Engine, Events
from monai.engines import Evaluator
from monai.utils import is_scalar
from torch import Tensor

from .distributed import is_main
from .iteration_loss import iteration_loss
from .ordering import attach_last
from .pictures import side_by_side

if TYPE_CHECKING:
    from torch.utils.tensorboard import SummaryWriter


class TensorBoard:
    """Writes loss and learning rate every iteration, and metrics and a picture after every validation.

    MONAI's ``TensorBoardStatsHandler`` opens its files when it is built; here that happens when the run starts, on the
    main process. The picture shows the first validation case: image, truth and prediction at the slice with most truth.

    Args:
        log_dir: where TensorBoard looks.
        validator: whose metrics and first case to show.
        channel: of the image in the picture.
        pred_key: of the prediction in the validator's output: masks or probabilities.
    """

    def __init__(
        self,
        log_dir: str | os.PathLike[str],
        validator: Evaluator | None = None,
        channel: int = 0,
        pred_key: str = "pred",
    ) -> None:
        self.log_dir = os.fspath(log_dir)
        self.validator = validator
        self.channel = channel
        self.pred_key = pred_key
        self.writer: SummaryWriter | None = None
        self.pictured = 0

    def attach(self, engine: Engine) -> None:
        """Attaches to a trainer."""
        engine.add_event_handler(Events.STARTED, self.open)
        engine.add_event_handler(Events.ITERATION_COMPLETED, self.write_step)
        for end in (Events.COMPLETED, Events.TERMINATE):
            engine.add_event_handler(end, self.close)
        if self.validator is not None:
            self.validator.add_event_handler(Events.ITERATION_COMPLETED, self.write_picture)
            attach_last(self.validator, Events.EPOCH_COMPLETED, self.write_metrics)

    def open(self, engine: Engine) -> None:
        """Opens the event file."""
        if is_main():
            from torch.utils.tensorboard import SummaryWriter  # slow to import, and not needed to infer

            self.writer = SummaryWriter(self.log_dir)

    def write_step(self, engine: Engine) -> None:
        """Writes loss and learning rate."""
        if self.writer is not None:
            rate = engine.optimizer.param_groups[0]["lr"]  # type: ignore[attr-defined]
            self.writer.add_scalar("train/loss", iteration_loss(engine.state.output), engine.state.iteration)
            self.writer.add_scalar("train/learning_rate", rate, engine.state.iteration)

    def write_metrics(self, engine: Engine) -> None:
        """Writes the metrics of a validation."""
        if self.writer is not None:
            for name, value in engine.state.metrics.items():
                if is_scalar(value):
                    self.writer.add_scalar(f"validation/{name}", value, engine.state.epoch)
            self.writer.flush()

    def write_picture(self, engine: Engine) -> None:
        """Writes the picture of the validation's first case."""
        if self.writer is None or self.pictured == engine.state.epoch:
            return
        self.pictured = engine.state.epoch
        item = _first(engine.state.output)
        if all(isinstance(item.get(key), Tensor) for key in ("image", "label", self.pred_key)):
            picture = side_by_side(item["image"], item["label"], item[self.pred_key], self.channel)
            self.writer.add_image("validation/case", picture, engine.state.epoch, dataformats="HWC")

    def close(self, engine: Engine) -> None:
        """Closes the event file."""
        if self.writer is not None:
            self.writer.close()
        self.writer = None


def _first(output: Any) -> dict[str, Any]:
    if isinstance(output, list):
        return dict(output[0])
    return {key: value[0] for key, value in output.items() if isinstance(value, Tensor) and value.ndim}

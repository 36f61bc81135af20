"""The loss of a masked auto-encoder on held-out volumes."""

from __future__ import annotations

from typing import Any

import torch
from ignite.engine import Engine
from ignite.metrics import Metric
from torch import nn

from .distributed import gather_items


class ReconstructionLoss(Metric):
    """Mean of a loss over the batches of a validation, each weighted by its size, over all processes.

    Every validation hides the same patches: the random states are set when it starts and put back when it ends, so the
    epochs of a training are compared on the same task.

    Args:
        loss: of prediction and image.
        seed: of the masks.
    """

    def __init__(self, loss: nn.Module, seed: int = 0) -> None:
        self.loss, self.seed = loss, seed
        self.before: tuple[torch.Tensor, list[torch.Tensor]] | None = None
        super().__init__()

    def reset(self) -> None:
        """Starts over."""
        self.sums = [0.0, 0.0]

    def started(self, engine: Engine) -> None:
        """Sets the random state."""
        super().started(engine)
        on_gpus = torch.cuda.get_rng_state_all() if torch.cuda.is_initialized() else []  # asking would initialise it
        self.before = torch.get_rng_state(), on_gpus
        torch.manual_seed(self.seed)

    def iteration_completed(self, engine: Engine) -> None:
        """Takes a batch."""
        self.update(engine.state.output)

    def update(self, output: Any) -> None:
        """Adds the loss of ``output``: a dictionary with "image" and "pred"."""
        size = len(output["image"])
        self.sums = [self.sums[0] + float(self.loss(output["pred"], output["image"])) * size, self.sums[1] + size]

    def compute(self) -> float:
        """Returns the mean; NaN without a volume."""
        parts = gather_items([self.sums])
        total, count = (sum(column) for column in zip(*parts, strict=True))
        return total / count if count else float("nan")

    def completed(self, engine: Engine, name: str) -> None:
        """Leaves the mean in ``engine.state.metrics`` and puts the random state back."""
        engine.state.metrics[name] = self.compute()
        if self.before is not None:
            on_cpu, on_gpus = self.before
            torch.set_rng_state(on_cpu)
            if on_gpus:
                torch.cuda.set_rng_state_all(on_gpus)


def lower_is_better(metric: float, best: float) -> bool:
    """Compares two values of a loss, for ``metric_cmp_fn`` of an evaluator."""
    return metric < best

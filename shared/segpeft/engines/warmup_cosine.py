"""Warm-up and cosine decay of the learning rate."""

from __future__ import annotations

import math
from typing import Any

from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from segpeft.errors import InputError

from .schedule import RunSchedule


class WarmupCosine(RunSchedule):
    """A linear rise, then half a cosine (Loshchilov and Hutter, arXiv 1608.03983): what masked auto-encoders train by.

    Step t of T, with w = ceil(warmup T) steps of warm-up, has the rate ``max_lr (t + 1) / w`` for t < w, and then
    ``min_lr + (max_lr - min_lr) (1 + cos(pi (t - w) / (T - 1 - w))) / 2``, which ends on ``min_lr``.

    Args:
        optimizer: whose learning rate to change, in each of its groups times the group's ``lr_ratio``.
        max_lr: the peak.
        warmup: part of the steps in which the rate rises.
        min_lr: the rate of the last step.

    Raises:
        InputError: if a number is out of range.
    """

    def __init__(self, optimizer: Optimizer, max_lr: float, warmup: float = 0.05, min_lr: float = 0.0) -> None:
        super().__init__(optimizer, max_lr)
        if not 0 <= warmup < 1:
            raise InputError(f"warmup {warmup} is out of range: expected a part of the run, 0 <= warmup < 1")
        if not 0 <= min_lr <= max_lr:
            raise InputError(f"min_lr {min_lr} is out of range: expected 0 <= min_lr <= max_lr {max_lr}")
        self.warmup = warmup
        self.min_lr = min_lr

    def make(self, total_steps: int) -> LRScheduler:
        """Returns torch's scheduler for a run of so many steps."""
        warmup_steps = math.ceil(self.warmup * total_steps)
        return _WarmupCosineLR(self.optimizer, self.ratios(), self.max_lr, self.min_lr, warmup_steps, total_steps)


class _WarmupCosineLR(LRScheduler):
    """The formula of :class:`WarmupCosine`; every attribute is a number, so its state loads weights-only."""

    def __init__(
        self,
        optimizer: Optimizer,
        ratios: list[float],
        max_lr: float,
        min_lr: float,
        warmup_steps: int,
        total_steps: int,
    ) -> None:
        self.ratios, self.max_lr, self.min_lr = ratios, max_lr, min_lr
        self.warmup_steps, self.total_steps = warmup_steps, total_steps
        super().__init__(optimizer)

    def get_lr(self) -> list[Any]:
        step, rise = self.last_epoch, self.warmup_steps
        if step < rise:
            rate = self.max_lr * (step + 1) / rise
        else:
            done = (step - rise) / max(self.total_steps - 1 - rise, 1)
            rate = self.min_lr + (self.max_lr - self.min_lr) * (1 + math.cos(math.pi * min(done, 1.0))) / 2
        return [rate * ratio for ratio in self.ratios]

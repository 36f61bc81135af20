"""Axes of plots: round numbers, and where they lie."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Axis:
    """A linear axis.

    Attributes:
        low: value at ``start``.
        high: value at ``end``.
        start: coordinate in the picture.
        end: coordinate in the picture.
        step: between ticks.
    """

    low: float
    high: float
    start: float
    end: float
    step: float

    def place(self, value: float) -> float:
        """Returns the coordinate of a value."""
        return self.start + (value - self.low) / (self.high - self.low) * (self.end - self.start)

    def ticks(self) -> list[tuple[float, str]]:
        """Returns the values that are marked, and how they are written."""
        decimals = max(0, -math.floor(math.log10(self.step) + 1e-9))
        count = round((self.high - self.low) / self.step)
        values = [self.low + index * self.step for index in range(count + 1)]
        return [(value, _written(value, decimals)) for value in values]


def axis_of(values: Iterable[float], start: float, end: float, ticks: int = 5, whole: bool = False) -> Axis:
    """Returns an axis with round ends around finite values; from 0 to 1 without any.

    Args:
        values: to be shown.
        start: coordinate of the lower end.
        end: coordinate of the upper end.
        ticks: about how many intervals.
        whole: mark whole numbers only.
    """
    known = [value for value in values if math.isfinite(value)] or [0.0, 1.0]
    low, high = min(known), max(known)
    if high - low < 1e-9 * max(1.0, abs(high)):
        margin = 1.0 if whole else abs(high) * 0.1 or 0.5
        low, high = low - margin, high + margin
    step = _round_step((high - low) / ticks, (1, 2, 5, 10) if whole else (1, 2, 2.5, 5, 10))
    step = max(step, 1.0) if whole else step
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return Axis(first * step, max(last, first + 1) * step, start, end, step)


def _round_step(step: float, factors: Sequence[float]) -> float:
    power = 10.0 ** math.floor(math.log10(step))
    return next(nice for factor in factors if (nice := factor * power) >= step * (1 - 1e-9))


def _written(value: float, decimals: int) -> str:
    if abs(value) >= 1e5 or (decimals > 4 and value):
        return f"{value:.1e}".replace("e-0", "e-").replace("e+0", "e")
    extra = 1 if decimals and abs(value * 10**decimals - round(value * 10**decimals)) > 1e-6 else 0
    return f"{value + 0.0:.{decimals + extra}f}"

"""How the columns of a case table are named, written and judged."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class Metric:
    """A column of ``cases.csv``.

    Attributes:
        name: in the table.
        title: for people.
        unit: "" for none.
        decimals: that are written.
        larger_is_better: the direction of good.
        bounded: whether values lie in [0, 1].
    """

    name: str
    title: str
    unit: str = ""
    decimals: int = 3
    larger_is_better: bool = True
    bounded: bool = False

    @property
    def heading(self) -> str:
        """Title with the unit."""
        return f"{self.title} ({self.unit})" if self.unit else self.title

    @property
    def sense(self) -> str:
        """What is good, in words."""
        return "larger is better" if self.larger_is_better else "smaller is better"

    def written(self, value: float | None) -> str:
        """Returns a value as text, a dash where there is none."""
        return "–" if value is None or not math.isfinite(value) else f"{value:.{self.decimals}f}".replace("-", "−")


_KNOWN = {
    "dice": Metric("dice", "Dice", bounded=True),
    "hd95": Metric("hd95", "HD95", "mm", 1, larger_is_better=False),
    "ece": Metric("ece", "ECE", larger_is_better=False, bounded=True),
}


def metric_of(name: str) -> Metric:
    """Returns how a column is shown; one that is not known keeps its name, and larger is taken for better."""
    return _KNOWN.get(name, Metric(name, name))

"""Scores of several cells of one configuration."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from statistics import fmean
from typing import Any


def over_seeds(cells: Iterable[Mapping[str, Any]], metric: str, region: str) -> dict[str, float]:
    """Returns the value of each case, averaged over the cells (the seeds of one configuration)."""
    values: dict[str, list[float]] = {}
    for cell in cells:
        for case, value in cell["scores"][metric][region].items():
            values.setdefault(case, []).append(value)
    return {case: fmean(found) for case, found in values.items()}

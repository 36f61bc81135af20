"""Scores of a cell, read from the table that its last stage wrote."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from statistics import fmean
from typing import Any

from segpeft.engines.case_table import ALL
from segpeft.errors import InputError

Scores = dict[str, dict[str, dict[str, float]]]
"""Metric -> region -> case -> value; the region ``mean`` is the mean over the regions of each case."""


def read_scores(path: Path, metrics: Sequence[str]) -> Scores:
    """Reads ``cases.csv``.

    Args:
        path: the file, see :class:`segpeft.engines.CaseTable`.
        metrics: columns to read.

    Raises:
        InputError: if the file or a column is missing.
    """
    if not path.is_file():
        raise InputError(f"{path}: no such file, expected the last stage of the grid to write it")
    with path.open(newline="", encoding="utf-8") as file:
        reader = csv.DictReader(file)
        rows, columns = list(reader), reader.fieldnames or []
    missing = [metric for metric in metrics if metric not in columns]
    if missing:
        raise InputError(f"{path}: has no column {missing[0]!r}, expected the metrics of the grid")
    scores: Scores = {metric: {} for metric in metrics}
    for metric in metrics:
        for row in rows:
            scores[metric].setdefault(row["region"], {})[row["case"]] = float(row[metric])
        regions = list(scores[metric].values())
        scores[metric][ALL] = (
            {case: fmean(region[case] for region in regions) for case in regions[0]} if regions else {}
        )
    return scores


def over_seeds(cells: Iterable[Mapping[str, Any]], metric: str, region: str) -> dict[str, float]:
    """Returns the value of each case, averaged over the cells (the seeds of one configuration)."""
    values: dict[str, list[float]] = {}
    for cell in cells:
        for case, value in cell["scores"][metric][region].items():
            values.setdefault(case, []).append(value)
    return {case: fmean(found) for case, found in values.items()}

"""The table of an evaluation, read back: a line a case and region."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean

from segpeft.engines.case_table import ALL
from segpeft.errors import InputError

Scores = dict[str, dict[str, dict[str, float]]]
"""Metric -> region -> case -> value; the region ``mean`` is the mean over the regions of each case."""

NOT_METRICS = ("case", "region", "truth_voxels", "pred_voxels", "policy")


@dataclass(frozen=True)
class CaseRow:
    """One line of ``cases.csv``.

    Attributes:
        case: its id.
        region: name.
        values: by metric.
        truth_voxels: size of the true region, None where the table does not say.
        pred_voxels: size of the predicted one.
        policy: which rule for empty regions gave the values, "" for none.
    """

    case: str
    region: str
    values: Mapping[str, float]
    truth_voxels: int | None
    pred_voxels: int | None
    policy: str


def read_rows(path: Path) -> list[CaseRow]:
    """Reads ``cases.csv``, see :class:`segpeft.engines.CaseTable`.

    Raises:
        InputError: the file is missing, is no such table, or holds a value that is no number.
    """
    if not path.is_file():
        raise InputError(f"{path}: no such file, expected the table of an evaluation")
    try:
        with path.open(newline="", encoding="utf-8") as file:
            reader = csv.DictReader(file)
            lines, columns = list(reader), reader.fieldnames or []
    except (csv.Error, UnicodeDecodeError) as error:
        raise InputError(f"{path}: is no table ({error})") from error
    if not {"case", "region"} <= set(columns):
        raise InputError(f"{path}: has the columns {', '.join(columns) or 'none'}; expected case and region")
    metrics = [column for column in columns if column not in NOT_METRICS]
    try:
        return [_row(line, metrics) for line in lines]
    except (TypeError, ValueError) as error:
        raise InputError(f"{path}: holds a value that is no number ({error})") from error


def _row(line: Mapping[str, str], metrics: Sequence[str]) -> CaseRow:
    values = {metric: float(line[metric]) for metric in metrics}
    truth, pred = (int(line[name]) if line.get(name) else None for name in ("truth_voxels", "pred_voxels"))
    return CaseRow(line["case"], line["region"], values, truth, pred, line.get("policy") or "")


def scores_of(rows: Iterable[CaseRow], metrics: Sequence[str]) -> Scores:
    """Returns the values by metric, region and case; the mean over regions is of the cases that have all regions."""
    scores: Scores = {metric: {} for metric in metrics}
    for row in rows:
        for metric in metrics:
            scores[metric].setdefault(row.region, {})[row.case] = row.values[metric]
    for metric in metrics:
        regions = list(scores[metric].values())
        cases = [case for case in (regions[0] if regions else {}) if all(case in region for region in regions)]
        scores[metric][ALL] = {case: fmean(region[case] for region in regions) for case in cases}
    return scores


def read_scores(path: Path, metrics: Sequence[str]) -> Scores:
    """Reads ``cases.csv``.

    Args:
        path: the file.
        metrics: columns to read.

    Raises:
        InputError: see :func:`read_rows`; or a column is missing.
    """
    rows = read_rows(path)
    missing = [metric for metric in metrics if rows and metric not in rows[0].values]
    if missing:
        raise InputError(f"{path}: has no column {missing[0]!r}, expected the metrics that are asked for")
    return scores_of(rows, metrics)

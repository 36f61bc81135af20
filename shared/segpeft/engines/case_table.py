"""The table of an evaluation: one line a case and region, and its summary."""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Iterator
from pathlib import Path
from statistics import fmean, stdev
from typing import Any

from ignite.engine import Engine, Events

from segpeft.atomic_files import replacing

from .distributed import is_main
from .ordering import attach_last
from .region_metrics import CaseScores, RegionScores

ALL = "mean"


class CaseTable:
    """Writes ``<name>.csv`` and ``<name>_summary.json`` after an evaluation, each replaced in one step.

    The CSV has a line for each case and region: case, region, the metrics, voxels of truth and prediction, and which
    rule of the policy for empty regions applied (``both_empty``, ``missed``, ``false_positive`` or nothing). The JSON
    has mean, standard deviation and n of each metric, by region and over the mean of the regions of each case
    (``mean``).

    Args:
        output_dir: where to write.
        name: of the files.
    """

    def __init__(self, output_dir: str | os.PathLike[str], name: str = "cases") -> None:
        self.output_dir = Path(output_dir)
        self.name = name

    def attach(self, engine: Engine) -> None:
        """Attaches to an evaluator whose metrics are :class:`~segpeft.engines.region_metrics.RegionMetric`."""
        attach_last(engine, Events.EPOCH_COMPLETED, self)

    def __call__(self, engine: Engine) -> None:
        """Writes both files, on the main process."""
        if not is_main():
            return
        kept = engine.state.metric_details  # type: ignore[attr-defined]
        details = {name: scores for name, scores in kept.items() if isinstance(scores, RegionScores)}
        with (
            replacing(self.output_dir / f"{self.name}.csv") as partial,
            partial.open("w", newline="", encoding="utf-8") as file,
        ):
            writer = csv.writer(file)
            writer.writerow(["case", "region", *details, "truth_voxels", "pred_voxels", "policy"])
            writer.writerows(table_rows(details))
        with replacing(self.output_dir / f"{self.name}_summary.json") as partial:
            partial.write_text(json.dumps(summary(details), indent=4) + "\n", encoding="utf-8")


def table_rows(details: dict[str, RegionScores]) -> Iterator[list[Any]]:
    """Yields the lines of the table."""
    if not details:
        return
    first, *_ = details.values()
    columns = [{case.case: case.values for case in scores.cases} for scores in details.values()]
    for case in first.cases:
        for index, region in enumerate(first.regions):
            values = [f"{column[case.case][index]:.6g}" for column in columns]
            sizes = [case.truth_voxels[index], case.pred_voxels[index]]
            yield [case.case, region, *values, *sizes, policy(case, index)]


def policy(case: CaseScores, index: int) -> str:
    """Returns which rule for empty regions gave the values of a case's region, "" for none."""
    truth, pred = case.truth_voxels[index], case.pred_voxels[index]
    if truth and pred:
        return ""
    return "missed" if truth else "false_positive" if pred else "both_empty"


def summary(details: dict[str, RegionScores]) -> dict[str, dict[str, dict[str, float | int | None]]]:
    """Returns mean, standard deviation (of the sample, None for one case) and n, by metric and region."""
    result = {}
    for name, scores in details.items():
        columns = {region: [case.values[i] for case in scores.cases] for i, region in enumerate(scores.regions)}
        columns[ALL] = [fmean(case.values) for case in scores.cases]
        result[name] = {region: _describe(values) for region, values in columns.items()}
    return result


def _describe(values: list[float]) -> dict[str, float | int | None]:
    return {
        "mean": fmean(values) if values else None,
        "std": stdev(values) if len(values) > 1 else None,
        "n": len(values),
    }

"""An evaluation as a report sees it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from segpeft.bundle.case_scores import CaseRow, Scores, read_rows, scores_of
from segpeft.bundle.json_files import read_json
from segpeft.engines.case_table import ALL
from segpeft.errors import InputError

from .metrics import Metric, metric_of
from .record import Record, read_record


@dataclass(frozen=True)
class Evaluation:
    """What an evaluation left in its folder.

    Attributes:
        name: what the page calls it.
        folder: of its files.
        rows: of ``cases.csv``.
        scores: finite values by metric, region and case, with the mean over regions.
        run: content of ``run.json``, empty without.
        record: of how it was started.
    """

    name: str
    folder: Path
    rows: Sequence[CaseRow]
    scores: Scores
    run: dict[str, Any]
    record: Record

    @property
    def metrics(self) -> list[Metric]:
        """The columns of its table."""
        return [metric_of(name) for name in self.scores]

    @property
    def regions(self) -> list[str]:
        """The regions of its table, without the mean of them."""
        return list(dict.fromkeys(row.region for row in self.rows))

    @property
    def cases(self) -> list[str]:
        """The ids in its table."""
        return list(dict.fromkeys(row.case for row in self.rows))

    def values(self, metric: Metric, region: str) -> dict[str, float]:
        """Returns the value of each case that has one."""
        return self.scores.get(metric.name, {}).get(region, {})


def read_evaluation(folder: Path, name: str) -> Evaluation:
    """Reads the folder of an evaluation.

    Raises:
        InputError: it has no table, an empty one, or a damaged file.
    """
    rows = read_rows(folder / "cases.csv")
    if not rows:
        raise InputError(f"{folder / 'cases.csv'}: holds no case; expected an evaluation of at least one")
    scores = scores_of(rows, list(rows[0].values))
    finite = {
        metric: {
            region: {case: value for case, value in values.items() if math.isfinite(value)}
            for region, values in regions.items()
        }
        for metric, regions in scores.items()
    }
    return Evaluation(name, folder, rows, finite, read_json(folder / "run.json"), read_record(folder))


def shared_metrics(evaluations: Sequence[Evaluation]) -> list[Metric]:
    """Returns the metrics that all evaluations have, in the order of the first.

    Raises:
        InputError: there is none.
    """
    shared = [
        metric for metric in evaluations[0].metrics if all(metric.name in other.scores for other in evaluations[1:])
    ]
    if not shared:
        raise InputError(f"{', '.join(str(e.folder) for e in evaluations)}: have no metric in common")
    return shared


def shared_regions(evaluations: Sequence[Evaluation]) -> list[str]:
    """Returns the regions of the page, and at last the mean of them where there are several.

    Raises:
        InputError: two evaluations have other regions.
    """
    regions = evaluations[0].regions
    for other in evaluations[1:]:
        if set(other.regions) != set(regions):
            raise InputError(
                f"{other.folder}: has the regions {', '.join(other.regions)}, "
                f"{evaluations[0].folder} has {', '.join(regions)}; expected the same"
            )
    return [*regions, ALL] if len(regions) > 1 else regions

"""Which cases a report shows: the best, the median and the worst."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

from .evaluation import Evaluation
from .metrics import Metric


@dataclass(frozen=True)
class Chosen:
    """A case that is shown.

    Attributes:
        title: why, "Best case" for example.
        case: its id.
        values: by evaluation.
    """

    title: str
    case: str
    values: Mapping[str, float]


def chosen_cases(evaluations: Sequence[Evaluation], metric: Metric, region: str) -> list[Chosen]:
    """Returns best, median (of an even number the worse one) and worst case, of several evaluations by their mean.

    Of several the case in which they differ most comes last, unless it is there already. Only cases that all
    evaluations have count; equal values are ordered by id.
    """
    columns = {evaluation.name: evaluation.values(metric, region) for evaluation in evaluations}
    cases = set.intersection(*(set(column) for column in columns.values()))
    values = {case: {name: column[case] for name, column in columns.items()} for case in cases}
    order = sorted(values, key=lambda case: (-_goodness(values[case], metric), case))
    places = _places(len(order))
    chosen = {order[place]: title for title, place in places.items()}
    if len(evaluations) > 1 and order:
        widest = max(order, key=lambda case: max(values[case].values()) - min(values[case].values()))
        chosen.setdefault(widest, "Largest difference")
    return [Chosen(title, case, values[case]) for case, title in chosen.items()]


def _goodness(values: Mapping[str, float], metric: Metric) -> float:
    return fmean(values.values()) * (1 if metric.larger_is_better else -1)


def _places(count: int) -> dict[str, int]:
    if count == 0:
        return {}
    if count == 1:
        return {"The only case": 0}
    if count == 2:
        return {"Best case": 0, "Worst case": 1}
    return {"Best case": 0, "Median case": count // 2, "Worst case": count - 1}

"""What an experiment gave: a row for each configuration, and every two of them compared."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import fmean, median, stdev
from typing import Any

from segpeft.bundle.statistics import bootstrap_interval, compare
from segpeft.engines.case_table import ALL

from .scores import over_seeds


def summarize(cells: Sequence[Mapping[str, Any]], metrics: Sequence[str]) -> dict[str, Any]:
    """Returns the content of ``results.json`` as far as it follows from the cells.

    A mean is over cases, each averaged over the seeds; the interval is a bootstrap over cases (95 %); the spread is the
    standard deviation of the seeds' means.

    Args:
        cells: records of finished cells.
        metrics: to report; the first one is compared between configurations.

    Returns:
        ``rows`` (see :func:`_row`), ``comparisons`` (see :func:`segpeft.bundle.statistics.compare`) of the first
        metric over the mean of the regions, and ``machines``.
    """
    groups: dict[str, list[Mapping[str, Any]]] = {}
    for cell in cells:
        groups.setdefault(cell["configuration"], []).append(cell)
    rows = [_row(name, group, metrics) for name, group in groups.items()]
    key = {name: over_seeds(group, metrics[0], ALL) for name, group in groups.items()}
    spreads = {row["configuration"]: row["scores"][metrics[0]][ALL]["spread"] for row in rows}
    machines = {str(sorted(cell["machine"].items(), key=str)): cell["machine"] for cell in cells}
    return {"rows": rows, "comparisons": compare(key, spreads), "machines": list(machines.values())}


def _row(name: str, cells: Sequence[Mapping[str, Any]], metrics: Sequence[str]) -> dict[str, Any]:
    """Returns one configuration: seeds, n of cases, scores by metric and region, parameters, costs, peak memory.

    The seconds are those of the first stage, averaged over the cells that ran without an interruption, None without
    any. The memory is the largest of the cells, of the GPU where there is one.
    """
    runs = [cell["run"] for cell in cells]
    whole = [cell["run"]["seconds"] for cell in cells if not cell["resumed"]]
    device = [run["peak_device_bytes"] for run in runs if run["peak_device_bytes"]]
    host = [run["peak_host_bytes"] for run in runs if run["peak_host_bytes"]]
    regions = cells[0]["scores"][metrics[0]]
    return {
        "configuration": name,
        "seeds": [cell["seed"] for cell in cells],
        "cases": len(over_seeds(cells, metrics[0], ALL)),
        "scores": {metric: {region: _score(cells, metric, region) for region in regions} for metric in metrics},
        "parameters": runs[0]["parameters"],
        "seconds": fmean(whole) if whole else None,
        "seconds_per_step": _median([run.get("seconds_per_step") for run in runs]),
        "adapter_bytes": runs[0].get("adapter_bytes"),
        "saved_bytes": _median([run.get("saved_bytes") for run in runs]),
        "peak_bytes": max(device or host, default=None),
        "memory": "device" if device else "host",
    }


def _median(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return median(known) if known else None


def _score(cells: Sequence[Mapping[str, Any]], metric: str, region: str) -> dict[str, Any]:
    values = list(over_seeds(cells, metric, region).values())
    seeds = [fmean(found.values()) for cell in cells if (found := cell["scores"][metric][region])]
    return {
        "mean": fmean(values) if values else None,
        "spread": stdev(seeds) if len(seeds) > 1 else None,
        "interval": bootstrap_interval(values),
        "seeds": seeds,
    }

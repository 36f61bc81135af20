"""The experiment's plot."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from segpeft.atomic_files import replacing


def save_plot(results: Mapping[str, Any], path: Path) -> None:
    """Draws the first metric of every configuration, a panel a region: mean, 95 % interval over cases, each seed.

    Args:
        results: the content of ``results.json``.
        path: of the PNG, replaced in one step.
    """
    rows, metric = results["rows"], results["metrics"][0]
    regions = list(rows[0]["scores"][metric])
    figure = Figure(figsize=(2 + 2.6 * len(regions), 1.6 + 0.4 * len(rows)), layout="constrained")
    FigureCanvasAgg(figure)
    panels = figure.subplots(1, len(regions), sharey=True, squeeze=False)[0]
    for panel, region in zip(panels, regions, strict=True):
        for height, row in enumerate(rows):
            _draw(panel, row["scores"][metric][region], height)
        panel.set_title("mean of regions" if region == "mean" else region)
        panel.set_xlabel(metric)
        panel.grid(axis="x", alpha=0.3)
    panels[0].set_yticks(range(len(rows)), [row["configuration"] for row in rows])
    panels[0].invert_yaxis()
    figure.suptitle("mean (bar: 95 % bootstrap interval over cases; dots: seeds)", fontsize=9)
    with replacing(path) as partial:
        figure.savefig(partial, dpi=150)


def _draw(panel: Any, score: Mapping[str, Any], height: int) -> None:
    if score["mean"] is None:
        return
    if score["interval"] is not None:
        panel.plot(score["interval"], [height, height], color="C0", linewidth=2)
    panel.plot(score["mean"], height, "s", color="C0", markersize=6)
    panel.plot(score["seeds"], [height] * len(score["seeds"]), "o", color="C1", markersize=3)

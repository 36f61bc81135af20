"""The experiment's plots."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from segpeft.atomic_files import replacing
from segpeft.engines.case_table import ALL


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
        panel.set_title("mean of regions" if region == ALL else region)
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


def save_parameter_plot(results: Mapping[str, Any], path: Path) -> None:
    """Draws the first metric, mean of the regions, over the trainable parameters: mean and spread over seeds of a row.

    Points are numbered by falling score; the legend says which row has which number.

    Args:
        results: the content of ``results.json``.
        path: of the PNG, replaced in one step.
    """
    metric = results["metrics"][0]
    rows = [row for row in results["rows"] if row["scores"][metric][ALL]["mean"] is not None]
    rows = [row for row in rows if row["parameters"]["trainable"]]
    figure = Figure(figsize=(9, max(5, 1 + 0.22 * len(rows))), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    for number, row in enumerate(sorted(rows, key=lambda row: -row["scores"][metric][ALL]["mean"]), 1):
        score, count = row["scores"][metric][ALL], row["parameters"]["trainable"]
        color, label = f"C{number % 10}", f"{number}  {row['configuration']}"
        bar: dict[str, Any] = {"fmt": "o", "capsize": 3, "markersize": 13, "elinewidth": 1, "alpha": 0.8}
        axes.errorbar(count, score["mean"], yerr=score["spread"] or 0.0, color=color, label=label, **bar)
        place: dict[str, Any] = {"ha": "center", "va": "center", "fontsize": 7, "fontweight": "bold"}
        axes.annotate(str(number), (count, score["mean"]), zorder=5, color="white", **place)
    axes.set_xscale("log")
    axes.set_xlabel("trainable parameters")
    axes.set_ylabel(f"{metric}, mean of regions (bar: standard deviation over seeds)")
    axes.grid(alpha=0.3)
    axes.legend(loc="upper left", bbox_to_anchor=(1.01, 1), fontsize=8, markerscale=0.5, frameon=False)
    with replacing(path) as partial:
        figure.savefig(partial, dpi=150)

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
    """Draws, by falling score, the first metric of every row beside how many parameters it trains, on a log scale.

    Parameters of the backbone and of the rest (decoder, head) are told apart; a network without a backbone has only a
    rest.

    Args:
        results: the content of ``results.json``.
        path: of the PNG, replaced in one step.
    """
    metric = results["metrics"][0]
    rows = [row for row in results["rows"] if row["scores"][metric][ALL]["mean"] is not None]
    rows.sort(key=lambda row: -row["scores"][metric][ALL]["mean"])
    figure = Figure(figsize=(9, 1.6 + 0.26 * len(rows)), layout="constrained")
    FigureCanvasAgg(figure)
    scores, counts = figure.subplots(1, 2, sharey=True)
    for height, row in enumerate(rows):
        score = row["scores"][metric][ALL]
        scores.errorbar(score["mean"], height, xerr=score["spread"] or 0.0, fmt="s", color="C0", capsize=3)
        _draw_counts(counts, row["parameters"], height)
    scores.set_xlabel(f"{metric}, mean of regions (bar: standard deviation over seeds)")
    counts.set_xlabel("trained parameters")
    counts.set_xscale("log")
    scores.set_yticks(range(len(rows)), [row["configuration"] for row in rows])
    scores.invert_yaxis()
    for panel in (scores, counts):
        panel.grid(alpha=0.3)
    figure.legend(*_once(counts), loc="outside upper right", ncols=2, frameon=False)
    with replacing(path) as partial:
        figure.savefig(partial, dpi=150)


def _draw_counts(panel: Any, counts: Mapping[str, int], height: int) -> None:
    backbone, rest = counts["backbone_peft"], counts["trainable"] - counts["backbone_peft"]
    if backbone:
        panel.plot(backbone, height, "o", color="C1", label="backbone")
    if rest:
        panel.plot(rest, height, "|", color="0.5", markersize=9, label="decoder and head")


def _once(panel: Any) -> tuple[list[Any], list[str]]:
    """Returns handles and labels of a legend, each label once."""
    handles, labels = panel.get_legend_handles_labels()
    found = dict(zip(labels, handles, strict=True))
    return list(found.values()), list(found)

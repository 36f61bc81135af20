"""The files that an experiment leaves: results, cells, table and plot."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import segpeft
from segpeft.atomic_files import replacing
from segpeft.bundle.json_files import write_json

from .cell import Cell
from .plot import save_parameter_plot, save_plot
from .runner import DONE, FAILED
from .summary import summarize
from .table import markdown


def write_report(cells: Sequence[Cell], command: str, folders: Sequence[Path]) -> str:
    """Writes ``results.json``, ``cells.jsonl`` (all scores), ``table.md`` and two plots; returns the table.

    Args:
        cells: of one grid, done or not.
        command: what a person typed.
        folders: where to write, all the same.
    """
    grid, records = cells[0].grid, [cell.record() for cell in cells]
    done = [record for record in records if record.get("status") == DONE]
    results: dict[str, Any] = {
        "name": grid.name,
        "about": grid.about,
        "command": command,
        "metrics": list(grid.metrics),
    }
    results |= summarize(done, grid.metrics)
    results |= {"failed": [_named(r) | {"error": r["error"]} for r in records if r.get("status") == FAILED]}
    waiting = [cell for cell, record in zip(cells, records, strict=True) if not record]
    results |= {"pending": [{"configuration": cell.configuration, "seed": cell.seed} for cell in waiting]}
    results |= {"finished": max((r["finished"] for r in done), default=None), "segpeft": segpeft.__version__}
    text = markdown(results)
    for folder in folders:
        write_json(folder / "results.json", results)
        _write_text(folder / "cells.jsonl", "".join(json.dumps(record) + "\n" for record in done))
        _write_text(folder / "table.md", text)
        if done:
            save_plot(results, folder / "scores.png")
            save_parameter_plot(results, folder / "parameters.png")
    return text


def _named(record: dict[str, Any]) -> dict[str, Any]:
    return {"configuration": record["configuration"], "seed": record["seed"]}


def _write_text(path: Path, text: str) -> None:
    with replacing(path) as partial:
        partial.write_text(text, encoding="utf-8")

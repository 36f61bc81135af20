"""Running the cells of a grid that are not done yet."""

from __future__ import annotations

import queue
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timezone
from statistics import fmean
from typing import Any

from segpeft.bundle.case_scores import read_scores
from segpeft.bundle.json_files import read_json, write_json
from segpeft.bundle.process import last_line, run_logged
from segpeft.engines.case_table import ALL
from segpeft.errors import InputError
from segpeft.machine import machine

from .cell import Cell

DONE, FAILED = "done", "failed"


def run_cells(cells: Sequence[Cell], gpus: Sequence[str] = ()) -> int:
    """Runs every cell that has no record of success, and returns how many failed.

    Args:
        cells: of one grid.
        gpus: one cell at a time on each of these; none: one at a time, on what the runs find.
    """
    free: queue.SimpleQueue[str | None] = queue.SimpleQueue()
    for gpu in gpus or (None,):
        free.put(gpu)

    def one(number: int, cell: Cell) -> bool:
        gpu = free.get()
        try:
            return _run(cell, gpu, f"[{number}/{len(cells)}] {cell.title}")
        finally:
            free.put(gpu)

    pool = ThreadPoolExecutor(len(gpus) or 1)
    try:
        return list(pool.map(one, range(1, len(cells) + 1), cells)).count(False)
    finally:
        pool.shutdown(wait=False, cancel_futures=True)  # after an interruption nobody waits for what still runs


def _run(cell: Cell, gpu: str | None, label: str) -> bool:
    """Runs one cell, or says that it is done; returns whether it is."""
    record = cell.record()
    if record.get("status") == DONE:
        print(f"{label}: done before, {_headline(record)}", flush=True)
        return True
    print(f"{label} ...", flush=True)
    start = time.monotonic()
    try:
        record = _record_of(cell, gpu)
    except InputError as error:
        record = {"status": FAILED, "error": str(error)}
    write_json(cell.folder / "cell.json", {**_head(cell, gpu), **record})
    seconds = time.monotonic() - start
    print(f"{label}: {record.get('error') or _headline(record)} ({seconds:.0f} s)", flush=True)
    return record["status"] == DONE


def _record_of(cell: Cell, gpu: str | None) -> dict[str, Any]:
    """Runs the stages that are not done yet and returns what came out."""
    cell.begin()
    for stage in cell.grid.stages:
        if cell.is_done(stage):
            continue
        if stage is cell.grid.stages[0]:
            cell.starts(add=1)
        environment = {} if gpu is None else {"CUDA_VISIBLE_DEVICES": gpu}
        code = run_logged(cell.command(stage), cell.bundle, cell.log(stage), environment)
        if code or not cell.is_done(stage):
            (cell.output(stage) / "run.json").unlink(missing_ok=True)  # it is written before bad cases are told of
            why = f"killed by signal {-code}: " if code < 0 else ""
            return {"status": FAILED, "error": f"{stage.name} failed: {why}{last_line(cell.log(stage))}"}
    first, last = cell.grid.stages[0], cell.grid.stages[-1]
    return {
        "status": DONE,
        "resumed": cell.starts() > 1,
        "run": read_json(cell.output(first) / "run.json"),
        "scores": read_scores(cell.output(last) / "cases.csv", cell.grid.metrics),
    }


def _head(cell: Cell, gpu: str | None) -> dict[str, Any]:
    return {
        "configuration": cell.configuration,
        "seed": cell.seed,
        "fingerprint": cell.begun_with(),
        "machine": machine(gpu),
        "finished": datetime.now(timezone.utc).isoformat(timespec="seconds"),
    }


def _headline(record: dict[str, Any]) -> str:
    metric, regions = next(iter(record["scores"].items()))
    return f"{metric} {fmean(regions[ALL].values()):.3f}" if regions[ALL] else "no case"

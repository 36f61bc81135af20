"""The demonstration's results, as a table and as a file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from segpeft.machine import machine


def results(out: Path, seconds: dict[str, float]) -> dict[str, Any]:
    """Collects scores, parameters, seconds and memory from the files of the runs into ``<out>/results.json``."""
    training = _read(out / "training" / "run.json")
    found = {
        "machine": machine(),
        "scores": _read(out / "evaluation" / "cases_summary.json"),
        "parameters": training["parameters"],
        "seconds": {name: round(value, 1) for name, value in seconds.items()},
        "peak_host_gib": round(training["peak_host_bytes"] / 2**30, 2),
    }
    (out / "results.json").write_text(json.dumps(found, indent=4) + "\n", encoding="utf-8")
    return found


def table(found: dict[str, Any]) -> str:
    """Returns Dice and HD95 per region with n, then parameters, seconds and memory."""
    lines = [f"{'region':<8}{'Dice':>8}{'HD95 (mm)':>12}{'n':>4}"]
    for region, dice in found["scores"]["dice"].items():
        distance = found["scores"]["hd95"][region]
        lines.append(f"{region:<8}{dice['mean']:>8.3f}{distance['mean']:>12.1f}{dice['n']:>4}")
    counts = found["parameters"]
    seconds = ", ".join(f"{name} {value:.0f}" for name, value in found["seconds"].items())
    lines += [
        "",
        f"parameters: {counts['trainable']:,} of {counts['total']:,} trained "
        f"({counts['trainable'] / counts['total']:.1%}); "
        f"{counts['backbone_peft']:,} in the encoder, {counts['task_head']:,} in fusion and decoder",
        f"seconds: {seconds} (in all {sum(found['seconds'].values()):.0f})",
        f"peak memory of training: {found['peak_host_gib']:.2f} GiB",
    ]
    return "\n".join(lines)


def _read(path: Path) -> dict[str, Any]:
    return dict(json.loads(path.read_text(encoding="utf-8")))

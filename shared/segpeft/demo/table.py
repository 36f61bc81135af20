"""The demonstration's table."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any


def print_table(out: Path, seconds: dict[str, float]) -> None:
    """Prints Dice and HD95 per region with n, parameters, seconds and peak memory, from the files of the runs."""
    scores = _read(out / "evaluation" / "cases_summary.json")
    training = _read(out / "training" / "run.json")
    print(f"\n{'region':<8}{'Dice':>8}{'HD95 (mm)':>12}{'n':>4}")
    for region, dice in scores["dice"].items():
        distance = scores["hd95"][region]
        print(f"{region:<8}{dice['mean']:>8.3f}{distance['mean']:>12.1f}{dice['n']:>4}")
    parameters = training["parameters"]
    share = parameters["trainable"] / parameters["total"]
    print(f"\ntrainable parameters: {parameters['trainable']:,} of {parameters['total']:,} ({share:.1%});", end=" ")
    print(f"in the encoder {parameters['backbone_peft']:,}, in fusion and decoder {parameters['task_head']:,}")
    print(f"seconds: {', '.join(f'{name} {value:.0f}' for name, value in seconds.items())}")
    print(f"peak memory of training: {training['peak_host_bytes'] / 2**30:.2f} GiB")


def _read(path: Path) -> dict[str, Any]:
    return dict(json.loads(path.read_text(encoding="utf-8")))

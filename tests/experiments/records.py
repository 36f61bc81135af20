"""Records of cells as the runner writes them."""

from __future__ import annotations

from typing import Any

MACHINE = {"cpu": "a cpu", "cores": 2, "gpu": None, "system": "Linux", "python": "3", "torch": "2", "monai": "1"}


def cell(name: str, seed: int, dice: dict[str, list[float]], **options: Any) -> dict[str, Any]:
    """A finished cell; `dice` has the cases' values by region."""
    scores = {region: {f"case{i}": value for i, value in enumerate(values)} for region, values in dice.items()}
    run = {
        "parameters": {"total": 4000, "trainable": 1000, "backbone_peft": 200, "task_head": 800},
        "seconds": 12.0,
        "peak_host_bytes": 2**30,
        "peak_device_bytes": None,
    }
    return {
        "configuration": name,
        "seed": seed,
        "status": "done",
        "resumed": options.pop("resumed", False),
        "machine": MACHINE,
        "finished": "2026-01-01T00:00:00+00:00",
        "run": {**run, **options},
        "scores": {"dice": scores},
    }

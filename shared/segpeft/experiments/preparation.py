"""What comes before all cells, as steps that are done once."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from segpeft.bundle.command import bundle_command
from segpeft.bundle.steps import Step

from .cell import Places, write_json
from .grid import Grid, Preparation
from .values import fill


def preparation_steps(grid: Grid, places: Places, values: Mapping[str, Any]) -> list[Step]:
    """Returns the steps; each runs again when the result of one before it has changed."""
    known = {**values, **places.values()}
    steps: list[Step] = []
    for preparation in grid.prepare:
        filled = Preparation(**fill(vars(preparation), known))
        before = [step.result for step in steps]
        if filled.command is not None:
            command, folder, configs = [str(word) for word in filled.command], places.bundles, []
        else:
            folder = places.bundles / filled.bundle
            configs = [folder / "configs" / name for name in filled.configs]
            command = _bundle_command(filled, places)
        steps.append(Step(filled.name, command, folder, [*configs, *before], Path(filled.result)))
    return steps


def _bundle_command(preparation: Preparation, places: Places) -> list[str]:
    """Writes the overrides of a preparation that is a bundle's run and returns its command."""
    folder = places.out / "prepared" / preparation.name
    knobs = {"output_dir": str(folder), "model_dir": str(folder / "models"), "cache_dir": str(places.out / "cache")}
    overlay = folder / "overrides.json"
    write_json(overlay, {**knobs, "resume": True, **preparation.overrides})
    return bundle_command(preparation.run_id, [*preparation.configs, overlay], {})

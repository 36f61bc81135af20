"""What comes before all cells, as steps that are done once."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from segpeft.bundle.command import bundle_command
from segpeft.bundle.json_files import write_json
from segpeft.bundle.steps import Step, run_step

from .cell import Places, config_texts
from .grid import Grid, Preparation
from .values import fill, known_values


def prepare(grid: Grid, places: Places, values: Mapping[str, Any]) -> None:
    """Runs every preparation that is not done yet; each runs again when a result before it has changed.

    Raises:
        InputError: if one fails, with the last line of its output.
    """
    results: list[Path] = []
    known = known_values(values, places.values())
    for preparation in (*grid.data, *grid.prepare):
        step = _step(Preparation(**fill(vars(preparation), known)), places, results)
        run_step(step, places.out)
        results.append(step.result)


def _step(preparation: Preparation, places: Places, before: Sequence[Path]) -> Step:
    if preparation.command is not None:
        command, folder, inputs = [str(word) for word in preparation.command], places.bundles, []
    else:
        folder = places.bundles / preparation.bundle
        overlay = _write_overrides(preparation, places, before)
        command = bundle_command(preparation.run_id, [*preparation.configs, overlay], {})
        inputs = [*(folder / "configs" / name for name in preparation.configs), overlay]
    return Step(preparation.name, command, folder, [*inputs, *before], Path(preparation.result))


def _write_overrides(preparation: Preparation, places: Places, before: Sequence[Path]) -> Path:
    """Writes the overrides of a bundle's run, which resumes what the same settings have begun and nothing else."""
    texts = config_texts(places.bundles / preparation.bundle, preparation.configs)
    digest = hashlib.sha256(json.dumps([vars(preparation), texts]).encode())
    for path in before:
        digest.update(path.read_bytes())
    folder = places.out / "prepared" / preparation.name
    knobs = {"output_dir": str(folder / digest.hexdigest()[:12]), "model_dir": str(folder), "resume": True}
    overlay = folder / "overrides.json"
    write_json(overlay, {"cache_dir": str(places.out / "cache"), **knobs, **preparation.overrides})
    return overlay

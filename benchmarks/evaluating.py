"""Evaluations of `brats_lora` through the bundle runner, each done once: what several comparisons are made of."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from segpeft.bundle.command import bundle_command
from segpeft.bundle.json_files import read_json
from segpeft.bundle.steps import Step, run_step
from segpeft.errors import InputError

ROOT = Path(__file__).parents[1]
CONFIGS = ROOT / "bundles" / "brats_lora" / "configs"
FIRST = (CONFIGS / "train.json", CONFIGS / "evaluate.json")


def config_paths(names: Sequence[str]) -> list[Path]:
    """Returns config files, of the bundle by name or anywhere by path.

    Raises:
        InputError: there is no such file.
    """
    paths = [CONFIGS / name if (CONFIGS / name).is_file() else Path(name).resolve() for name in names]
    for path, name in zip(paths, names, strict=True):
        if not path.is_file():
            raise InputError(f"configs: {name}: no such file, neither of the bundle nor as a path")
    return paths


def knob(name: str, overlays: Sequence[Path]) -> Any:
    """Returns what the configs of an evaluation set a knob to."""
    knobs: dict[str, Any] = {}
    for path in (CONFIGS / "train.json", *overlays):
        knobs.update(json.loads(path.read_text(encoding="utf-8")))
    return knobs[name]


def evaluated(
    name: str, knobs: Mapping[str, Any], overlays: Sequence[Path], work: Path, inputs: Sequence[Path]
) -> dict[str, Any]:
    """Evaluates, unless it was done before with the same configs and inputs, and returns the summary of the cases.

    Args:
        name: of the evaluation and of its folder in ``work``.
        knobs: of the configs.
        overlays: configs after those of training and evaluation.
        work: where the outputs go.
        inputs: files that decide whether an earlier result still holds, such as the network's.

    Raises:
        InputError: it failed, with the last line of its output.
    """
    configs, out = [*FIRST, *overlays], work / name
    command = bundle_command("evaluating", configs, {**knobs, "output_dir": out})
    step = Step(name.replace("/", " "), command, CONFIGS.parent, [*configs, *inputs], out / "cases_summary.json")
    run_step(step, work)
    return read_json(step.result)

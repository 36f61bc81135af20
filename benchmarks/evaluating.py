"""Evaluations of `brats_lora` through the bundle runner, each done once: what several comparisons are made of."""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from segpeft.atomic_files import replacing
from segpeft.bundle.command import bundle_command
from segpeft.bundle.json_files import read_json, write_json
from segpeft.bundle.steps import Step, run_step
from segpeft.errors import InputError
from segpeft.machine import machine

ROOT = Path(__file__).parents[1]
GRIDS = ROOT / "benchmarks" / "grids"
CONFIGS = ROOT / "bundles" / "brats_lora" / "configs"
FIRST = (CONFIGS / "train.json", CONFIGS / "evaluate.json")


def evaluating_parser(name: str, about: str | None) -> argparse.ArgumentParser:
    """Returns a parser of what all comparisons ask for.

    Args:
        name: of the comparison, and of its files.
        about: the description.
    """
    parser = argparse.ArgumentParser(description=about)
    parser.add_argument("--dataset_dir", type=Path, required=True, help="as for training")
    parser.add_argument("--section", default="validation", help="cases to judge on (default %(default)s; all, test)")
    parser.add_argument("--configs", nargs="*", default=[], help="further configs: of the bundle by name, or files")
    parser.add_argument("--work", type=Path, default=ROOT / "demo_out" / name, help="where the runs go")
    parser.add_argument("--out", type=Path, default=ROOT / "benchmarks" / "results" / f"{name}.json")
    return parser


def write_comparison(out: Path, results: Mapping[str, Any], title: str, table: str) -> None:
    """Prints a table, and writes the results with the machine to ``out`` and the table beside it as Markdown.

    Args:
        out: the JSON file.
        results: its content.
        title: of the Markdown file.
        table: in Markdown.
    """
    print(table)
    write_json(out, {"machine": machine(), **results})
    with replacing(out.with_suffix(".md")) as partial:
        partial.write_text(f"# {title}\n\n{table}\n", encoding="utf-8")


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

"""Dice for every subset of channels, of networks trained with and without channel dropout.

``python -m benchmarks.missing_modality --dataset_dir DIR --models dropout=A/model.pt plain=B/model.pt`` evaluates each
``model.pt`` of `brats_lora` on the labelled cases of a section, once for each of the 2^C - 1 subsets: the other
channels are treated as absent though their files are there. What was evaluated before is reused.
"""

from __future__ import annotations

import argparse
import itertools
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from benchmarks.evaluating import ROOT, config_paths, evaluated, knob
from segpeft.atomic_files import replacing
from segpeft.bundle.json_files import write_json
from segpeft.errors import InputError, one_line_errors
from segpeft.experiments.machine import machine


def main(arguments: Sequence[str] | None = None) -> None:
    """Evaluates, prints and writes the table."""
    one_line_errors()
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--dataset_dir", type=Path, required=True, help="as for training")
    parser.add_argument("--section", default="validation", help="cases to judge on (default %(default)s; all, test)")
    parser.add_argument("--models", nargs="+", required=True, metavar="NAME=FILE", help="columns and their networks")
    parser.add_argument("--configs", nargs="*", default=[], help="further configs: of the bundle by name, or files")
    parser.add_argument("--work", type=Path, default=ROOT / "demo_out" / "missing_modality", help="where the runs go")
    parser.add_argument("--out", type=Path, default=ROOT / "benchmarks" / "results" / "missing_modality.json")
    chosen = parser.parse_args(arguments)
    models = dict(_model(text) for text in chosen.models)
    overlays, work = config_paths(chosen.configs), chosen.work.resolve()
    data = {"dataset_dir": chosen.dataset_dir.resolve(), "section": chosen.section}
    channels = list(knob("channels", overlays))
    rows = []
    for used in subsets(channels):
        row: dict[str, Any] = {"channels": used, "dice": {}}
        for name, path in models.items():
            knobs = {**data, "ckpt_path": path, "channels_used": used}
            row["dice"][name] = evaluated(f"{name}/{'_'.join(used)}", knobs, overlays, work, [path])["dice"]
        rows.append(row)
    text = table(channels, list(models), rows)
    print(text)
    write_json(chosen.out, {"machine": machine(), "channels": channels, "models": list(models), "rows": rows})
    with replacing(chosen.out.with_suffix(".md")) as partial:
        partial.write_text(f"# Dice by the channels that are there\n\n{text}", encoding="utf-8")


def subsets(channels: Sequence[str]) -> Iterator[list[str]]:
    """Yields every subset but the empty one, small ones first, in the order of ``channels``."""
    for count in range(1, len(channels) + 1):
        yield from map(list, itertools.combinations(channels, count))


def table(channels: Sequence[str], models: Sequence[str], rows: Sequence[dict[str, Any]]) -> str:
    """Returns a Markdown table: a line a subset, a column a region and network."""
    first = rows[0]["dice"][models[0]]
    head = [*channels, *(f"{region}, {name}" for region in first for name in models), "cases"]
    lines = [head, ["---"] * len(channels) + ["---:"] * (len(head) - len(channels))]
    for row in rows:
        there = ["x" if channel in row["channels"] else "" for channel in channels]
        values = [f"{row['dice'][name][region]['mean']:.3f}" for region in first for name in models]
        lines.append([*there, *values, str(row["dice"][models[0]][next(iter(first))]["n"])])
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"


def _model(text: str) -> tuple[str, Path]:
    name, equals, path = text.partition("=")
    if not equals or not name.isidentifier() or not Path(path).is_file():
        raise InputError(f"models: {text!r} is none, expected NAME=FILE with a file that exists")
    return name, Path(path).resolve()


if __name__ == "__main__":
    main()

"""Dice for every subset of channels, of networks trained with and without channel dropout.

``python -m benchmarks.missing_modality --dataset_dir DIR --models dropout=A/model.pt plain=B/model.pt`` evaluates each
``model.pt`` of `brats_lora` on the labelled cases of a section, once for each of the 2^C - 1 subsets: the other
channels are treated as absent though their files are there. What was evaluated before is reused.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from benchmarks.evaluating import config_paths, evaluated, evaluating_parser, knob, write_comparison
from segpeft.errors import InputError, one_line_errors
from segpeft.markdown import markdown_table


def main(arguments: Sequence[str] | None = None) -> None:
    """Evaluates, prints and writes the table."""
    one_line_errors()
    parser = evaluating_parser("missing_modality", __doc__)
    parser.add_argument("--models", nargs="+", required=True, metavar="NAME=FILE", help="columns and their networks")
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
    results = {"channels": channels, "models": list(models), "rows": rows}
    write_comparison(chosen.out, results, "Dice by the channels that are there", table(channels, list(models), rows))


def subsets(channels: Sequence[str]) -> Iterator[list[str]]:
    """Yields every subset but the empty one, small ones first, in the order of ``channels``."""
    for count in range(1, len(channels) + 1):
        yield from map(list, itertools.combinations(channels, count))


def table(channels: Sequence[str], models: Sequence[str], rows: Sequence[dict[str, Any]]) -> str:
    """Returns a Markdown table: a line a subset, a column a region and network."""
    first = rows[0]["dice"][models[0]]
    head = [*channels, *(f"{region}, {name}" for region in first for name in models), "cases"]
    lines = []
    for row in rows:
        there = ["x" if channel in row["channels"] else "" for channel in channels]
        values = [f"{row['dice'][name][region]['mean']:.3f}" for region in first for name in models]
        lines.append([*there, *values, row["dice"][models[0]][next(iter(first))]["n"]])
    return markdown_table(head, lines, texts=len(channels))


def _model(text: str) -> tuple[str, Path]:
    name, equals, path = text.partition("=")
    if not equals or not name.isidentifier() or not Path(path).is_file():
        raise InputError(f"models: {text!r} is none, expected NAME=FILE with a file that exists")
    return name, Path(path).resolve()


if __name__ == "__main__":
    main()

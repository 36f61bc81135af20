"""An ensemble of adapters against each of its members: Dice and calibration.

``python -m benchmarks.ensemble --dataset_dir DIR --members A B C`` takes folders that trainings of `brats_lora` left as
``model_dir`` (``model.pt``, ``adapters/*.safetensors``), with one encoder and different seeds. It evaluates each and
the mean of all on the labelled cases of a section.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.evaluating import ROOT, config_paths, evaluated
from segpeft.atomic_files import replacing
from segpeft.bundle.json_files import write_json
from segpeft.errors import InputError, one_line_errors
from segpeft.experiments.machine import machine

METRICS = ("dice", "ece")


def main(arguments: Sequence[str] | None = None) -> None:
    """Evaluates, prints and writes the table."""
    one_line_errors()
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--dataset_dir", type=Path, required=True, help="as for training")
    parser.add_argument("--section", default="validation", help="cases to judge on (default %(default)s; all, test)")
    parser.add_argument("--members", nargs="+", required=True, type=Path, help="model folders, at least 2")
    parser.add_argument("--configs", nargs="*", default=[], help="further configs: of the bundle by name, or files")
    parser.add_argument("--work", type=Path, default=ROOT / "demo_out" / "ensemble", help="where the runs go")
    parser.add_argument("--out", type=Path, default=ROOT / "benchmarks" / "results" / "ensemble.json")
    chosen = parser.parse_args(arguments)
    networks, adapters = zip(*map(member_files, chosen.members), strict=True)
    overlays, work = config_paths(chosen.configs), chosen.work.resolve()
    knobs = {"dataset_dir": chosen.dataset_dir.resolve(), "section": chosen.section, "calibration": True}
    rows = {}
    for number, path in enumerate(networks, 1):
        rows[f"member {number}"] = evaluated(f"member{number}", {**knobs, "ckpt_path": path}, overlays, work, [path])
    together = [*overlays, *config_paths(["ensemble.json"])]
    knobs |= {"ckpt_path": networks[0], "adapters": [str(path) for path in adapters]}
    rows["ensemble"] = evaluated("ensemble", knobs, together, work, [*networks, *adapters])
    text = table(rows)
    print(text)
    write_json(chosen.out, {"machine": machine(), "rows": rows})
    with replacing(chosen.out.with_suffix(".md")) as partial:
        partial.write_text(f"# An ensemble of adapters and its members\n\n{text}", encoding="utf-8")


def member_files(folder: Path) -> tuple[Path, Path]:
    """Returns the network and the adapter file of a training.

    Raises:
        InputError: the folder does not hold one of each.
    """
    adapters = sorted((folder / "adapters").glob("*.safetensors"))
    if not (folder / "model.pt").is_file() or len(adapters) != 1:
        raise InputError(f"members: {folder}: expected model.pt and one file in adapters/, as a training leaves them")
    return (folder / "model.pt").resolve(), adapters[0].resolve()


def table(rows: Mapping[str, Mapping[str, Any]]) -> str:
    """Returns a Markdown table: a line a network, Dice and expected calibration error by region."""
    first = next(iter(rows.values()))
    names = {"dice": "Dice", "ece": "ECE"}
    head = ["network", *(f"{names[metric]} {region}" for metric in METRICS for region in first[metric]), "cases"]
    lines = [head, ["---"] + ["---:"] * (len(head) - 1)]
    for name, row in rows.items():
        values = [f"{row[metric][region]['mean']:.4f}" for metric in METRICS for region in first[metric]]
        lines.append([name, *values, str(next(iter(row["dice"].values()))["n"])])
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"


if __name__ == "__main__":
    main()

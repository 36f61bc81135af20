"""An ensemble of adapters against each of its members: Dice and calibration.

``python -m benchmarks.ensemble --dataset_dir DIR --members A B C`` takes folders that trainings of `brats_lora` left as
``model_dir`` (``model.pt``, ``adapters/*.safetensors``), with one encoder and different seeds. It evaluates each and
the mean of all on the labelled cases of a section.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.evaluating import config_paths, evaluated, evaluating_parser, write_comparison
from segpeft.errors import InputError, one_line_errors
from segpeft.markdown import markdown_table

METRICS = ("dice", "ece")


def main(arguments: Sequence[str] | None = None) -> None:
    """Evaluates, prints and writes the table."""
    one_line_errors()
    parser = evaluating_parser("ensemble", __doc__)
    parser.add_argument("--members", nargs="+", required=True, type=Path, help="model folders, at least 2")
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
    write_comparison(chosen.out, {"rows": rows}, "An ensemble of adapters and its members", table(rows))


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
    lines = []
    for name, row in rows.items():
        values = [f"{row[metric][region]['mean']:.4f}" for metric in METRICS for region in first[metric]]
        lines.append([name, *values, next(iter(row["dice"].values()))["n"]])
    return markdown_table(head, lines, texts=1)


if __name__ == "__main__":
    main()

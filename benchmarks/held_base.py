"""What a base in fewer bytes costs in Dice: `python -m benchmarks.held_base EXPERIMENT --row lora`.

Takes the networks that a grid trained (the folder of its results) and evaluates each again, with its frozen base in
bfloat16 and in 8 bits, on the test cases of the grid.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import mean, stdev
from typing import Any

from benchmarks.evaluating import GRIDS, ROOT, write_comparison
from segpeft.bundle.json_files import read_json
from segpeft.bundle.steps import Step, run_step
from segpeft.engines.case_table import ALL
from segpeft.errors import InputError, one_line_errors
from segpeft.experiments.cell import Cell, Places
from segpeft.experiments.grid import read_grid
from segpeft.markdown import markdown_table
from segpeft.peft.hold_base import FORMS

HELD = ("float32", *FORMS)


def main(arguments: Sequence[str] | None = None) -> None:
    """Evaluates, prints and writes the table."""
    one_line_errors()
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("experiment", type=Path, help="folder that a grid's runs left, named after the grid")
    parser.add_argument("--row", default="lora", help="configuration (default %(default)s)")
    parser.add_argument("--work", type=Path, default=ROOT / "demo_out" / "held_base", help="where the runs go")
    parser.add_argument("--out", type=Path, default=ROOT / "benchmarks" / "results" / "held_base.json")
    chosen = parser.parse_args(arguments)
    cells = trained_cells(chosen.experiment.resolve(), chosen.row)
    rows = {form: [scores(cell, form, chosen.work.resolve()) for cell in cells] for form in HELD}
    results = {"experiment": chosen.experiment.name, "row": chosen.row, "rows": rows}
    write_comparison(chosen.out, results, f"The base of {chosen.row} in fewer bytes", table(rows))


def trained_cells(out: Path, row: str) -> list[Cell]:
    """Returns the finished cells of a row, one for each seed.

    Raises:
        InputError: there is no such grid or row, or a cell is not done.
    """
    grid = read_grid(GRIDS / f"{out.name}.json")
    if row not in grid.configurations:
        raise InputError(f"--row {row}: no such configuration, expected some of {', '.join(grid.configurations)}")
    unused = {name: "" for name, value in grid.values.items() if value is None}  # of preparations, done already
    cells = [
        Cell(grid, row, seed, Places(out, ROOT / "bundles", GRIDS), {**grid.values, **unused}) for seed in grid.seeds
    ]
    for cell in cells:
        if not all(map(cell.is_done, grid.stages)):
            raise InputError(f"{cell.folder}: {cell.title} is not done: run the grid first, with --only {row}")
    return cells


def scores(cell: Cell, form: str, work: Path) -> dict[str, float]:
    """Returns the mean Dice over cases of each region, evaluated with the base in a form."""
    name = f"{cell.configuration}_seed{cell.seed}_{form}"
    model = cell.folder / "models" / "model.pt"
    step = Step(name, command_of(cell, form, work / name), cell.bundle, [model], work / name / "cases_summary.json")
    run_step(step, work)
    return {region: found["mean"] for region, found in read_json(step.result)["dice"].items() if region != ALL}


def command_of(cell: Cell, form: str, out: Path) -> list[str]:
    """Returns the command of a cell's last stage with its base held in a form."""
    held = None if form == "float32" else form
    return [*cell.command(cell.grid.stages[-1]), "--output_dir", str(out), "--hold_base", str(held)]


def table(rows: Mapping[str, Sequence[Mapping[str, float]]]) -> str:
    """Returns a Markdown table: a line a form, Dice by region, and the mean difference to float32 over the seeds."""
    regions = list(rows[HELD[0]][0])
    head = ["base", *regions, "mean", "mean - float32", "largest difference of a seed", "seeds"]
    lines: list[list[Any]] = []
    exact = [mean(row.values()) for row in rows[HELD[0]]]
    for form, found in rows.items():
        means = [mean(row.values()) for row in found]
        differences = [one - other for one, other in zip(means, exact, strict=True)]
        cells = [_spread([row[region] for row in found]) for region in regions]
        largest = max(differences, key=abs)
        lines.append([form, *cells, _spread(means), f"{mean(differences):+.4f}", f"{largest:+.4f}", len(found)])
    return markdown_table(head, lines, texts=1)


def _spread(values: Sequence[float]) -> str:
    return f"{mean(values):.4f}" + (f" ± {stdev(values):.4f}" if len(values) > 1 else "")


if __name__ == "__main__":
    main()

"""The table of a base held in fewer bytes, and what the benchmark asks for."""

import pytest

from benchmarks.held_base import GRIDS, command_of, table, trained_cells
from segpeft.errors import InputError
from segpeft.experiments.cell import Cell, Places
from segpeft.experiments.grid import read_grid


def test_table_compares_seed_by_seed():
    exact = [{"a": 0.8, "b": 0.6}, {"a": 0.7, "b": 0.5}]
    rows = {"float32": exact, "bf16": [{"a": 0.8, "b": 0.6}, {"a": 0.7, "b": 0.48}], "int8": exact}
    lines = table(rows).splitlines()
    assert "| bf16 | 0.7500 ± 0.0707 | 0.5400 ± 0.0849 | 0.6450 ± 0.0778 | -0.0050 | -0.0100 | 2 |" in lines
    assert lines[-1].endswith("| +0.0000 | +0.0000 | 2 |")


def test_wrong_rows_and_missing_cells_are_named(tmp_path):
    out = tmp_path / "methods_hippocampus_vit"
    with pytest.raises(InputError, match="--row lorra: no such configuration, expected some of full, scratch"):
        trained_cells(out, "lorra")
    with pytest.raises(InputError, match="lora, seed 0 is not done: run the grid first, with --only lora"):
        trained_cells(out, "lora")


def test_commands_differ_in_form_and_folder_alone(tmp_path):
    grid = read_grid(GRIDS / "methods_hippocampus_vit.json")
    cell = Cell(grid, "lora", 0, Places(tmp_path, GRIDS, GRIDS), grid.values)
    plain, held = (command_of(cell, form, tmp_path / form) for form in ("float32", "int8"))
    assert [pair for pair in zip(plain, held, strict=True) if pair[0] != pair[1]] == [
        (str(tmp_path / "float32"), str(tmp_path / "int8")),
        ("None", "int8"),
    ]

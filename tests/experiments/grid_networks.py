"""What the cells of a shipped grid build."""

import ast
from pathlib import Path

from segpeft.experiments.cell import Cell, Places
from segpeft.experiments.grid import read_grid
from tests.bundles.runs import BUNDLES, workflow

GRIDS = BUNDLES.parent / "benchmarks" / "grids"
VALUES = {"volumes": "/data/volumes", "dataset_dir": "/data/labelled"}


def network_of(path, configuration, seed, out, tiny=True):
    """What the training of a cell builds, from the command that the runner gives it."""
    grid = read_grid(path, tiny)
    cell = Cell(grid, configuration, seed, Places(out, BUNDLES, GRIDS), {**grid.values, **VALUES})
    command = cell.command(grid.stages[0])
    files = ast.literal_eval(command[command.index("--config_file") + 1])
    names = [file if Path(file).is_absolute() else file[len("configs/") : -len(".json")] for file in files]
    run = workflow(grid.bundle, *names)
    run.parser.get_parsed_content("train#handlers")
    return run.parser.get_parsed_content("network"), run.parser

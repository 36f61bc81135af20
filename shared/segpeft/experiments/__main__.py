"""Runs an experiment: ``python -m segpeft.experiments GRID.json --out DIR``.

Cells that are done are not run again, so the same command continues after an interruption of any kind; a cell that was
interrupted while it trained continues from its last whole epoch. Cells that fail are recorded and the others go on; the
exit status is then 1.
"""

from __future__ import annotations

import argparse
import os
import shlex
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from segpeft.errors import InputError, one_line_errors
from segpeft.settings import settings_of

from .cell import Cell, Places
from .grid import VARIANT, Grid, read_grid, vary
from .preparation import prepare
from .report import write_report
from .runner import run_cells

INTERRUPTED = 130


def build_parser() -> argparse.ArgumentParser:
    """Returns the parser of the command line."""
    parser = argparse.ArgumentParser(prog="python -m segpeft.experiments", description=__doc__)
    parser.add_argument("grid", type=Path, help="the grid file")
    parser.add_argument("--out", type=Path, required=True, help="folder; the grid's results go to a folder in it")
    parser.add_argument("--bundles", type=Path, default=Path("bundles"), help="the folder of the bundles")
    parser.add_argument("--report", type=Path, help="a second folder for results, table and plot")
    parser.add_argument("--seeds", type=int, nargs="+", metavar="N", help="instead of those of the grid")
    parser.add_argument("--only", nargs="+", metavar="NAME", help="run these configurations alone")
    parser.add_argument("--variants", nargs="+", metavar="NAME", help="cross every configuration with these variants")
    parser.add_argument("--gpus", help="0,1: a cell at a time on each of these GPUs")
    parser.add_argument("--tiny", action="store_true", help="the quick form of the grid")
    parser.add_argument(
        "--set", action="append", default=[], metavar="NAME=VALUE", help="value of a placeholder; may be repeated"
    )
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command line and returns its exit status."""
    asked = build_parser().parse_args(arguments)
    grid = _asked_grid(asked)
    out = asked.out.resolve() / grid.name
    places = Places(out, asked.bundles.resolve(), asked.grid.resolve().parent)
    values = {**grid.values, **settings_of(asked.set)}
    cells = [Cell(grid, name, seed, places, values) for name in grid.configurations for seed in grid.seeds]
    wanted = [cell for cell in cells if not asked.only or _names(cell.configuration) & set(asked.only)]
    for cell in wanted:
        cell.fingerprint()  # tells of missing configs and values before anything runs
    gpus = _gpus(asked.gpus)
    prepare(grid, places, values)
    failed = run_cells(wanted, gpus)
    folders = [out, *([asked.report] if asked.report else [])]
    print(f"\n{write_report(cells, _command(asked), folders)}\n{os.path.relpath(out)}")
    return 1 if failed else 0


def _asked_grid(asked: argparse.Namespace) -> Grid:
    grid = read_grid(asked.grid, asked.tiny)
    if asked.seeds:
        grid = replace(grid, seeds=list(dict.fromkeys(asked.seeds)))
    if asked.variants:
        grid = vary(grid, asked.variants)
    known = set().union(*map(_names, grid.configurations))
    unknown = [name for name in asked.only or () if name not in known]
    if unknown:
        raise InputError(
            f"--only {unknown[0]}: no such configuration, expected some of {', '.join(grid.configurations)}"
        )
    return grid


def _names(configuration: str) -> set[str]:
    """Returns what a row is called: its name, with and without its variant."""
    return {configuration, configuration.partition(VARIANT)[0]}


def _command(asked: argparse.Namespace) -> str:
    """Returns what to type for the same results, without the folders of this machine."""
    inside = asked.grid.resolve().is_relative_to(Path.cwd())
    name = os.path.relpath(asked.grid) if inside else asked.grid.name
    words = ["python", "-m", "segpeft.experiments", Path(name).as_posix(), "--out", "DIR"]
    words += ["--tiny"] if asked.tiny else []
    words += ["--seeds", *map(str, asked.seeds)] if asked.seeds else []
    words += ["--variants", *asked.variants] if asked.variants else []
    for pair in asked.set:
        words += ["--set", f"{pair.partition('=')[0]}=VALUE"]
    return shlex.join(words)


def _gpus(text: str | None) -> list[str]:
    gpus = text.split(",") if text else []
    wrong = [gpu for gpu in gpus if not gpu.strip().isdecimal()]
    if wrong:
        raise InputError(f"--gpus {text}: {wrong[0]!r} is no index of a GPU, expected numbers like 0,1")
    return [gpu.strip() for gpu in gpus]


def _run() -> None:
    one_line_errors()
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        print("interrupted: the same command continues", file=sys.stderr, flush=True)
        os._exit(INTERRUPTED)  # the runs are tethered to this process and end with it


if __name__ == "__main__":
    _run()

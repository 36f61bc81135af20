"""The subcommand ``report``."""

from __future__ import annotations

import argparse
from pathlib import Path

from segpeft.atomic_files import replacing
from segpeft.errors import InputError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds what `report` takes."""
    parser.add_argument("evaluations", type=Path, nargs="+", metavar="EVAL_DIR", help="output_dir of an evaluation")
    parser.add_argument("--out", type=Path, metavar="FILE", help="of the page (default: report.html in EVAL_DIR)")
    parser.add_argument("--names", nargs="+", default=[], metavar="NAME", help="of the evaluations, in their order")
    parser.add_argument(
        "--training", type=Path, nargs="+", default=[], metavar="RUN_DIR", help="output_dir of the trainings, in order"
    )
    parser.add_argument("--channel", type=int, default=0, metavar="INDEX", help="of the image that is shown (0)")


def run(asked: argparse.Namespace) -> int:
    """Writes the page and says where it is.

    Raises:
        InputError: an argument or a file is wrong.
    """
    from .content import read_content  # MONAI and scipy take seconds, and the other subcommands do without this
    from .page import page

    folders: list[Path] = asked.evaluations
    if asked.out is None and len(folders) > 1:
        raise InputError(f"{len(folders)} evaluations are compared: expected --out FILE for the page")
    if asked.training and len(asked.training) != len(folders):
        raise InputError(f"--training names {len(asked.training)} folders; expected {len(folders)}, one an EVAL_DIR")
    if asked.channel < 0:
        raise InputError(f"--channel is {asked.channel}; expected 0 or more")
    text = page(read_content(folders, asked.names, asked.training, asked.channel))
    path = asked.out or folders[0] / "report.html"
    with replacing(path) as partial:
        partial.write_text(text, encoding="utf-8")
    print(path)
    return 0

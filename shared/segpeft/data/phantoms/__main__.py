"""`python -m segpeft.data.phantoms <phantom>`: writes a synthetic data set."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from segpeft.data.phantoms.abdomen import PHANTOM as ABDOMEN
from segpeft.data.phantoms.brain import PHANTOM as BRAIN
from segpeft.data.phantoms.case import Phantom
from segpeft.data.phantoms.dataset_writer import write_dataset
from segpeft.data.phantoms.kidneys import PHANTOM as KIDNEYS
from segpeft.data.phantoms.prostate import PHANTOM as PROSTATE
from segpeft.data.phantoms.settings import LAYOUTS, Settings
from segpeft.errors import InputError

PHANTOMS: dict[str, Phantom] = {phantom.name: phantom for phantom in (BRAIN, PROSTATE, ABDOMEN, KIDNEYS)}


class _OneLineParser(argparse.ArgumentParser):
    """A parser that reports a wrong argument in one line, without the usage before it."""

    def error(self, message: str) -> NoReturn:
        """Prints the message and exits with status 2."""
        self.exit(2, f"{self.prog}: error: {message} (see --help)\n")


def build_parser() -> argparse.ArgumentParser:
    """Returns the parser, with one subcommand a phantom."""
    parser = _OneLineParser(
        prog="python -m segpeft.data.phantoms",
        description="Write a synthetic data set, in the layout of the data that it stands for. "
        "The same arguments always give the same bytes.",
    )
    commands = parser.add_subparsers(dest="phantom", required=True, metavar="{" + ",".join(PHANTOMS) + "}")
    for name, phantom in PHANTOMS.items():
        _add_arguments(commands.add_parser(name, help=phantom.description, description=phantom.description), phantom)
    return parser


def _add_arguments(command: argparse.ArgumentParser, phantom: Phantom) -> None:
    """Adds the arguments that all phantoms share."""
    shape = " ".join(map(str, phantom.default_shape)) if phantom.default_shape else "each case draws its own"
    smallest = " ".join(map(str, phantom.smallest_shape))
    command.add_argument(
        "--out", type=Path, required=True, metavar="DIR", help="folder: new, empty, or to be continued"
    )
    command.add_argument("--cases", type=int, required=True, metavar="N", help="number of cases to write")
    command.add_argument(
        "--shape",
        type=int,
        nargs=3,
        default=phantom.default_shape,
        metavar=("X", "Y", "Z"),
        help=f"voxels along each axis, at least {smallest}; the field of view stays, so fewer are "
        f"coarser (default: {shape})",
    )
    command.add_argument("--seed", type=int, default=0, metavar="S", help="seed of the data set (default: 0)")
    command.add_argument(
        "--start",
        type=int,
        default=0,
        metavar="I",
        help="index of the first case, numbered I + 1 in its file name, so that sets can be disjoint (default: 0)",
    )
    command.add_argument("--unlabelled", action="store_true", help="write images alone, listed as test cases")
    _add_layout(command, phantom.default_layout)
    command.add_argument("--workers", type=int, default=1, metavar="W", help="processes to use (default: 1)")


def _add_layout(command: argparse.ArgumentParser, default: str) -> None:
    """Adds the arguments that say how the cases lie on disk."""
    command.add_argument(
        "--layout",
        choices=LAYOUTS,
        help="msd: dataset.json and one 4D file a case; series: a folder a case with a volume a channel, each on the "
        f"grid it was acquired on; kits: one channel, as KiTS19 is distributed (default: {default})",
    )
    command.add_argument(
        "--dicom", action="store_true", help="write the channels as DICOM series folders; implies --layout series"
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command line and returns its exit status: 0, 1 after an error, 2 after a wrong argument.

    Args:
        arguments: the command line without the program's name; None reads `sys.argv`.
    """
    asked = build_parser().parse_args(arguments)
    try:
        written = 0
        for path in write_dataset(PHANTOMS[asked.phantom], asked.out, _settings(asked), asked.workers):
            written += 1
            print(f"{path} ({written})", flush=True)
    except (InputError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    print(f"{asked.out}: {asked.cases} cases, {written} written now")
    return 0


def _settings(asked: argparse.Namespace) -> Settings:
    """Returns the settings that the command line asks for."""
    return Settings(
        cases=asked.cases,
        shape=tuple(asked.shape) if asked.shape else None,
        seed=asked.seed,
        start=asked.start,
        labelled=not asked.unlabelled,
        layout=asked.layout or ("series" if asked.dicom else PHANTOMS[asked.phantom].default_layout),
        dicom=asked.dicom,
    )


if __name__ == "__main__":
    sys.exit(main())

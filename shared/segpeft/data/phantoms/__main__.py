"""`python -m segpeft.data.phantoms <phantom>`: writes a synthetic data set."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from segpeft.data.phantoms.brain import PHANTOM as BRAIN
from segpeft.data.phantoms.case import Phantom
from segpeft.data.phantoms.msd_writer import Settings, write_dataset
from segpeft.errors import InputError

PHANTOMS: dict[str, Phantom] = {phantom.name: phantom for phantom in (BRAIN,)}


class _OneLineParser(argparse.ArgumentParser):
    """A parser that reports a wrong argument in one line, without the usage before it."""

    def error(self, message: str) -> NoReturn:
        """Prints the message and exits with status 2."""
        self.exit(2, f"{self.prog}: error: {message} (see --help)\n")


def build_parser() -> argparse.ArgumentParser:
    """Returns the parser, with one subcommand a phantom."""
    parser = _OneLineParser(
        prog="python -m segpeft.data.phantoms",
        description="Write a synthetic data set in the layout of the Medical Segmentation Decathlon. "
        "The same arguments always give the same bytes.",
    )
    commands = parser.add_subparsers(dest="phantom", required=True, metavar="{" + ",".join(PHANTOMS) + "}")
    for name, phantom in PHANTOMS.items():
        _add_arguments(commands.add_parser(name, help=phantom.description, description=phantom.description), phantom)
    return parser


def _add_arguments(command: argparse.ArgumentParser, phantom: Phantom) -> None:
    """Adds the arguments that all phantoms share."""
    shape = " ".join(str(n) for n in phantom.default_shape)
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
        help=f"voxels along each axis, at least 24; the field of view stays, so fewer are coarser (default: {shape})",
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
    command.add_argument("--workers", type=int, default=1, metavar="W", help="processes to use (default: 1)")


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command line and returns its exit status: 0, 1 after an error, 2 after a wrong argument.

    Args:
        arguments: the command line without the program's name; None reads `sys.argv`.
    """
    asked = build_parser().parse_args(arguments)
    try:
        settings = Settings(asked.cases, tuple(asked.shape), asked.seed, asked.start, not asked.unlabelled)
        written = 0
        for path in write_dataset(PHANTOMS[asked.phantom], asked.out, settings, asked.workers):
            written += 1
            print(f"{path} ({written})", flush=True)
    except (InputError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    print(f"{asked.out / 'dataset.json'}: {asked.cases} cases, {written} written now")
    return 0


if __name__ == "__main__":
    sys.exit(main())

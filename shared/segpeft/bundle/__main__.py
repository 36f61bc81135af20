"""`python -m segpeft.bundle`: pack a bundle for others, verify what was packed."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from segpeft.errors import InputError

from .baking import Baked, baked
from .pack import Weights, pack
from .verify import report, verify


def build_parser() -> argparse.ArgumentParser:
    """Returns the parser, with one subcommand a task."""
    parser = argparse.ArgumentParser(prog="python -m segpeft.bundle", description="The commands around a bundle.")
    commands = parser.add_subparsers(dest="command", required=True)
    packing = commands.add_parser("pack", help="write a zip that trains and infers without segpeft installed")
    packing.add_argument("bundle", type=Path, help="folder of the bundle")
    packing.add_argument("--out", type=Path, default=Path("dist"), metavar="DIR", help="where the zip goes (dist)")
    weights = packing.add_mutually_exclusive_group()
    weights.add_argument("--model", type=Path, metavar="FILE", help="weights (default: models/model.pt of the bundle)")
    weights.add_argument("--random-model", action="store_true", help="random weights, for tests; the zip says so")
    packing.add_argument("--method", metavar="FILE|NAME", help="method that the model was trained with")
    packing.add_argument(
        "--overlay", type=Path, action="append", default=[], metavar="FILE", help="overlay of the training; repeatable"
    )
    packing.add_argument(
        "--set", action="append", default=[], metavar="NAME=VALUE", help="knob of the training; repeatable"
    )
    packing.add_argument("--url", metavar="URL", help="where large files will lie, for large_files.yml")
    verifying = commands.add_parser("verify", help="check a bundle as the Model Zoo does")
    verifying.add_argument("bundle", type=Path, help="folder or zip")
    verifying.add_argument(
        "--schema", type=Path, metavar="FILE", help="check metadata.json by this JSON schema as well"
    )
    verifying.add_argument("--quick", action="store_true", help="files and metadata only, no network is built")
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command line and returns its exit status: 0, 1 if something is wrong, 2 if an argument is."""
    asked = build_parser().parse_args(arguments)
    try:
        return {"pack": _pack, "verify": _verify}[asked.command](asked)
    except (InputError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1


def _pack(asked: argparse.Namespace) -> int:
    changes: Baked = baked(asked.method, asked.overlay, asked.set)
    made = pack(asked.bundle, asked.out, Weights(asked.model, asked.random_model, asked.url), changes)
    print(made.said())
    return 0


def _verify(asked: argparse.Namespace) -> int:
    found = verify(asked.bundle, asked.schema, asked.quick)
    print(report(found))
    return int(any(finding.wrong for finding in found))


if __name__ == "__main__":
    sys.exit(main())

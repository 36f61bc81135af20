"""`python -m segpeft.bundle`: make a bundle for a data set, pack it, verify it, repeat a run, report what it gave."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from segpeft.errors import InputError

from .baking import Baked, baked
from .new import command as new
from .pack import Weights, pack
from .repeat import repetition
from .report import command as page
from .verify import report, verify


class Task(NamedTuple):
    """A subcommand: what it does, its arguments, and what runs it and returns the exit status."""

    about: str
    add_arguments: Callable[[argparse.ArgumentParser], None]
    run: Callable[[argparse.Namespace], int]


def build_parser() -> argparse.ArgumentParser:
    """Returns the parser, with one subcommand a task."""
    parser = argparse.ArgumentParser(prog="python -m segpeft.bundle", description="The commands around a bundle.")
    commands = parser.add_subparsers(dest="command", required=True)
    for name, task in TASKS.items():
        task.add_arguments(commands.add_parser(name, help=task.about))
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command line and returns its exit status: 0, 1 if something is wrong, 2 if an argument is."""
    asked = build_parser().parse_args(arguments)
    try:
        return TASKS[asked.command].run(asked)
    except (InputError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1


def _add_packing(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("bundle", type=Path, help="folder of the bundle")
    parser.add_argument("--out", type=Path, default=Path("dist"), metavar="DIR", help="where the zip goes (dist)")
    weights = parser.add_mutually_exclusive_group()
    weights.add_argument("--model", type=Path, metavar="FILE", help="weights (default: models/model.pt of the bundle)")
    weights.add_argument("--random-model", action="store_true", help="random weights, for tests; the zip says so")
    parser.add_argument("--method", metavar="FILE|NAME", help="method that the model was trained with")
    parser.add_argument(
        "--overlay", type=Path, action="append", default=[], metavar="FILE", help="overlay of the training; repeatable"
    )
    parser.add_argument(
        "--set", action="append", default=[], metavar="NAME=VALUE", help="knob of the training; repeatable"
    )
    parser.add_argument("--url", metavar="URL", help="where large files will lie, for large_files.yml")


def _pack(asked: argparse.Namespace) -> int:
    changes: Baked = baked(asked.method, asked.overlay, asked.set)
    made = pack(asked.bundle, asked.out, Weights(asked.model, asked.random_model, asked.url), changes)
    print(made.said())
    return 0


def _add_verifying(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("bundle", type=Path, help="folder or zip")
    parser.add_argument("--schema", type=Path, metavar="FILE", help="check metadata.json by this JSON schema as well")
    parser.add_argument("--quick", action="store_true", help="files and metadata only, no network is built")


def _verify(asked: argparse.Namespace) -> int:
    found = verify(asked.bundle, asked.schema, asked.quick)
    print(report(found))
    return int(any(finding.wrong for finding in found))


def _add_repeating(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("run_dir", type=Path, help="folder that the run wrote to")
    parser.add_argument("--output_dir", type=Path, metavar="DIR", help="new folder (default: RUN_DIR_repeated)")
    parser.add_argument(
        "--set", action="append", default=[], metavar="NAME=VALUE", help="knob that shall differ; repeatable"
    )


def _repeat(asked: argparse.Namespace) -> int:
    prepared = repetition(asked.run_dir, asked.output_dir, asked.set)
    if prepared.differences:
        print(f"warning: {'; '.join(prepared.differences)}", file=sys.stderr, flush=True)
    return prepared.run()


TASKS = {
    "new": Task("write a bundle for a data set, with knobs that its files suggest", new.add_arguments, new.run),
    "pack": Task("write a zip that trains and infers without segpeft installed", _add_packing, _pack),
    "verify": Task("check a bundle as the Model Zoo does", _add_verifying, _verify),
    "repeat": Task("run again what left a record.json, into another folder", _add_repeating, _repeat),
    "report": Task("write an evaluation, or several compared, as one HTML page", page.add_arguments, page.run),
}


if __name__ == "__main__":
    sys.exit(main())

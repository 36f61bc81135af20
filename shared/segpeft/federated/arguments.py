"""What every command asks for: the bundle, its sites and its rounds."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from segpeft.errors import InputError


def add_training_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments that all commands share."""
    parser.add_argument("--bundle", type=Path, required=True, help="folder of the bundle")
    parser.add_argument("--sites", nargs="+", required=True, metavar="[NAME=]DIR", help="data set or datalist of each")
    parser.add_argument("--rounds", type=int, required=True)
    parser.add_argument("--local_epochs", type=int, default=1, help="epochs a round (default %(default)s)")
    parser.add_argument("--out", type=Path, required=True, help="folder for the result and for what the sites write")
    parser.add_argument("--config_file", nargs="+", default=["configs/train.json"], help="of the bundle, or absolute")
    parser.add_argument("--set", nargs="+", default=[], metavar="KNOB=VALUE", help="knobs, the same at every site")
    parser.add_argument("--min_sites", type=int, default=1, help="usable updates a round needs (default %(default)s)")


def check_configs(bundle: Path, names: Sequence[str]) -> None:
    """Looks for the config files of a bundle.

    Raises:
        InputError: there is no such file.
    """
    for name in names:
        if not (bundle / name).is_file():
            raise InputError(f"{bundle / name}: no such config file")

"""Federated training of a bundle: ``python -m segpeft.federated --help``."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from segpeft.errors import one_line_errors

from . import nvflare_job, simulate

COMMANDS = {"simulate": simulate, "nvflare": nvflare_job}


def main(arguments: Sequence[str] | None = None) -> None:
    """Runs the command that is asked for."""
    one_line_errors()
    parser = argparse.ArgumentParser(prog="python -m segpeft.federated", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="{" + ",".join(COMMANDS) + "}")
    for name, module in COMMANDS.items():
        command = commands.add_parser(name, help=module.__doc__, description=module.__doc__)
        module.add_arguments(command)
        command.set_defaults(run=module.run)
    asked = parser.parse_args(arguments)
    asked.run(asked)


if __name__ == "__main__":
    main()

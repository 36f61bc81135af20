"""What an entry of a config evaluates to."""

from __future__ import annotations

from typing import Any

from monai.bundle import ConfigParser

from segpeft.errors import InputError, find_input_error, reason_of


def built(parser: ConfigParser, name: str) -> Any:
    """Returns what an entry of a config evaluates to.

    Raises:
        InputError: it cannot be; with the reason that the classes behind it give.
    """
    try:
        return parser.get_parsed_content(name)
    except Exception as error:  # MONAI wraps whatever the classes of a config raise
        known = find_input_error(error)
        raise known or InputError(f"{name}: {_root(error)}") from error


def _root(error: BaseException) -> str:
    while error.__cause__ is not None:
        error = error.__cause__
    return f"{type(error).__name__}: {reason_of(error)}"

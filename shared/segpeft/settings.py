"""Settings on a command line: ``--set NAME=VALUE``."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from segpeft.errors import InputError


def settings_of(pairs: Sequence[str]) -> dict[str, Any]:
    """Returns the values by name; a value is read as JSON, and is a word where it is none.

    Raises:
        InputError: a pair has no ``=``.
    """
    values = {}
    for pair in pairs:
        name, equals, text = pair.partition("=")
        if not equals:
            raise InputError(f"--set {pair}: expected NAME=VALUE")
        try:
            values[name] = json.loads(text)
        except ValueError:
            values[name] = text
    return values

"""Placeholders in a grid file: ``{name}`` stands for a value that the grid, the command line or the runner gives."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from segpeft.errors import InputError

PLACEHOLDER = re.compile(r"\{([A-Za-z_]\w*)\}")


def fill(content: Any, values: Mapping[str, Any]) -> Any:
    """Returns JSON content with its placeholders replaced.

    A text that is one placeholder and nothing else becomes the value itself, number or list as it may be; inside a
    longer text the value is written out.

    Args:
        content: what a JSON file holds.
        values: by name.

    Raises:
        InputError: naming a placeholder without a value.
    """
    if isinstance(content, Mapping):
        return {key: fill(value, values) for key, value in content.items()}
    if isinstance(content, (list, tuple)):
        return [fill(value, values) for value in content]
    if not isinstance(content, str):
        return content
    whole = PLACEHOLDER.fullmatch(content)
    if whole:
        return _value(whole[1], values)
    return PLACEHOLDER.sub(lambda found: str(_value(found[1], values)), content)


def known_values(values: Mapping[str, Any], places: Mapping[str, Any]) -> dict[str, Any]:
    """Returns everything that placeholders may stand for: the places, and the values, which may name places."""
    return {**fill(values, places), **places}


def _value(name: str, values: Mapping[str, Any]) -> Any:
    if values.get(name) is None:
        raise InputError(f"the grid needs a value for {{{name}}}: give it by --set {name}=VALUE")
    return values[name]

"""Small JSON files that are either whole or not there."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from segpeft.atomic_files import replacing
from segpeft.errors import InputError


def read_json(path: Path) -> dict[str, Any]:
    """Returns what a JSON file holds, nothing if it is missing or damaged."""
    try:
        return dict(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError):
        return {}


def json_object(path: Path) -> dict[str, Any]:
    """Returns what a JSON file holds.

    Raises:
        InputError: the file is missing, or holds no entries by name.
    """
    try:
        return dict(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError) as error:
        raise InputError(f"{path}: no JSON file with entries by name ({error})") from error


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    """Writes a JSON file, replaced in one step."""
    with replacing(path) as partial:
        partial.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")

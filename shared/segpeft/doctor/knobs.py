"""Knobs that do not exist, and values of another kind than the knob's."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from segpeft.finding import ERROR, Finding
from segpeft.knob_names import nearest, unread

from .bundle_config import BundleConfig


def check_knobs(config: BundleConfig) -> Iterator[Finding]:
    """Yields changes whose name the bundle does not know and to which nothing in the changed config refers."""
    known = {name for shipped in config.shipped.values() for name in shipped}
    for name in unread(config.changes, known, config.merged):
        yield Finding("knobs", f"{name} is no knob of {config.folder.name}{nearest(name, known)}", ERROR)
    yield from _mistyped(config)


def _mistyped(config: BundleConfig) -> Iterator[Finding]:
    """Yields knobs whose value is of another kind than the shipped one: text for a number, a number for a list."""
    for name, value in config.changes.items():
        shipped = config.shipped["train"].get(name)
        if shipped is None or value is None or isinstance(value, str) and value.startswith(("$", "@")):
            continue
        if isinstance(shipped, str) and shipped.startswith(("$", "@")):
            continue
        if _kind(value) != _kind(shipped) and not {_kind(value), _kind(shipped)} <= {"text", "mapping"}:
            expected = f"{_kind(shipped)}, such as {json.dumps(shipped)}"
            yield Finding("knobs", f"{name} is {json.dumps(value)}, {_kind(value)}; expected {expected}", ERROR)


def _kind(value: Any) -> str:
    if isinstance(value, bool):
        return "true or false"
    kinds = {int: "a number", float: "a number", str: "text", list: "a list", dict: "mapping"}
    return kinds.get(type(value), "text")

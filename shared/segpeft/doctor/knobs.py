"""Knobs that do not exist: MONAI adds what it does not know to the config, where nothing ever reads it."""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from segpeft.finding import ERROR, Finding

from .bundle_config import BundleConfig

REFERENCE = re.compile(r"[@%]([A-Za-z_]\w*)")
READ_BY_RUNNER = {"imports", "bundle_root", "initialize", "finalize", "run", "device", "_desc_", "_comment_"}
"""Entries that need no reference: MONAI's runner reads them, or a person does."""


def check_knobs(config: BundleConfig) -> Iterator[Finding]:
    """Yields changes whose name the bundle does not know and to which nothing in the changed config refers."""
    known = {name for shipped in config.shipped.values() for name in shipped}
    used = referred(config.merged) | READ_BY_RUNNER
    for change in config.changes:
        name = change.lstrip("+~").partition("#")[0]
        if name not in known | used:
            yield Finding("knobs", f"{name} is no knob of {config.folder.name}{nearest(name, known)}", ERROR)
    yield from _mistyped(config)


def referred(config: Mapping[str, Any]) -> set[str]:
    """Returns the names of the entries to which something in the config refers (`@name`, `%name`)."""
    return set(REFERENCE.findall(json.dumps(dict(config))))


def nearest(name: str, known: set[str]) -> str:
    """Returns a question for the known name that is most like `name`, "" where none is."""
    near = difflib.get_close_matches(name, sorted(known), n=1, cutoff=0.5)
    return f"; did you mean {near[0]}?" if near else ""


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

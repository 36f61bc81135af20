"""All methods by name, and a method from what a person or an adapter file says of it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from segpeft.errors import InputError

from .method import Method


def known_methods() -> dict[str, type[Method]]:
    """Returns every method that has been imported, by name; one's own count as well."""
    found: dict[str, type[Method]] = {}
    waiting = list(Method.__subclasses__())
    while waiting:
        cls = waiting.pop(0)
        waiting += cls.__subclasses__()
        if isinstance(cls.__dict__.get("name"), str):
            found.setdefault(cls.name, cls)
    return found


def method_of(description: Mapping[str, Any]) -> Method:
    """Returns the method that :meth:`segpeft.peft.Method.describe` described.

    Raises:
        InputError: the name is unknown, or the hyper-parameters are not those of the method.
    """
    knobs = dict(description)
    name = knobs.pop("method", None)
    cls = known_methods().get(name) if isinstance(name, str) else None
    if cls is None:
        raise InputError(f"method {name!r} is unknown: expected one of {', '.join(sorted(known_methods()))}")
    if "methods" in knobs:
        knobs["methods"] = [method_of(part) for part in knobs["methods"]]
    try:
        return cls(**knobs)
    except TypeError as error:
        raise InputError(f"method {name}: {error}") from error


def method_from(said: Method | str | Mapping[str, Any]) -> Method:
    """Returns a method, however it was named.

    Args:
        said: the method itself; its name (``"bitfit"``, with all values at their defaults); a description as of
            :meth:`segpeft.peft.Method.describe`; or a JSON file with a description, or with a bundle's knob ``method``.

    Raises:
        InputError: if it is none of them, or a hyper-parameter is unknown or out of range.
    """
    if isinstance(said, Method):
        return said
    if isinstance(said, Mapping):
        return method_of(said)
    if not isinstance(said, str):
        raise InputError(f"method {said!r}: expected a method, its name, a description or a JSON file")
    if not said.endswith(".json"):
        return method_of({"method": said})
    try:
        content = json.loads(Path(said).read_text(encoding="utf-8"))
        knob = content["method"]
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise InputError(f"{said}: no JSON file with the entry method ({error})") from error
    try:
        return method_of(content if isinstance(knob, str) else _description_of_knob(knob))
    except InputError as error:
        raise InputError(f"{said}: {error}") from error


def _description_of_knob(knob: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the description of what a config writes as ``{"_target_": "segpeft.peft.VPT", ...}``."""
    knobs = dict(knob)
    target = str(knobs.pop("_target_", None))
    names = {cls.__name__: name for name, cls in known_methods().items()}
    description = {"method": names.get(target.rpartition(".")[2], target), **knobs}
    if "methods" in knobs:
        description["methods"] = [_description_of_knob(part) for part in knobs["methods"]]
    return description

"""Configs that use the copy of segpeft in their own bundle."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

NAME = re.compile(r"(?<![\w.@'\"/])segpeft\.(?=[a-z])")
"""The package, in an expression."""
ROOT = (
    "$next((str(f.frame.f_locals['self'].config_root_path.resolve().parent) for f in inspect.stack(0) "
    "if 'config_root_path' in getattr(f.frame.f_locals.get('self'), '__dict__', ())), '.')"
)
"""The folder of the bundle, from the workflow that read the config: the same from every working directory."""
PACKAGE = "$runpy.run_path(str(@bundle_root) + '/scripts/load.py')['segpeft']"


def carried_config(config: Mapping[str, Any]) -> dict[str, Any]:
    """Returns a config in which everything of segpeft comes from the item ``segpeft``: the copy in the bundle.

    A whole config (one with a ``bundle_root``) gets that item; an overlay refers to that of the config it is laid over.
    """
    changed = _rewritten(dict(config))
    for name in changed.keys() & {"imports", "+imports"}:
        changed[name] = [item for item in changed[name] if item != "$import segpeft"]
    if changed.get("bundle_root") != ".":
        return changed
    made: dict[str, Any] = {"imports": ["$import inspect", "$import runpy", *changed.pop("imports")]}
    for name, value in changed.items():
        made[name] = ROOT if name == "bundle_root" else value
        if name == "bundle_root":
            made["segpeft"] = PACKAGE
    return made


def _rewritten(item: Any) -> Any:
    if isinstance(item, dict):
        return {key: _target(value) if key == "_target_" else _rewritten(value) for key, value in item.items()}
    if isinstance(item, list):
        return [_rewritten(value) for value in item]
    if isinstance(item, str) and item.startswith("$") and not item.startswith("$import "):
        return NAME.sub("@segpeft.", item)
    return item


def _target(path: str) -> str:
    return f"$@{path}" if path.startswith("segpeft.") else path

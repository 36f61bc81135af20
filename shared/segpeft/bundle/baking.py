"""Settings of a training, written into the configs of a bundle."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import deepcopy
from pathlib import Path
from typing import Any

from monai.bundle import ConfigParser
from monai.bundle.utils import merge_kv

from segpeft.errors import InputError
from segpeft.settings import settings_of

from .json_files import json_object

Baked = dict[str, Any]
"""Entries to change, as an overlay has them: by name, or by path (``encoder#num_layers``)."""


def baked(method: str | None, overlays: Sequence[Path], knobs: Sequence[str]) -> Baked:
    """Returns what a training changed of its bundle's configs.

    Args:
        method: name of a method, a JSON file that describes one, or an overlay with an entry ``method``.
        overlays: config files that were laid over ``train.json``, in order.
        knobs: ``NAME=VALUE``.

    Raises:
        InputError: a file is missing or no JSON, or an argument has another form.
    """
    entries: Baked = {}
    for path in overlays:
        entries.update(json_object(path))
    if method is not None:
        entries.update(_method(method))
    return {**entries, **settings_of(knobs)}


def bake(config: Mapping[str, Any], entries: Baked, all_of_them: bool) -> dict[str, Any]:
    """Returns the config with ``entries`` in it.

    Args:
        config: what ``train.json`` or ``inference.json`` holds.
        entries: what to change.
        all_of_them: also entries that the config does not have so far; otherwise they concern another config.

    Raises:
        InputError: an entry has no place in the config.
    """
    parser = ConfigParser(deepcopy(dict(config)))
    for name, value in entries.items():
        if name == "imports" or not (all_of_them or name.partition("#")[0].lstrip("+~") in config):
            continue
        try:
            merge_kv(parser, name, deepcopy(value))
        except (KeyError, ValueError, TypeError, IndexError) as error:
            raise InputError(f"{name}: has no place in the config ({error})") from error
    return dict(parser.get())


def _method(said: str) -> Baked:
    if not said.endswith(".json"):
        return {"method": said}
    content = json_object(Path(said))
    if "method" not in content:
        raise InputError(f"{said}: has no entry method")
    return {"method": content} if isinstance(content["method"], str) else content

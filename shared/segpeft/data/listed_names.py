"""What a `dataset.json` or datalist calls its channels and labels, in the forms of the Decathlon and of nnU-Net."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def listed_channels(content: Mapping[str, Any]) -> list[str]:
    """Returns the names of the channels in order, [] where the file says none."""
    named = content.get("modality") or content.get("channel_names")
    return [str(named[key]) for key in sorted(named, key=_number)] if isinstance(named, Mapping) else []


def values_and_names(labels: Mapping[Any, Any]) -> list[tuple[str, str]]:
    """Returns (value, name) of each label, from `{"1": "liver"}` (Decathlon) or `{"liver": 1}` (nnU-Net).

    What stands for the value is text that may be no whole number: of regions, nnU-Net lists several.
    """
    pairs = [(key, name) if str(key).isdigit() else (name, key) for key, name in labels.items()]
    return [(str(value), str(name)) for value, name in pairs]


def _number(key: Any) -> int:
    return int(key) if str(key).isdigit() else 0

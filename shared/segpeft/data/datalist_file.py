"""Datalist files: the JSON of the Medical Segmentation Decathlon, and lists made by hand or by this package."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from segpeft.data.layouts import Case
from segpeft.data.listed_names import listed_channels
from segpeft.data.naming import stem
from segpeft.errors import InputError

SECTIONS = {"training": "training", "validation": "validation", "test": "test", "testing": "test"}
"""Keys that hold cases, and what they are called here."""

_SAME = {
    **dict.fromkeys(("flair", "t2f"), "flair"),
    **dict.fromkeys(("t1", "t1w", "t1n"), "t1"),
    **dict.fromkeys(("t1gd", "t1ce", "t1c", "t1post"), "t1gd"),
    **dict.fromkeys(("t2", "t2w"), "t2"),
    "adc": "adc",
}


def datalist_cases(path: Path, channels: Sequence[str] | None) -> list[Case]:
    """Returns the cases of a JSON file with lists `training`, `validation`, `test`/`testing`.

    An entry is a path, or a mapping with "image" (a path, or one path a channel) and optionally "label", "case" and
    "fold". Relative paths start at the folder of the JSON file. The channels that the file names are compared with
    `channels`, unless that is None.

    Raises:
        InputError: not JSON, no cases in it, an entry of another form, or channels in another number or order.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, OSError) as error:
        raise InputError(f"{path}: is not a readable JSON file ({error})") from error
    if not isinstance(content, Mapping):
        raise InputError(f"{path}: is a JSON {type(content).__name__}; expected an object with a list `training`")
    if channels is not None:
        _check_channels(path, listed_channels(content), channels)
    cases = []
    for key, section in SECTIONS.items():
        for entry in content.get(key) or []:
            cases.append(_case(path, entry, section))
    if not cases:
        raise InputError(f"{path}: lists no cases; expected entries in one of {', '.join(SECTIONS)}")
    return _named_once(path, cases)


def _case(path: Path, entry: Any, section: str) -> Case:
    item = {"image": entry} if isinstance(entry, str) else entry
    images = item.get("image") if isinstance(item, Mapping) else None
    images = [images] if isinstance(images, str) else images
    if not isinstance(images, list) or not images or not all(isinstance(image, str) for image in images):
        raise InputError(f'{path}: entry {entry!r} of {section}; expected a path or {{"image": ..., "label": ...}}')
    label, fold = item.get("label"), item.get("fold")
    if fold is not None and not isinstance(fold, int):
        raise InputError(f"{path}: entry {entry!r} has the fold {fold!r}; expected a whole number")
    return Case(
        name=str(item.get("case") or stem(images[0])),
        images=tuple(_absolute(path, image) for image in images),
        label=_absolute(path, label) if label else None,
        fold=fold,
        section=section,
        expected_label=f'an entry "label" in {path.name}',
    )


def _absolute(path: Path, relative: str) -> str:
    return os.path.normpath(path.parent / relative)


def _named_once(path: Path, cases: list[Case]) -> list[Case]:
    names = [case.name for case in cases]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise InputError(f'{path}: lists case {twice[0]!r} more than once; give each entry a "case" of its own')
    return cases


def _check_channels(path: Path, found: Sequence[str], channels: Sequence[str]) -> None:
    """Compares the channels that a file names with those asked for; names are compared where all are known."""
    if not found:
        return
    same = [_SAME.get(name.lower()) for name in found], [_SAME.get(name.lower()) for name in channels]
    comparable = None not in same[0] and None not in same[1]
    if len(found) != len(channels) or (comparable and same[0] != same[1]):
        raise InputError(
            f"{path}: lists the channels {', '.join(found)}; expected {', '.join(channels)} (knob channels)"
        )

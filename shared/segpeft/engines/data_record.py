"""Which data a run works on, and whether another run has the same."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from segpeft.data.naming import case_id
from segpeft.errors import find_input_error

Entry = dict[str, Any]


def data_record(sections: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the cases of each section, and one digest of all of them.

    A case is ``{"case": id, "image": path or [paths], "label": path or None, "bytes": [sizes]}``: absolute paths, and
    the size of each file, image first (of a DICOM folder the sum of its files; None where a file is missing). A case
    that cannot be used has its ``problem`` instead of files.

    ``sha256`` is taken over section names, and over ids, file names without folders, and sizes of all cases in their
    order: a data set that was moved has the same digest, one with a case more, or a file of another size, does not.
    Nothing is read but the sizes, so a file that was changed and kept its size goes unnoticed.

    Args:
        sections: data sets by name. One with a method ``recorded()`` says itself what its cases are; of others the
            sequence ``data`` is taken.
    """
    found = {name: list(_entries(dataset)) for name, dataset in sections.items()}
    return {**found, "sha256": _digest(found)}


def first_difference(known: Mapping[str, Any], found: Mapping[str, Any]) -> str:
    """Returns in a few words what is the first thing that differs between two records of data."""
    for section in (name for name in {**known, **found} if name != "sha256"):
        before = {entry["case"]: entry for entry in known.get(section, ())}
        now = {entry["case"]: entry for entry in found.get(section, ())}
        for case in [*before, *now]:
            if case not in now or case not in before:
                return f"case {case} is {'missing' if case in before else 'new'} in section {section}"
        for case in before:
            if _identity(before[case]) != _identity(now[case]):
                return f"the files of case {case} have other names or sizes in section {section}"
    return "the cases have another order"


def _entries(dataset: Any) -> Iterator[Entry]:
    recorded = getattr(dataset, "recorded", None)
    data: Any = recorded() if callable(recorded) else getattr(dataset, "data", None)
    for index in range(len(data) if isinstance(data, Sequence) else 0):
        try:
            yield _entry(data[index], f"case {index}")
        except Exception as error:
            problem = find_input_error(error)
            if problem is None:
                raise
            yield {**_entry({}, f"case {index}"), "problem": str(problem)}


def _entry(item: Mapping[str, Any], unnamed: str) -> Entry:
    image, label = _paths(item.get("image")), _paths(item.get("label"))
    several = isinstance(item.get("image"), (list, tuple))
    return {
        "case": item.get("case") or (case_id(item) if image else unnamed),
        "image": image if several else next(iter(image), None),
        "label": next(iter(label), None),
        "bytes": [_size(path) for path in (*image, *label)],
    }


def _paths(value: Any) -> list[str]:
    """Returns absolute paths; "", which stands for an absent channel, stays, and what is no path is left out."""
    values = value if isinstance(value, (list, tuple)) else [value]
    return [os.path.abspath(path) if path else "" for path in values if isinstance(path, (str, os.PathLike))]


def _size(path: str) -> int | None:
    try:
        if os.path.isdir(path):
            return sum(part.stat().st_size for part in os.scandir(path) if part.is_file())
        return os.path.getsize(path)
    except OSError:
        return None


def _identity(entry: Entry) -> list[Any]:
    images = entry["image"] if isinstance(entry["image"], list) else [entry["image"]]
    return [[os.path.basename(path or "") for path in (*images, entry["label"])], entry["bytes"]]


def _digest(sections: Mapping[str, Sequence[Entry]]) -> str:
    listed = {name: [[entry["case"], *_identity(entry)] for entry in entries] for name, entries in sections.items()}
    return hashlib.sha256(json.dumps(listed, sort_keys=True).encode()).hexdigest()

"""What ``record.json`` tells a report about a run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from segpeft.bundle.json_files import json_object
from segpeft.bundle.repeat import RECORD


@dataclass(frozen=True)
class CaseFiles:
    """Where a case lies.

    Attributes:
        images: one path, or one a channel.
        label: its truth, None without.
    """

    images: tuple[str, ...]
    label: str | None


@dataclass(frozen=True)
class Record:
    """A run as it was started; everything is empty where the run left no record.

    Attributes:
        content: of the file.
        cases: files by case id, of all sections of its data.
    """

    content: Mapping[str, Any] = field(default_factory=dict)
    cases: Mapping[str, CaseFiles] = field(default_factory=dict)

    @property
    def config(self) -> dict[str, Any]:
        """The merged config."""
        return self.mapping("config")

    def mapping(self, name: str) -> dict[str, Any]:
        """Returns an entry of names and values, empty where it is missing or null."""
        found = self.content.get(name)
        return dict(found) if isinstance(found, Mapping) else {}

    def text(self, name: str) -> str:
        """Returns an entry as text, "" where it is missing or null."""
        found = self.content.get(name)
        return "" if found is None else str(found)


def read_record(folder: Path) -> Record:
    """Returns the record of a run's folder, an empty one where there is none.

    Raises:
        InputError: the file is damaged.
    """
    path = folder / RECORD
    if not path.is_file():
        return Record()
    content = json_object(path)
    data, base = content.get("data"), Path(str(content.get("directory") or "."))
    sections = [section for section in data.values() if isinstance(section, list)] if isinstance(data, dict) else []
    entries = [entry for section in sections for entry in section if isinstance(entry, dict) and "case" in entry]
    return Record(content, {str(entry["case"]): _files(entry, base) for entry in entries})


def _files(entry: Mapping[str, Any], base: Path) -> CaseFiles:
    image, label = entry.get("image") or [], entry.get("label")
    images = [image] if isinstance(image, str) else image
    return CaseFiles(tuple(_absolute(path, base) for path in images), _absolute(label, base) if label else None)


def _absolute(path: Any, base: Path) -> str:
    """Returns a path of the run's working directory; an absent channel (an empty path) stays empty."""
    return str(base / str(path)) if path else ""

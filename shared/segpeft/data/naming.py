"""Names of cases and files."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

SUFFIXES = (".nii.gz", ".nii")
"""Endings of volume files, the longer one first."""

ANNOTATION = r"(labels?|masks?|segs?|segmentations?|annotations?|gold_?standard|(?<![a-z])gt)"
"""Regular expression of the endings of words that say that a volume was drawn, not scanned (`brainmask`, `aseg`)."""


def is_volume(path: Path) -> bool:
    """Returns whether `path` is named like a NIfTI volume, see `is_volume_name`."""
    return is_volume_name(path.name)


def is_volume_name(name: str) -> bool:
    """Returns whether a file's name is that of a NIfTI volume and not hidden (macOS leaves `._name` twins)."""
    return name.endswith(SUFFIXES) and not name.startswith(".")


def is_series(path: Path) -> bool:
    """Returns whether `path` is a folder of DICOM files: `.dcm`, `.ima`, or names without an ending, such as UIDs."""
    if not path.is_dir() or path.name.startswith("."):
        return False
    files = [file for file in path.iterdir() if file.is_file() and not file.name.startswith(".")]
    return any(map(_is_slice, files)) and not any(map(is_volume, files))


def _is_slice(path: Path) -> bool:
    ending = path.suffix.lower()
    return ending in (".dcm", ".ima", "") or ending[1:].isdigit()  # the last number of a UID is no ending


def stem(path: str | Path) -> str:
    """Returns a file's name without `.nii` or `.nii.gz`."""
    name = Path(path).name
    for suffix in SUFFIXES:
        if name.endswith(suffix):
            return name[: -len(suffix)]
    return name


def case_id(item: Mapping[str, Any]) -> str:
    """Returns the id of a case: its "case" entry, or else the name of its (first) image file."""
    if item.get("case"):
        return str(item["case"])
    image = item.get("image", "case")
    return stem(image[0] if isinstance(image, (list, tuple)) else image)

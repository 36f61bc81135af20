"""`large_files.yml`: files that the Model Zoo keeps elsewhere, by their hashes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from segpeft.errors import InputError
from segpeft.file_digest import sha256

LIMIT = 25 * 10**6
"""Bytes from which on the Model Zoo keeps a file elsewhere."""


def large_files(folder: Path) -> list[Path]:
    """Returns the files of a bundle that are too large for the zoo's repository, sorted."""
    return sorted(path for path in folder.rglob("*") if path.is_file() and path.stat().st_size > LIMIT)


def write_large_files(folder: Path, url: str | None) -> None:
    """Writes ``large_files.yml`` of a bundle.

    Args:
        folder: of the bundle.
        url: under which the files will lie, each by its path in the bundle; None leaves the entry empty, to be filled.
    """
    entries = []
    for path in large_files(folder):
        inside = path.relative_to(folder).as_posix()
        place = f"{url.rstrip('/')}/{inside}" if url else ""
        entries.append({"path": inside, "url": place, "hash_val": sha256(path), "hash_type": "sha256"})
    text = yaml.safe_dump({"large_files": entries}, sort_keys=False)
    (folder / "large_files.yml").write_text(text, encoding="utf-8")


def read_large_files(folder: Path) -> list[dict[str, Any]]:
    """Returns the entries of ``large_files.yml``, none if there is no such file.

    Raises:
        InputError: the file has another form.
    """
    path = folder / "large_files.yml"
    if not path.is_file():
        return []
    try:
        return [dict(entry) for entry in yaml.safe_load(path.read_text(encoding="utf-8"))["large_files"]]
    except (yaml.YAMLError, KeyError, TypeError, ValueError) as error:
        raise InputError(f"{path}: expected a list large_files ({error})") from error

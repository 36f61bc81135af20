"""Zip files that depend on their content only."""

from __future__ import annotations

import shutil
import zipfile
from pathlib import Path

from segpeft.atomic_files import replacing
from segpeft.errors import InputError

MIDNIGHT = (1980, 1, 1, 0, 0, 0)
"""The date of every entry: the earliest that a zip can hold."""
STORED = (".pt", ".safetensors", ".ts")
"""Weights, which hardly get smaller."""


def write_zip(folder: Path, archive: Path) -> None:
    """Writes ``folder``, under its name, to a zip: the same bytes from the same files, whenever and wherever."""
    with replacing(archive) as partial, zipfile.ZipFile(partial, "w") as made:
        for path in sorted(path for path in folder.rglob("*") if path.is_file()):
            entry = zipfile.ZipInfo(path.relative_to(folder.parent).as_posix(), MIDNIGHT)
            entry.external_attr, entry.create_system = 0o644 << 16, 3
            entry.compress_type = zipfile.ZIP_STORED if path.suffix in STORED else zipfile.ZIP_DEFLATED
            entry.file_size = path.stat().st_size
            with path.open("rb") as source, made.open(entry, "w") as target:
                shutil.copyfileobj(source, target)


def unzip(archive: Path, folder: Path) -> Path:
    """Unpacks a zip that holds one folder into ``folder``, and returns that one.

    Raises:
        InputError: it is no zip, or holds more or leads out of the folder.
    """
    try:
        with zipfile.ZipFile(archive) as opened:
            tops = {Path(name).parts[0] for name in opened.namelist()}
            if len(tops) != 1 or ".." in tops:
                raise InputError(f"{archive}: expected one folder in it, found {len(tops)} entries at its top")
            opened.extractall(folder)
    except (zipfile.BadZipFile, IndexError) as error:
        raise InputError(f"{archive}: not a readable zip ({error})") from error
    return folder / tops.pop()

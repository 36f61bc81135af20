"""Prepared volumes on disk, each kept when it is first used."""

from __future__ import annotations

import errno
import hashlib
import json
import logging
import os
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segpeft.atomic_files import replacing

LOGGER = logging.getLogger(__name__)

FULL = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, None)
"""Errors after which nothing more can be kept; numpy gives no number where the disk took less than an array."""


class VolumeCache:
    """Float16 arrays in a folder, opened as memory maps; one entry a source file, named by its path, size and time.

    There is nothing to prepare: what is missing is made by whoever needs it, and processes that make the same do no
    harm. When the disk is full or cannot be written, no more is kept; after any other failure only that source is not.

    Args:
        folder: of the entries.
    """

    def __init__(self, folder: Path) -> None:
        self.folder, self.full = folder, False

    def load(self, path: str) -> tuple[list[NDArray[Any]], list[str]] | None:
        """Returns the volumes of a source file and what was wrong with it, None where they are not kept."""
        try:
            entry = self._entry(path)
            found = json.loads(entry.with_suffix(".json").read_text(encoding="utf-8"))
            names = [entry.with_suffix(f".{index}.npy") for index in range(found["volumes"])]
            return [np.load(name, mmap_mode="c") for name in names], list(found["wrong"])
        except (OSError, ValueError, KeyError):
            return None

    def save(self, path: str, volumes: list[NDArray[Any]], wrong: list[str]) -> None:
        """Keeps the volumes of a source file."""
        if self.full:
            return
        try:
            entry = self._entry(path)
        except OSError:  # the source has gone since it was read
            return
        try:
            for index, volume in enumerate(volumes):
                with replacing(entry.with_suffix(f".{index}.npy")) as partial:
                    np.save(partial, volume.astype(np.float16))
            with replacing(entry.with_suffix(".json")) as partial:  # last: it says that all others are there
                partial.write_text(json.dumps({"volumes": len(volumes), "wrong": wrong}), encoding="utf-8")
        except OSError as error:
            self.full = error.errno in FULL
            LOGGER.warning("%s: cannot keep %s (%s)", self.folder, "more volumes" if self.full else path, error)

    def _entry(self, path: str) -> Path:
        status = os.stat(path)
        source = f"{os.path.abspath(path)} {status.st_size} {status.st_mtime_ns}"
        name = hashlib.sha256(source.encode("utf-8", errors="replace")).hexdigest()[:24]
        return self.folder / name[:2] / name

"""Which weight files a run starts from, and whether another run has the same."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from typing import Any

from segpeft.file_digest import sha256


def weight_record(paths: Iterable[str | os.PathLike[str] | None]) -> list[dict[str, Any]]:
    """Returns ``{"path", "bytes", "sha256"}`` of each file; None among the paths is passed over.

    The digest is None where there is no such file (what a run may do without).
    """
    files = [os.path.abspath(path) for path in paths if path]
    return [
        {"path": file, "bytes": os.path.getsize(file), "sha256": sha256(file)}
        if os.path.isfile(file)
        else {"path": file, "bytes": None, "sha256": None}
        for file in files
    ]


def first_other_file(known: Sequence[dict[str, Any]], found: Sequence[dict[str, Any]]) -> str | None:
    """Returns the first file of ``found`` that holds something else than its counterpart in ``known``."""
    before = [file["sha256"] for file in known]
    for place, file in enumerate(found):
        if place >= len(before) or file["sha256"] != before[place]:
            return str(file["path"])
    return None if len(before) == len(found) else str(known[len(found)]["path"])

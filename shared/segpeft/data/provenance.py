"""Which file a loaded volume came from: every message about a volume starts with that name."""

from __future__ import annotations

import os
from typing import Any

CHANNEL_FILES = "channel_files"
"""Meta entry of a volume stacked from several files: their paths in channel order, joined by `os.pathsep`."""

ABSENT = ""
"""Stands in a case's list of files for a channel that has none."""


def file_of(volume: Any, channel: int | None = None) -> str:
    """Returns the path of the file that `volume`, or one `channel` of it, was read from.

    Args:
        volume: a `MetaTensor`, or anything else, which is then called "volume".
        channel: index of the channel in question; None: the (first) file.
    """
    meta = getattr(volume, "meta", None) or {}
    stacked = str(meta.get(CHANNEL_FILES, ""))
    if channel is not None and stacked:
        files = stacked.split(os.pathsep)
        if channel < len(files) and files[channel] != ABSENT:
            return files[channel]
    return str(meta.get("filename_or_obj", "volume"))

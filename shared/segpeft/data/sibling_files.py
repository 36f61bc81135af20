"""Channels of a case in folders beside its first file, for servers that know a case by one path.

MONAI Label hands over `<studies>/<case>.nii.gz` and nothing else. The file of another channel then lies in a folder
named like the channel, under the same name:

    studies/P1.nii.gz           the first channel, which people see and draw on
    studies/ADC/P1.nii.gz       channel ADC of the same case
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

from segpeft.data.provenance import ABSENT
from segpeft.errors import InputError


def with_siblings(path: Any, channels: Sequence[str], allow_missing: bool = False) -> Any:
    """Returns the files of a case in channel order, `path` itself where no channel has one beside it.

    Args:
        path: of the first channel, or of a file that holds all; a list of paths is returned as it is.
        channels: names of all channels.
        allow_missing: a channel that has no file is `ABSENT`, as long as another one beside the first has one.

    Raises:
        InputError: some of the other channels have a file and some have none.
    """
    if not isinstance(path, (str, os.PathLike)) or len(channels) < 2:
        return path
    folder, name = os.path.split(os.fspath(path))
    others = [os.path.join(folder, channel, name) for channel in channels[1:]]
    there = [os.path.exists(other) for other in others]
    if not any(there):
        return path
    if not all(there) and not allow_missing:
        raise InputError(
            f"{others[there.index(False)]}: no such file; expected one for each of {', '.join(channels[1:])}, "
            f"as {others[there.index(True)]} is there"
        )
    return [os.fspath(path), *(other if found else ABSENT for other, found in zip(others, there, strict=True))]


def sibling_hint(channels: Sequence[str]) -> str:
    """Returns how to lay out a case of several files, for messages."""
    folders = ", ".join(f"{channel}/" for channel in channels[1:])
    return f"{', '.join(channels)} in one 4D file, or files of the same name in the folders {folders} beside it"

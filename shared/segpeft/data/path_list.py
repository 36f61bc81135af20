"""A text file of paths, one a line, read at random without a list of them in memory."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

CHUNK = 1 << 24
"""Bytes read at a time when the lines are counted."""


class PathList:
    """Lines of a file in shuffled orders; only where each line starts is kept (8 bytes a line, and 8 for an order).

    A line is a path, or a JSON object with a path under "image". Relative paths start at the folder of the file.

    Args:
        file: the list.
    """

    def __init__(self, file: Path) -> None:
        self.file, self.root = file, file.parent
        self._starts: NDArray[np.int64] | None = None

    @property
    def starts(self) -> NDArray[np.int64]:
        """The byte at which each line starts, found at first use."""
        if self._starts is None:
            self._starts = _line_starts(self.file)
        return self._starts

    def locate(self, seed: int, position: int) -> tuple[int, int]:
        """Returns the pass in which the name number `position` of all passes lies, and how many come before it."""
        return divmod(position, max(len(self.starts), 1))

    def order(self, seed: int, number: int, skip: int = 0) -> Iterator[str]:
        """Yields the names of pass `number` from the one after `skip`; the order depends on `seed` and pass only."""
        state = int(np.random.SeedSequence([seed, number]).generate_state(1)[0])
        order = np.random.RandomState(state).permutation(len(self.starts))
        with self.file.open("rb") as lines:
            for line in order[skip:]:
                lines.seek(self.starts[line])
                name = _name(lines.readline().decode("utf-8", errors="replace").strip())
                if name:
                    yield name


def _line_starts(file: Path) -> NDArray[np.int64]:
    parts, offset = [np.zeros(1, dtype=np.int64)], 0
    with file.open("rb") as content:
        while chunk := content.read(CHUNK):
            parts.append(np.flatnonzero(np.frombuffer(chunk, dtype=np.uint8) == ord("\n")) + offset + 1)
            offset += len(chunk)
    starts = np.concatenate(parts)
    return starts[starts < offset]  # none after the last end of a line


def _name(line: str) -> str:
    if not line.startswith("{"):
        return line
    try:
        return str(json.loads(line)["image"])
    except (ValueError, KeyError):
        return line  # no such file: it is skipped and listed like any other

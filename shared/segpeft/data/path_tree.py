"""A folder tree of volumes, walked in random order without a list of what is in it."""

from __future__ import annotations

import os
import random
import re
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path

from segpeft.data.naming import is_volume_name

POOL = 4096
"""Names that wait to be drawn from; the walk opens folders until there are so many."""


class PathTree:
    """Volumes under a folder in shuffled orders, found while they are asked for.

    The walk keeps the folders that it has seen but not opened and a pool of file names. It opens a random one of them
    (first a depth, then a folder of that depth, so that neither few big branches nor many small ones come last) until
    the pool is full, then draws from the pool. What it holds is bounded by the names of the folders and of the files of
    the largest folder; it asks the file system for names only, never for sizes or content.

    Args:
        root: the folder; linked folders are followed, hidden ones are not.
        exclude: regular expressions, of any case, that are found in paths under it that are no images.
    """

    def __init__(self, root: Path, exclude: Sequence[str]) -> None:
        self.root = root
        self.excluded = re.compile("|".join(exclude) or r"(?!)", re.IGNORECASE)

    def locate(self, seed: int, position: int) -> tuple[int, int]:
        """Returns the pass in which the name number `position` of all passes lies, and how many come before it.

        Only a walk can tell: at most one whole.
        """
        count = sum(1 for _ in islice(self.order(seed, 0), position))
        return (0, position) if count == position else divmod(position, max(count, 1))

    def order(self, seed: int, number: int, skip: int = 0) -> Iterator[str]:
        """Yields the names of pass `number` from the one after `skip`; the order depends on `seed` and pass only."""
        return islice(self._walk(random.Random(f"{seed} {number}")), skip, None)

    def _walk(self, rng: random.Random) -> Iterator[str]:
        waiting: dict[int, list[str]] = {0: [""]}  # folders by depth
        pool: list[str] = []
        while waiting or pool:
            while waiting and len(pool) < POOL:
                depth = rng.choice(sorted(waiting))
                folders, files = self._names(_draw(rng, waiting[depth]))
                pool += files
                if folders:
                    waiting.setdefault(depth + 1, []).extend(folders)
                if not waiting[depth]:
                    del waiting[depth]
            if pool:
                yield _draw(rng, pool)

    def _names(self, folder: str) -> tuple[list[str], list[str]]:
        """Returns the folders and the volumes in `folder`, sorted: their order on the disk differs between machines."""
        folders, files = [], []
        place = os.path.join(self.root, folder)
        try:
            with os.scandir(place) as entries:
                for entry in entries:
                    name = f"{folder}/{entry.name}" if folder else entry.name
                    if is_volume_name(entry.name):
                        if not self.excluded.search(name):
                            files.append(name)
                    elif not entry.name.startswith(".") and entry.is_dir() and not _leads_back(entry, place):
                        folders.append(name)
        except OSError:
            return [], [folder]  # cannot be read as a volume either: it is skipped and listed
        return sorted(folders), sorted(files)


def _leads_back(entry: os.DirEntry[str], place: str) -> bool:
    """Returns whether a link names a folder that it lies in itself."""
    return entry.is_symlink() and f"{os.path.realpath(place)}/".startswith(f"{os.path.realpath(entry.path)}/")


def _draw(rng: random.Random, names: list[str]) -> str:
    index = rng.randrange(len(names))
    names[index], names[-1] = names[-1], names[index]
    return names.pop()

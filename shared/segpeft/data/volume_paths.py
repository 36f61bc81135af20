"""Where the volumes of a pre-training lie: a folder tree or a list, however long, in an endless shuffled order."""

from __future__ import annotations

import os
import zlib
from collections.abc import Iterator, Sequence
from itertools import count
from pathlib import Path

from segpeft.data.naming import ANNOTATION
from segpeft.data.path_list import PathList
from segpeft.data.path_tree import PathTree
from segpeft.errors import InputError

NOT_IMAGES = (
    rf"{ANNOTATION}(?![a-z])[^/]*$",  # a word of the file's name: `mask`, `T2_seg`, but not `unmasked`
    r"(^|/)(labels?|labelsT[rs]|masks?|segmentations?)/",  # a whole folder
)
"""Regular expressions, of any case, for the path under the folder of volumes that are annotations."""

LISTS = (".txt", ".jsonl")


class VolumePaths:
    """Names of volumes, pass after pass, each in another order that depends on `seed` and the pass alone.

    Nothing is listed at the start: see `PathTree` and `PathList` for what is kept.

    Args:
        place: a folder, searched with its subfolders for `.nii` and `.nii.gz`; or a `.txt` or `.jsonl` file with a path
            (or a JSON object with a path under "image") a line.
        seed: of the orders, equal on all ranks.
        exclude: regular expressions found in paths under a folder that are not images; a list is taken as it is.
    """

    def __init__(self, place: str | Path, seed: int = 0, exclude: Sequence[str] = NOT_IMAGES) -> None:
        if seed < 0:
            raise InputError(f"seed {seed} is out of range: expected an integer of at least 0")
        self.place, self.seed, self.exclude = Path(place).expanduser(), seed, tuple(exclude)
        self._source: PathList | PathTree | None = None

    @property
    def source(self) -> PathList | PathTree:
        """The list or tree, looked for at first use.

        Raises:
            InputError: neither a folder nor a list.
        """
        if self._source is None:
            if self.place.is_dir():
                self._source = PathTree(self.place, self.exclude)
            elif self.place.is_file() and self.place.suffix in LISTS:
                self._source = PathList(self.place)
            else:
                raise InputError(f"{self.place}: no such folder, nor a list ({', '.join(LISTS)}) (knob dataset_dir)")
        return self._source

    def prepare(self) -> None:
        """Makes sure that there is a volume at all.

        Raises:
            InputError: there is none.
        """
        if next(self.source.order(self.seed, 0), None) is None:
            raise InputError(
                f"{self.place}: no volumes found; expected .nii or .nii.gz files that no `exclude` pattern matches"
            )

    def path(self, name: str) -> str:
        """Returns where the volume called `name` lies."""
        place = self.place if self.place.is_dir() else self.place.parent
        return os.path.join(place, name)

    def names(self) -> Iterator[str]:
        """Yields every name once, in the order of the first pass."""
        return self.source.order(self.seed, 0)

    def endless(self, position: int = 0) -> Iterator[tuple[int, str]]:
        """Yields the number of the pass and a name, from the name number `position` of all passes on."""
        first, skip = self.source.locate(self.seed, position)
        for number in count(first):
            empty = True
            for name in self.source.order(self.seed, number, skip if number == first else 0):
                empty = False
                yield number, name
            if empty and number > first:
                return


def is_held_out(name: str, share: float) -> bool:
    """Tells whether a volume is one of the `share` that is not trained on: decided by its name alone."""
    return zlib.crc32(name.encode("utf-8", errors="replace")) < share * 2**32

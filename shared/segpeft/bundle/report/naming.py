"""What the evaluations of one page are called."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from segpeft.errors import InputError


def names_of(folders: Sequence[Path], given: Sequence[str] = ()) -> list[str]:
    """Returns a name for each evaluation: the given ones, or the part of the paths in which they differ.

    Args:
        folders: of the evaluations.
        given: one name each, or none.

    Raises:
        InputError: a folder is there twice, or the names are not as many as the folders, or not distinct.
    """
    resolved = [folder.resolve() for folder in folders]
    if len(set(resolved)) < len(resolved):
        raise InputError(f"{', '.join(map(str, folders))}: one folder is named twice; expected different evaluations")
    if not given:
        return _distinct([folder.parts for folder in resolved])
    if len(given) != len(folders) or len(set(given)) < len(given) or not all(given):
        raise InputError(f"--names {' '.join(given)}: expected {len(folders)} different names, one an EVAL_DIR")
    return list(given)


def _distinct(paths: list[tuple[str, ...]]) -> list[str]:
    if len(paths) == 1:
        return [paths[0][-1]]
    before = len(os.path.commonprefix(paths))
    after = len(os.path.commonprefix([path[before:][::-1] for path in paths]))
    return ["/".join(path[before : len(path) - after]) or path[-1] for path in paths]

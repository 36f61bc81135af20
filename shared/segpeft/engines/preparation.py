"""Preparing the data of a run when the run starts."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from .distributed import main_first


def prepare_datasets(data_loader: Iterable[Any], others: Sequence[Any] = ()) -> None:
    """Calls ``prepare()`` of the loader's data set and of ``others``, each where it has one.

    With several processes the main one prepares first: it writes the cache that the others read.
    """
    for dataset in (getattr(data_loader, "dataset", None), *others):
        prepare = getattr(dataset, "prepare", None)
        if callable(prepare):
            main_first(prepare)

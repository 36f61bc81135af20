"""Preparing all cases of a `PreparedDataset` in worker processes; every bad case is reported, not only the first."""

from __future__ import annotations

import errno
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch.utils.data import DataLoader, Dataset
from tqdm import tqdm

from segpeft.data.loading import LoadVolumed
from segpeft.data.naming import case_id
from segpeft.data.prepared_case import bytes_under, case_folder, is_current, remove_partial, write_case
from segpeft.errors import InputError, find_input_error

if TYPE_CHECKING:
    from segpeft.data.prepared import PreparedDataset

LOGGER = logging.getLogger(__name__)


class _Jobs(Dataset[tuple[str, str | None]]):
    """Item i prepares case i and gives its id and what is wrong with it."""

    def __init__(self, owner: PreparedDataset, items: list[Mapping[str, Any]]) -> None:
        self.owner, self.items = owner, items

    def __len__(self) -> int:
        return len(self.items)

    def __getitem__(self, index: int) -> tuple[str, str | None]:
        item = self.items[index]
        try:
            volumes = self.owner.deterministic(dict(item))
            write_case(case_folder(self.owner.folder, item), item, volumes, self.owner.dtype)
        except Exception as error:
            wrong = find_input_error(error)
            if wrong is None and isinstance(error, OSError) and error.errno == errno.ENOSPC:
                wrong = InputError(f"{self.owner.folder}: no space left on the disk of cache_dir")
            if wrong is None:
                raise
            return case_id(item), str(wrong)
        return case_id(item), None


def prepare_cases(dataset: PreparedDataset, workers: int) -> list[Path]:
    """Brings the cache of `dataset` up to date and returns the folders of its cases.

    Raises:
        InputError: no `cache_dir`, or cases that cannot be used.
    """
    folder = dataset.folder
    items, wrong = _readable(dataset)
    folders = [case_folder(folder, item) for item in items]
    todo = [item for item, case in zip(items, folders, strict=True) if not is_current(case, item)]
    stale = sum(case_folder(folder, item).exists() for item in todo)
    if todo:
        folder.mkdir(parents=True, exist_ok=True)
        remove_partial(folder.parent)
        wrong += _run(dataset, todo, workers)
    _report(folder, folders, len(todo), stale)
    if wrong:
        _refuse(wrong, len(dataset))
    return folders


def _readable(dataset: PreparedDataset) -> tuple[list[Mapping[str, Any]], list[tuple[str, str]]]:
    items: list[Mapping[str, Any]] = []
    wrong: list[tuple[str, str]] = []
    load = next((step for step in dataset.deterministic.transforms if isinstance(step, LoadVolumed)), None)
    for index in range(len(dataset)):
        try:
            item = dataset.data[index]
            items.append(load.with_all_files(item) if load else item)  # type: ignore[arg-type]
        except InputError as error:
            wrong.append((f"case {index}", str(error)))
    return items, wrong


def _run(dataset: PreparedDataset, todo: list[Mapping[str, Any]], workers: int) -> list[tuple[str, str]]:
    """Prepares `todo`; the generator of its own leaves torch's, and with it the training, as if all had been cached."""
    jobs = _Jobs(dataset, todo)
    own = torch.Generator()
    loader = DataLoader(jobs, batch_size=None, num_workers=min(workers, len(todo)), generator=own)
    bar = tqdm(loader, desc="preparing cases", unit="case", disable=None if dataset.progress else True)
    return [(case, message) for case, message in bar if message is not None]


def _report(folder: Path, cases: list[Path], prepared: int, stale: int) -> None:
    used = bytes_under(case for case in cases if case.is_dir()) / 1e6
    done = f"{len(cases) - prepared} cases reused, {prepared} prepared ({stale} of them were stale)"
    LOGGER.info("%s: %s, %.1f MB on disk, memory-mapped: held in memory only as far as it is free", folder, done, used)
    others = [other for other in folder.parent.iterdir() if other.is_dir() and other != folder] if prepared else []
    if others:
        names, size = ", ".join(other.name for other in others), bytes_under(others) / 1e6
        LOGGER.info("%s also holds %.1f MB prepared with other settings: %s", folder.parent, size, names)


def _refuse(wrong: list[tuple[str, str]], count: int) -> None:
    for case, message in wrong:
        LOGGER.error("error: %s: %s", case, message)
    more = f" (and {len(wrong) - 1} more, each logged above)" if len(wrong) > 1 else ""
    raise InputError(f"{len(wrong)} of {count} cases cannot be used: {wrong[0][1]}{more}")

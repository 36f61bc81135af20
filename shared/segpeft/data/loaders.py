"""Loaders that can be made without touching the disk, and that pass over rejected cases."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sized
from typing import Any, NamedTuple, cast

import torch
from monai.data import DataLoader
from monai.data.utils import list_data_collate, worker_init_fn
from torch.utils.data import Dataset, get_worker_info

from segpeft.data.cases import Rejected
from segpeft.data.prepared import PreparedDataset
from segpeft.data.sampler import EpochSampler
from segpeft.errors import InputError

LOGGER = logging.getLogger(__name__)


class Batch(NamedTuple):
    """What a worker hands over: the collated good cases (None where there are none) and the rejected ones."""

    samples: Any
    rejected: list[Rejected]


def collate(cases: list[Any]) -> Batch:
    """Collates by MONAI's `list_data_collate`, rejected cases apart."""
    good = [case for case in cases if not isinstance(case, Rejected)]
    return Batch(list_data_collate(good) if good else None, [case for case in cases if isinstance(case, Rejected)])


def seed_worker(worker: int) -> None:
    """Seeds a worker's random transforms as MONAI does, but for a data set that seeds each of its items itself."""
    info = get_worker_info()
    if info is None or not isinstance(info.dataset, PreparedDataset):
        worker_init_fn(worker)


class CaseLoader(DataLoader):
    """MONAI's `DataLoader` for `CaseDataset` and `PreparedDataset`.

    It touches no disk when it is made, passes over rejected cases (each is logged as one line `error: ...` and kept in
    `rejected`), and gives every rank its share under `torch.distributed`. Since cases may be rejected, `len` is an
    upper bound of the number of batches: a consumer must stop when the iteration ends.

    Args:
        dataset: the cases.
        batch_size: cases a batch; a case of several crops gives as many samples.
        shuffle: in another order each epoch, the same for the same `seed` and epoch.
        seed: of the order.
        num_workers: processes; 0 loads in this one.
        kwargs: further arguments of torch's `DataLoader`.

    Raises:
        InputError: `batch_size` or `num_workers` out of range, or `persistent_workers`, which would not hear of epochs.
    """

    def __init__(
        self,
        dataset: Dataset[Any],
        batch_size: int = 1,
        shuffle: bool = False,
        seed: int = 0,
        num_workers: int = 0,
        **kwargs: Any,
    ) -> None:
        if batch_size < 1 or num_workers < 0:
            raise InputError(f"batch_size is {batch_size} and num_workers {num_workers}; expected >= 1 and >= 0")
        if kwargs.get("persistent_workers"):
            raise InputError("persistent_workers is on; expected off: workers start anew each epoch to get its seed")
        sampler = EpochSampler(cast(Sized, dataset), shuffle=shuffle, seed=seed)
        options = {"collate_fn": collate, "sampler": sampler, "worker_init_fn": seed_worker, **kwargs}
        super().__init__(dataset, num_workers=num_workers, batch_size=batch_size, **options)
        self.rejected: list[Rejected] = []

    def __iter__(self) -> Iterator[Any]:  # type: ignore[override]
        self.rejected = []
        if isinstance(self.dataset, PreparedDataset):
            self.dataset.set_random_state(int(torch.randint(2**31, ())))
        return self._accepted(super().__iter__())

    def _accepted(self, batches: Iterator[Any]) -> Iterator[Any]:
        for samples, rejected in batches:
            for case in rejected:
                LOGGER.error("error: %s", case.message)
                self.rejected.append(case)
            if samples is not None:
                yield samples

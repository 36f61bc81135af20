"""The order of cases in an epoch, and each rank's share of it."""

from __future__ import annotations

from collections.abc import Iterator, Sized

import numpy as np
import torch.distributed as dist
from torch.utils.data import Sampler


def rank_and_world() -> tuple[int, int]:
    """Returns the number of this process and how many there are, (0, 1) without a process group."""
    distributed = dist.is_available() and dist.is_initialized()
    return (dist.get_rank(), dist.get_world_size()) if distributed else (0, 1)


def rank_share(count: int, shuffle: bool, seed: int, epoch: int, rank: int, world: int) -> list[int]:
    """Returns the indices below `count` that one of `world` ranks takes in an epoch.

    Rank r takes every `world`-th index from the r-th. Shuffled (training), the first indices are repeated until all
    ranks have the same number, as DDP must step together; in order (evaluation), nothing is repeated or dropped, so
    a mean over all ranks counts every case once.
    """
    if not shuffle or not count:
        return list(range(count))[rank::world]
    state = int(np.random.SeedSequence([seed, epoch]).generate_state(1)[0])
    order = np.random.RandomState(state).permutation(count).tolist()
    order += [order[i % count] for i in range(-count % world)]
    return order[rank::world]


class EpochSampler(Sampler[int]):
    """Indices of a data set, shuffled by (`seed`, epoch) or in order; the data set's length is asked for at first use.

    Under `torch.distributed` every rank takes its `rank_share`.

    Args:
        dataset: what to index; only its `len` is used.
        shuffle: permute anew each epoch.
        seed: of the permutations, equal on all ranks.
    """

    def __init__(self, dataset: Sized, shuffle: bool = False, seed: int = 0) -> None:
        self.dataset, self.shuffle, self.seed, self.epoch = dataset, shuffle, seed, 0

    def set_epoch(self, epoch: int) -> None:
        """Says which epoch the next iteration is."""
        self.epoch = epoch

    def _share(self) -> list[int]:
        return rank_share(len(self.dataset), self.shuffle, self.seed, self.epoch, *rank_and_world())

    def __iter__(self) -> Iterator[int]:
        return iter(self._share())

    def __len__(self) -> int:
        return len(self._share())

"""An endless stream of training batches from any number of volumes, in bounded memory."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import IterableDataset, get_worker_info

from segpeft.data.volume_crops import VolumeCrops
from segpeft.data.volume_paths import VolumePaths, is_held_out
from segpeft.errors import InputError

PATIENCE = 20_000
"""So many unusable files in a row end the stream: a large folder of them may be opened before the good ones."""


class StreamBatch(NamedTuple):
    """What a worker hands over: a batch (None at the end), files read since the last, and a line for each bad one."""

    samples: dict[str, Tensor] | None
    files: int
    wrong: list[tuple[str, str]]


class VolumeStream(IterableDataset[StreamBatch]):
    """Batches of crops, mixed over volumes: what is drawn depends on the seed, the epoch, the rank and the worker only.

    Every shard (a worker of a rank) goes through the same shuffled order of names and reads its own share, volume after
    volume, into a buffer that batches are drawn from. An epoch starts where the epochs before it would have ended if
    each file gave one volume, so all files have their turn. The stream ends only when a whole pass, or `PATIENCE` files
    in a row, held nothing usable.

    A worker holds the buffer (in float16), one file, and what the names take: see `PathTree`, `PathList`.

    Args:
        data: names of the volumes.
        transform: from a file to crops.
        batch_size: crops a batch.
        epoch_length: batches an epoch, on each rank.
        held_out: share of the files, by their names, that is left for validation.
        buffer: crops that a batch is drawn from, for each worker.

    Raises:
        InputError: a number out of range.
    """

    def __init__(
        self,
        data: VolumePaths,
        transform: VolumeCrops,
        batch_size: int,
        epoch_length: int,
        held_out: float = 0.0,
        buffer: int = 64,
    ) -> None:
        super().__init__()
        for name, value in (("batch_size", batch_size), ("epoch_length", epoch_length), ("shuffle_buffer", buffer)):
            if value < 1:
                raise InputError(f"{name} is {value}; expected at least 1")
        if not 0 <= held_out < 1:
            raise InputError(f"validation_share is {held_out}; expected at least 0 and less than 1")
        self.data, self.transform, self.batch_size, self.epoch_length = data, transform, batch_size, epoch_length
        self.held_out, self.buffer = held_out, buffer
        self.epoch, self.rank, self.world = 1, 0, 1

    def prepare(self) -> None:
        """Makes sure that there is a volume at all; called when a run starts."""
        self.data.prepare()

    def recorded(self) -> list[dict[str, Any]]:
        """Returns what stands for all files in the record of a run: their list, or only the name of their folder.

        They may be too many to list, or to ask for their sizes.
        """
        place = self.data.place
        return [{"case": place.name} if place.is_dir() else {"case": place.name, "image": str(place)}]

    def set_epoch(self, epoch: int) -> None:
        """Says which epoch (from 1) the next iteration is."""
        self.epoch = epoch

    def set_rank(self, rank: int, world: int) -> None:
        """Says which of how many processes this is; workers cannot ask."""
        self.rank, self.world = rank, world

    def __iter__(self) -> Iterator[StreamBatch]:
        """Yields batches, and one without samples where the data are exhausted."""
        worker = get_worker_info()
        index, workers = (worker.id, worker.num_workers) if worker is not None else (0, 1)
        shard, shards = self.rank * workers + index, self.world * workers
        return _Reader(self, shard, shards).batches()


class _Reader:
    """One shard's way through one epoch."""

    def __init__(self, stream: VolumeStream, shard: int, shards: int) -> None:
        self.stream, self.shard, self.shards = stream, shard, shards
        self.rng = np.random.default_rng([stream.data.seed, stream.epoch, shard])
        self.files, self.fruitless, self.fruitful_pass = 0, 0, False
        self.wrong: list[tuple[str, str]] = []

    def batches(self) -> Iterator[StreamBatch]:
        ready: list[Tensor] = []
        for crop in self._mixed():
            ready.append(crop)
            if len(ready) == self.stream.batch_size:
                yield self._handed_over({"image": torch.stack(ready).float()})
                ready = []
        yield self._handed_over(None)

    def _handed_over(self, samples: dict[str, Tensor] | None) -> StreamBatch:
        batch = StreamBatch(samples, self.files, self.wrong)
        self.files, self.wrong = 0, []
        return batch

    def _mixed(self) -> Iterator[Tensor]:
        """Yields random crops of the buffer, which grows with what was handed over: the first batch need not wait."""
        buffer: list[Tensor] = []
        given = 0
        for volume in self._volumes():
            buffer += [crop.half() for crop in self.stream.transform.crops(volume, self.rng)]
            while len(buffer) > min(self.stream.buffer, given):
                index = int(self.rng.integers(len(buffer)))
                buffer[index], buffer[-1] = buffer[-1], buffer[index]
                yield buffer.pop()
                given += 1

    def _volumes(self) -> Iterator[Any]:
        for name in self._names():
            volumes, wrong = self.stream.transform.volumes(self.stream.data.path(name))
            self.files += 1
            self.wrong += [(name, line) for line in wrong]
            self.fruitless = 0 if volumes else self.fruitless + 1
            self.fruitful_pass |= bool(volumes)
            if self.fruitless >= PATIENCE:
                return
            yield from volumes

    def _names(self) -> Iterator[str]:
        """Yields this shard's names; after a whole pass that gave nothing usable, all names of one more pass."""
        current: int | None = None
        start = self._start()
        whole, everything = start == 0, False  # the rest of a pass says nothing about its other files
        for position, (number, name) in enumerate(self.stream.data.endless(start)):
            if number != current:
                if current is not None:
                    if everything and not self.fruitful_pass:
                        return
                    everything, whole = whole and not self.fruitful_pass, True
                current, self.fruitful_pass = number, False
            mine = everything or position % self.shards == self.shard
            if mine and not is_held_out(name, self.stream.held_out):
                yield name

    def _start(self) -> int:
        """Returns the position in the order of names at which this epoch starts, equal for all shards."""
        crops = self.stream.epoch_length * self.stream.batch_size * self.stream.world
        return (self.stream.epoch - 1) * -(-crops // self.stream.transform.num_samples)

"""The loader of a `VolumeStream`."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Any, cast

from torch.utils.data import DataLoader

from segpeft.data.sampler import rank_and_world
from segpeft.data.skipped import SkippedFiles
from segpeft.data.volume_stream import VolumeStream
from segpeft.errors import InputError


class StreamLoader(DataLoader[Any]):
    """Gives exactly `epoch_length` batches of a stream on every rank, and keeps count of what was skipped.

    Args:
        dataset: the stream.
        num_workers: processes that read; 0 reads in this one. Each has two batches ahead.

    Raises:
        InputError: `num_workers` out of range; (iterating) no file holds anything usable.

    Attributes:
        skipped: files that were read and skipped so far, in all epochs.
    """

    def __init__(self, dataset: VolumeStream, num_workers: int = 0) -> None:
        if num_workers < 0:
            raise InputError(f"num_workers is {num_workers}; expected at least 0")
        super().__init__(dataset, batch_size=None, num_workers=num_workers, collate_fn=_as_it_is)
        self.skipped = SkippedFiles()

    def __len__(self) -> int:
        return cast(VolumeStream, self.dataset).epoch_length

    def __iter__(self) -> Iterator[dict[str, Any]]:  # type: ignore[override]
        """Yields dictionaries with "image" (B, 1, *image_size)."""
        cast(VolumeStream, self.dataset).set_rank(*rank_and_world())
        for samples, files, wrong in islice(super().__iter__(), len(self)):
            self.skipped.files += files
            for name, reason in wrong:
                self.skipped.add(name, reason)
            if samples is None:
                raise InputError(self._nothing_usable())
            yield samples

    def _nothing_usable(self) -> str:
        place = cast(VolumeStream, self.dataset).data.place
        first = next(iter(self.skipped.listed.values()), "all files are held out for validation")
        return f"{place}: no usable volume in {self.skipped.files} files ({first})"


def _as_it_is(batch: Any) -> Any:
    return batch

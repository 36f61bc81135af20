"""The few held-out volumes on which a pre-training is judged."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from itertools import islice
from typing import Any

import numpy as np
from torch.utils.data import Dataset

from segpeft.data.cases import Rejected
from segpeft.data.loaders import CaseLoader
from segpeft.data.volume_crops import VolumeCrops
from segpeft.data.volume_paths import VolumePaths, is_held_out
from segpeft.errors import InputError

LOGGER = logging.getLogger(__name__)

LOOKED_AT = 10
"""Times the number of names that should hold the wanted volumes; then the search ends with what it has found."""


class HeldOutVolumes(Dataset[Any]):
    """One crop of one channel, always the same, of each of the first held-out files.

    Args:
        data: names of the volumes.
        transform: from a file to crops.
        share: which share of the files is held out, by their names.
        count: how many files at most.

    Raises:
        InputError: `count` out of range.
    """

    def __init__(self, data: VolumePaths, transform: VolumeCrops, share: float, count: int = 32) -> None:
        if count < 1:
            raise InputError(f"validation_volumes is {count}; expected at least 1")
        self.data, self.transform, self.share, self.count = data, transform, share, count
        self._names: list[str] | None = None

    def prepare(self) -> None:
        """Finds the files; called when a run starts."""
        if self._names is None and self.share > 0:
            looked_at = islice(self.data.names(), int(LOOKED_AT * self.count / self.share))
            self._names = list(islice((name for name in looked_at if is_held_out(name, self.share)), self.count))

    def __len__(self) -> int:
        return len(self._names or ())

    def recorded(self) -> list[dict[str, Any]]:
        """Returns the files, for the record of a run."""
        return [{"case": name, "image": self.data.path(name)} for name in self._names or ()]

    def __getitem__(self, index: int) -> Any:
        name = (self._names or [])[index]
        rng = np.random.default_rng([self.data.seed, index])
        volumes, wrong = self.transform.volumes(self.data.path(name))
        crops = self.transform.crops(volumes[rng.integers(len(volumes))], rng)[:1] if volumes else []
        return {"image": crops[0], "case": name} if crops else Rejected(name, (wrong or [f"{name}: is empty"])[0])


class HeldOutLoader(CaseLoader):
    """A `CaseLoader` to which an unusable file is no error: among thousands there are some."""

    def _accepted(self, batches: Iterator[Any]) -> Iterator[Any]:
        for samples, rejected in batches:
            for case in rejected:
                LOGGER.info("skipped: %s", case.message)
            if samples is not None:
                yield samples

"""Random crops from memory-mapped cases, balanced between labelled structures and background."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from monai.config import KeysCollection
from monai.transforms import MapTransform, Randomizable
from monai.transforms.traits import MultiSampleTrait
from monai.utils import ensure_tuple_rep
from numpy.typing import NDArray
from torch import Tensor

from segpeft.data.prepared_case import BACKGROUND, FOREGROUND, FOREGROUND_REGIONS, INDICES
from segpeft.errors import InputError


def read_window(volume: NDArray[Any], start: Sequence[int], size: Sequence[int], fill: float = 0.0) -> Tensor:
    """Returns the window of `volume` (C, H, W, D) at `start` of `size`, as float32; `fill` where it reaches outside.

    Only the window is read where `volume` is a memory map.
    """
    ends = [min(s + n, limit) for s, n, limit in zip(start, size, volume.shape[1:], strict=True)]
    begins = [max(s, 0) for s in start]
    inside = volume[:, begins[0] : ends[0], begins[1] : ends[1], begins[2] : ends[2]]
    window = torch.empty((volume.shape[0], *size), dtype=torch.float32)
    if inside.shape[1:] != tuple(size):
        window.fill_(fill)
    target = tuple(slice(b - s, e - s) for b, e, s in zip(begins, ends, start, strict=True))
    window[(slice(None), *target)].copy_(torch.from_numpy(inside))  # torch widens float16 2.5 times as fast as numpy
    return window


class RandBalancedCropd(Randomizable, MapTransform, MultiSampleTrait):
    """Crops windows whose centres lie in a labelled structure or in the rest of the foreground, as `pos` : `neg`.

    As MONAI's `RandCropByPosNegLabeld`, but reads only the windows from the maps of a prepared case and draws from the
    indices found when it was prepared. The window is moved to lie inside the case; a case that is smaller is centred
    and filled with `pad_value`, the background after normalisation. A case without labelled structure (or without
    background) gives centres of the other kind.

    Args:
        keys: of the volumes to crop alike, (C, H, W, D).
        spatial_size: of the window in voxels, one number or three.
        num_samples: windows a case; the result is a list of that many dictionaries.
        pos: weight of centres in labelled structures, >= 0.
        neg: weight of background centres, >= 0.
        pad_value: what a case smaller than the window is filled up with, one number or one a key.
        balance_regions: first draw one of the regions that a case has, then a centre in it, so that a small region gets
            as many as a large one (nnU-Net's oversampling); off: all labelled voxels are alike.
        allow_missing_keys: pass over keys that a case does not have.

    Raises:
        InputError: a number out of range.
    """

    def __init__(
        self,
        keys: KeysCollection,
        spatial_size: int | Sequence[int],
        num_samples: int = 1,
        pos: float = 1.0,
        neg: float = 1.0,
        pad_value: float | Sequence[float] = 0.0,
        balance_regions: bool = False,
        allow_missing_keys: bool = False,
    ) -> None:
        super().__init__(keys, allow_missing_keys)
        size = [spatial_size] * 3 if isinstance(spatial_size, int) else [int(n) for n in spatial_size]
        if len(size) != 3 or min(size) < 1:
            raise InputError(f"spatial_size is {size}; expected three numbers of at least one voxel")
        self.spatial_size = tuple(size)
        if num_samples < 1:
            raise InputError(f"num_samples is {num_samples}; expected at least 1")
        if pos < 0 or neg < 0 or pos + neg == 0:
            raise InputError(f"pos is {pos} and neg is {neg}; expected weights >= 0 of which one is above 0")
        self.num_samples, self.pos, self.neg = num_samples, pos, neg
        self.pad_values = dict(zip(self.keys, ensure_tuple_rep(pad_value, len(self.keys)), strict=True))
        self.balance_regions = balance_regions

    def randomize(self, data: Mapping[Hashable, Any]) -> None:
        """Draws the start of every window."""
        shape = data[self.first_key(dict(data))].shape[1:]
        kinds = {FOREGROUND: data[FOREGROUND], BACKGROUND: data[BACKGROUND]}
        self.starts: list[list[int]] = []
        for _ in range(self.num_samples):
            wanted = FOREGROUND if self.R.rand() < self.pos / (self.pos + self.neg) else BACKGROUND
            other = BACKGROUND if wanted == FOREGROUND else FOREGROUND
            wanted = wanted if len(kinds[wanted]) else other
            indices = self._of_one_region(data) if wanted == FOREGROUND and self.balance_regions else kinds[wanted]
            chosen = int(indices[self.R.randint(len(indices))]) if len(indices) else int(np.prod(shape)) // 2
            self.starts.append(
                [
                    self._start(*axis)
                    for axis in zip(np.unravel_index(chosen, shape), self.spatial_size, shape, strict=True)
                ]
            )

    def _of_one_region(self, data: Mapping[Hashable, Any]) -> NDArray[Any]:
        """Returns the indices of labelled voxels in one region, drawn from those that the case has."""
        members = np.asarray(data[FOREGROUND_REGIONS], dtype=bool)  # (R, N)
        there = np.flatnonzero(members.any(axis=1))
        return np.asarray(data[FOREGROUND])[members[there[self.R.randint(len(there))]]]

    @staticmethod
    def _start(centre: np.integer[Any], size: int, limit: int) -> int:
        if limit < size:
            return -((size - limit) // 2)
        return int(min(max(int(centre) - size // 2, 0), limit - size))

    def __call__(self, data: Mapping[Hashable, Any]) -> list[dict[Hashable, Any]]:
        """Returns `num_samples` dictionaries with windows (C, *spatial_size), float32, without the index entries."""
        d = dict(data)
        self.randomize(d)
        others = {key: d[key] for key in d if key not in (*self.keys, *INDICES)}
        return [{**others, **self._windows(d, start)} for start in self.starts]

    def _windows(self, data: dict[Hashable, Any], start: Sequence[int]) -> dict[Hashable, Tensor]:
        return {
            key: read_window(data[key], start, self.spatial_size, self.pad_values[key])
            for key in self.key_iterator(data)
        }

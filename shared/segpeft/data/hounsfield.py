"""CT intensities: how Hounsfield units become what a network sees, and refusing what cannot be in Hounsfield units."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from monai.config import KeysCollection
from monai.transforms import MapTransform
from monai.utils import convert_to_dst_type
from torch import Tensor

from segpeft.data.provenance import file_of
from segpeft.errors import InputError

LEAST_RANGE = 50.0
"""Between a CT's lowest and highest value: noise alone spreads a volume of water wider, normalised values never."""

OFFSET_TISSUE, TISSUE_SHARE = (800.0, 1400.0), 0.1
"""Soft tissue lies here if 1024 was not subtracted. In HU only dense bone does, and never takes a tenth of a volume."""

BETWEEN, BETWEEN_SHARE = (-1010.0, -200.0), 1e-3
"""Air, lung and what is half air: next to nothing of it is in a volume whose offset was not subtracted."""


@dataclass(frozen=True)
class HounsfieldScale:
    """Clips HU to a window, subtracts a mean and divides by a standard deviation.

    The defaults are those of nnU-Net for KiTS19 (Isensee and Maier-Hein 2019, arXiv 1908.02182): the 0.5 and 99.5
    percentiles, the mean and the deviation of the HU of kidneys and tumours in the training cases.

    Args:
        window: lower and upper end in HU.
        mean: in HU.
        std: in HU.

    Raises:
        InputError: a window without an inside, or `std` not above 0.
    """

    window: Sequence[float] = (-79.0, 304.0)
    mean: float = 101.0
    std: float = 76.9

    def __post_init__(self) -> None:
        """Checks the numbers."""
        if len(self.window) != 2 or not self.window[0] < self.window[1]:
            raise InputError(f"window is {list(self.window)}; expected a lower and a higher number in HU")
        if self.std <= 0:
            raise InputError(f"std is {self.std}; expected a number above 0 in HU")

    @property
    def background(self) -> float:
        """What air becomes: the value to pad with."""
        return (self.window[0] - self.mean) / self.std

    def __call__(self, volume: Tensor) -> Tensor:
        """Maps HU of any shape and type to float32 of that shape."""
        low, high = self.window
        return (volume.float().clamp(low, high) - self.mean) / self.std


class ScaleHounsfieldd(MapTransform):
    """Applies a `HounsfieldScale` to images (C, H, W, D).

    Args:
        keys: of the images.
        scale: window, mean and deviation.
        allow_missing_keys: pass over keys that a case does not have.
    """

    def __init__(self, keys: KeysCollection, scale: HounsfieldScale, allow_missing_keys: bool = False) -> None:
        super().__init__(keys, allow_missing_keys)
        self.scale = scale

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        """Returns the case with its images scaled."""
        d = dict(data)
        for key in self.key_iterator(d):
            scaled = self.scale(torch.as_tensor(d[key]).as_subclass(Tensor))
            d[key] = convert_to_dst_type(scaled, d[key], dtype=torch.float32)[0]
        return d


class CheckHounsfieldd(MapTransform):
    """Refuses images whose values cannot be Hounsfield units; passes good ones unchanged.

    Air may have been cropped away, and what lies outside the field of view may be anything: only what no CT has is
    refused. Fat is about -100, so that there is always something below 0.

    Args:
        keys: of images (C, H, W, D) with finite values.
        allow_missing_keys: pass over keys that a case does not have.

    Raises:
        InputError: values of a few units, no negative ones, or soft tissue where an offset of 1024 puts it.
    """

    def __init__(self, keys: KeysCollection = "image", allow_missing_keys: bool = False) -> None:
        super().__init__(keys, allow_missing_keys)

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        """Returns the case as it came."""
        d = dict(data)
        for key in self.key_iterator(d):
            wrong = not_hounsfield(torch.as_tensor(d[key]).as_subclass(Tensor))
            if wrong:
                raise InputError(f"{file_of(d[key])}: {wrong}; expected Hounsfield units (air -1000, water 0)")
        return d


def not_hounsfield(volume: Tensor) -> str:
    """Returns why the values of a volume cannot be Hounsfield units, "" where they may be."""
    low, high = (float(value) for value in torch.aminmax(volume))
    if high - low < LEAST_RANGE:
        return f"its values lie between {low:.4g} and {high:.4g}, as if they had been normalised"
    if low >= 0:
        other = "of 8 bits, or " if high <= 255 else ""
        return f"has no value below 0 ({low:.4g} to {high:.4g}: {other}1024 too high, or no CT)"
    if _share(volume, OFFSET_TISSUE) > TISSUE_SHARE and _share(volume, BETWEEN) < BETWEEN_SHARE:
        lowest, highest = OFFSET_TISSUE
        return f"has its tissue at {lowest:g} to {highest:g}, as if 1024 had not been subtracted"
    return ""


def _share(volume: Tensor, interval: Sequence[float]) -> float:
    low, high = interval
    return float(((volume >= low) & (volume <= high)).float().mean())

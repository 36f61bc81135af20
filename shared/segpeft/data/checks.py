"""Checks of loaded volumes, so that wrong input ends in one line and not in a wrong number."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any

import torch
from monai.config import KeysCollection
from monai.data import MetaTensor
from monai.transforms import MapTransform
from torch import Tensor

from segpeft.data.grids import grid_difference
from segpeft.data.provenance import file_of
from segpeft.errors import InputError


class CheckImaged(MapTransform):
    """Refuses images that cannot be what the network expects; passes good ones unchanged.

    Args:
        keys: of images (C, H, W, D).
        channels: how many channels an image must have.
        allow_missing_keys: pass over keys that a case does not have.

    Raises:
        InputError: another number of channels, a NaN or infinite value, or a channel that is one constant.
    """

    def __init__(self, keys: KeysCollection = "image", channels: int = 4, allow_missing_keys: bool = False) -> None:
        super().__init__(keys, allow_missing_keys)
        if channels < 1:
            raise InputError(f"channels is {channels}; expected at least 1")
        self.channels = channels

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        """Returns the checked case, unchanged."""
        d = dict(data)
        for key in self.key_iterator(d):
            image = d[key]
            if image.shape[0] != self.channels:
                raise InputError(f"{file_of(image)}: has {image.shape[0]} channels; expected {self.channels}")
            for channel in range(self.channels):
                check_channel(torch.as_tensor(image[channel]).as_subclass(Tensor), channel, file_of(image, channel))
        return d


def check_channel(values: Tensor, channel: int, file: str) -> None:
    """Refuses one channel (H, W, D) that shows nothing.

    Raises:
        InputError: a NaN or infinite value, or one constant.
    """
    low, high = torch.aminmax(values)  # NaN anywhere makes both NaN
    if not bool(torch.isfinite(low) & torch.isfinite(high)):
        count = int((~torch.isfinite(values)).sum())
        raise InputError(f"{file}: channel {channel} has {count} NaN or infinite values; expected finite intensities")
    if low == high:
        kind = "all zero" if low == 0 else f"the constant {float(low):g}"
        raise InputError(f"{file}: channel {channel} is {kind}; expected an image")


class CheckLabeld(MapTransform):
    """Refuses label maps that do not lie on the grid of their image.

    Args:
        keys: of label maps (1, H, W, D).
        image_key: of the image, as loaded.
        allow_missing_keys: pass over keys that a case does not have.

    Raises:
        InputError: the label has several channels, or another shape or affine than the image.
    """

    def __init__(
        self, keys: KeysCollection = "label", image_key: str = "image", allow_missing_keys: bool = False
    ) -> None:
        super().__init__(keys, allow_missing_keys)
        self.image_key = image_key

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        """Returns the checked case, unchanged."""
        d = dict(data)
        image: MetaTensor = d[self.image_key]
        for key in self.key_iterator(d):
            label: MetaTensor = d[key]
            if label.shape[0] != 1:
                raise InputError(f"{file_of(label)}: label has {label.shape[0]} channels; expected 1")
            difference = grid_difference(label.shape[1:], label.affine, image.shape[1:], image.affine)
            if difference:
                raise InputError(f"{file_of(label)}: label {difference} as in its image {file_of(image)}")
        return d

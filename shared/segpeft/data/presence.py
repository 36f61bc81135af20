"""Which channels a case has: their names, and leaving some of them out although they are there."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import Any

import torch
from monai.config import KeysCollection
from monai.transforms import MapTransform
from torch import Tensor

from segpeft.data.provenance import file_of
from segpeft.errors import InputError

PRESENT = "present"
"""Entry of a case: (C,), 1 for each channel that it has. Without it a case has all of them."""


def channel_names(channels: int | Sequence[str]) -> tuple[str, ...]:
    """Returns the names of an image's channels; "channel 0" and so on where only their number is known.

    Raises:
        InputError: there is none, or two have one name.
    """
    names = tuple(f"channel {index}" for index in range(channels)) if isinstance(channels, int) else tuple(channels)
    if not names:
        raise InputError(f"channels is {channels!r}; expected at least 1")
    if len(set(names)) < len(names):
        raise InputError(f"channels is {list(names)}; expected each name once")
    return names


def without_channels(image: Tensor, present: Tensor) -> Tensor:
    """Returns a copy of an image (C, H, W, D) in which every channel with 0 in `present` (C,) is 0."""
    image = image.clone()
    image[present == 0] = 0
    return image


class KeepChannelsd(MapTransform):
    """Treats all channels but some as absent: they become 0, and 0 in `present`.

    A case then looks as if the other channels had no file, so that a network can be measured on any subset.

    Args:
        keys: of images (C, H, W, D).
        channels: names of the C channels.
        channels_used: names of those that stay.
        allow_missing_keys: pass over keys that a case does not have.

    Raises:
        InputError: `channels_used` is empty or names an unknown channel; (call) a case has none of them.
    """

    def __init__(
        self,
        keys: KeysCollection,
        channels: Sequence[str],
        channels_used: Sequence[str],
        allow_missing_keys: bool = False,
    ) -> None:
        super().__init__(keys, allow_missing_keys)
        names, self.used = channel_names(channels), tuple(channels_used)
        if not self.used or set(self.used) - set(names):
            raise InputError(f"channels_used is {list(self.used)}; expected at least one of {', '.join(names)}")
        self.kept = tuple(float(name in self.used) for name in names)

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        """Returns the case with the other channels left out."""
        d = dict(data)
        for key in self.key_iterator(d):
            kept = torch.tensor(self.kept)
            present = d.get(PRESENT, torch.ones_like(kept)) * kept
            if not present.any():
                raise InputError(f"{file_of(d[key])}: has none of the channels {', '.join(self.used)} (channels_used)")
            d[key] = without_channels(d[key], kept)
            d[PRESENT] = present
        return d

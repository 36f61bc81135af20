"""Training with channels left out at random, so that a network learns to do without any of them."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any

import torch
from monai.config import KeysCollection
from monai.transforms import MapTransform, Randomizable
from torch import Tensor

from segpeft.data.presence import PRESENT, without_channels
from segpeft.errors import InputError


class RandChannelDropoutd(Randomizable, MapTransform):
    """Leaves each channel out with probability `prob`, but never all: it becomes 0, and 0 in `present`.

    If every channel that a case has would be left out, one of them, drawn evenly, stays. The idea is modality dropout
    (Neverova et al. 2015, ModDrop, arXiv 1501.00102). Unlike feature dropout it scales nothing here: the network
    learns from `present` how many channels there are. With `prob` 0 nothing is drawn and no `present` is added.

    Args:
        keys: of the images (C, H, W, D); all lose the same channels.
        prob: 0 <= prob < 1.
        allow_missing_keys: pass over keys that a case does not have.

    Raises:
        InputError: `prob` is out of range.
    """

    def __init__(self, keys: KeysCollection, prob: float = 0.0, allow_missing_keys: bool = False) -> None:
        super().__init__(keys, allow_missing_keys)
        if not 0 <= prob < 1:
            raise InputError(f"channel_dropout {prob} is out of range: expected 0 <= channel_dropout < 1")
        self.prob = prob

    def randomize(self, data: Tensor) -> None:
        """Draws which of the channels that are there, 1 in `data` (C,), stay."""
        there = data.nonzero()[:, 0]
        kept = torch.from_numpy(self.R.random_sample(len(there)) >= self.prob)
        if len(there) and not kept.any():
            kept[self.R.randint(len(there))] = True
        self.kept = torch.zeros_like(data)
        self.kept[there[kept]] = 1

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        """Returns the case with fewer channels."""
        d = dict(data)
        if not self.prob:
            return d
        present = d.get(PRESENT)
        if present is None:
            present = torch.ones(d[self.first_key(d)].shape[0])
        self.randomize(present)
        d[PRESENT] = self.kept
        for key in self.key_iterator(d):
            d[key] = without_channels(d[key], self.kept)
        return d

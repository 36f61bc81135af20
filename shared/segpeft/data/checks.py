"""Checks of loaded volumes, so that wrong input ends in one line and not in a wrong number."""

from __future__ import annotations

import logging
import os
from collections.abc import Hashable, Mapping, Sequence
from typing import Any

import torch
from monai.config import KeysCollection
from monai.data import MetaTensor
from monai.transforms import MapTransform, Orientation
from nibabel.orientations import aff2axcodes
from torch import Tensor

from segpeft.data.grids import grid_difference
from segpeft.data.presence import PRESENT, channel_names, without_channels
from segpeft.data.provenance import ABSENT, CHANNEL_FILES, file_of
from segpeft.data.sibling_files import sibling_hint
from segpeft.errors import InputError

LOGGER = logging.getLogger(__name__)


class CheckImaged(MapTransform):
    """Refuses images that cannot be what the network expects; passes good ones unchanged.

    Args:
        keys: of images (C, H, W, D).
        channels: names of the channels that an image must have, or how many.
        allow_missing: a channel that is one constant (0 where there was no file) is absent, as long as another one is
            there: it becomes 0, the case gets `present` (C,), 1 for each channel that is there, and one warning names
            case and channel.
        allow_missing_keys: pass over keys that a case does not have.

    Raises:
        InputError: another number of channels, a NaN or infinite value, or a channel that is one constant.
    """

    def __init__(
        self,
        keys: KeysCollection = "image",
        channels: int | Sequence[str] = 4,
        allow_missing: bool = False,
        allow_missing_keys: bool = False,
    ) -> None:
        super().__init__(keys, allow_missing_keys)
        self.channels, self.allow_missing = channel_names(channels), allow_missing

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        """Returns the checked case, unchanged but for `present` and constants of absent channels."""
        d = dict(data)
        for key in self.key_iterator(d):
            image, expected = d[key], len(self.channels)
            if image.shape[0] != expected:
                hint = f" ({sibling_hint(self.channels)})" if image.shape[0] == 1 else ""
                raise InputError(f"{file_of(image)}: has {image.shape[0]} channels; expected {expected}{hint}")
            empty = [c for c in range(expected) if _constant(image[c], c, file_of(image, c))]
            if empty and (not self.allow_missing or len(empty) == expected):
                check_channel(image[empty[0]], empty[0], file_of(image, empty[0]))
            if self.allow_missing:
                d[key], d[PRESENT] = self._without(image, empty, str(d.get("case") or file_of(image)))
        return d

    def _without(self, image: MetaTensor, empty: list[int], case: str) -> tuple[MetaTensor, Tensor]:
        present = torch.ones(len(self.channels))
        if empty:
            present[empty] = 0
            image = without_channels(image, present)  # type: ignore[assignment]
            absent = ", ".join(self.channels[channel] for channel in empty)
            LOGGER.warning("case %s: has no %s: goes on without it (knob allow_missing)", case, absent)
        return image, present


def check_channel(channel: Any, index: int, file: str) -> None:
    """Refuses a channel (H, W, D) that shows nothing.

    Raises:
        InputError: a NaN or infinite value, or one constant.
    """
    constant = _constant(channel, index, file)
    if constant:
        raise InputError(f"{file}: channel {index} is {constant}; expected an image")


def _constant(channel: Any, index: int, file: str) -> str:
    """Returns what constant a channel is, "" for an image; refuses what is not finite."""
    values = torch.as_tensor(channel).as_subclass(Tensor)
    low, high = torch.aminmax(values)  # NaN anywhere makes both NaN
    if not bool(torch.isfinite(low) & torch.isfinite(high)):
        count = int((~torch.isfinite(values)).sum())
        raise InputError(f"{file}: channel {index} has {count} NaN or infinite values; expected finite intensities")
    if low != high:
        return ""
    return "all zero" if low == 0 else f"the constant {float(low):g}"


class CheckLabeld(MapTransform):
    """Refuses label maps that do not lie on the grid of their image; gives good ones in the image's order of voxels.

    The same grid may be stored along other axes or from the other side: a converter of DICOM to NIfTI turns the rows
    around, and the label was drawn on its result. Such a label is turned to lie as the image does; nothing is
    interpolated.

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
        """Returns the checked case; only a label that is stored another way is changed."""
        d = dict(data)
        image: MetaTensor = d[self.image_key]
        for key in self.key_iterator(d):
            label: MetaTensor = d[key]
            if label.shape[0] != 1:
                raise InputError(f"{file_of(label)}: label has {label.shape[0]} channels; expected 1")
            difference = _label_difference(label, image)
            if difference:
                d[key] = stored_like(label, image)
                if _label_difference(d[key], image):
                    raise InputError(
                        f"{file_of(label)}: label {difference} as in its image {file_of(image)}{_without_first(image)}"
                    )
        return d


def stored_like(label: MetaTensor, image: MetaTensor) -> MetaTensor:
    """Returns the label with its axes in the order and directions of the image's, as far as the image has three."""
    axes = aff2axcodes(image.affine.numpy())
    return label if None in axes else Orientation(axcodes="".join(axes), labels=None)(label)  # type: ignore[return-value]


def _without_first(image: MetaTensor) -> str:
    if str(image.meta.get(CHANNEL_FILES, "?")).split(os.pathsep)[0] != ABSENT:
        return ""
    return "; the first channel, on whose grid the label lies, is missing: leave this case out"


def _label_difference(label: MetaTensor, image: MetaTensor) -> str | None:
    return grid_difference(label.shape[1:], label.affine, image.shape[1:], image.affine)

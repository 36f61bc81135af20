"""Intensities of CT and MR on one scale, in which the background is 0."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import Any

import torch
from monai.config import KeysCollection
from monai.transforms import MapTransform
from monai.utils import convert_to_dst_type
from torch import Tensor

from segpeft.data.hounsfield import HounsfieldScale
from segpeft.data.normalize import normalize_foreground
from segpeft.errors import InputError

MODALITIES = ("mr", "ct", "auto")

AIR_HU = -500.0
AIR_SHARE = 0.05
"""A volume is taken for CT where at least this share of its voxels is darker than `AIR_HU`: air and lung are, while MR
has no such values. A CT cut to the inside of the body has no air and needs `modality="ct"`."""


def is_ct(volume: Tensor) -> bool:
    """Tells a CT in Hounsfield units from an MR by its air."""
    return bool((volume < AIR_HU).float().mean() >= AIR_SHARE)


class NormalizeModalityd(MapTransform):
    """MR: z-score over the foreground (`normalize_foreground`). CT: clipped to a window and scaled to 0..1.

    Args:
        keys: of images (C, H, W, D) of one modality.
        modality: "mr", "ct", or "auto": decided for each image by `is_ct`.
        ct_window: lower and upper end in HU.
        allow_missing_keys: pass over keys that a case does not have.

    Raises:
        InputError: an unknown modality, or a window without an inside.
    """

    def __init__(
        self,
        keys: KeysCollection = "image",
        modality: str = "auto",
        ct_window: Sequence[float] = (-1000.0, 1000.0),
        allow_missing_keys: bool = False,
    ) -> None:
        super().__init__(keys, allow_missing_keys)
        if modality not in MODALITIES:
            raise InputError(f"modality is {modality!r}; expected one of {', '.join(MODALITIES)}")
        if len(ct_window) != 2 or not ct_window[0] < ct_window[1]:
            raise InputError(f"ct_window is {list(ct_window)}; expected a lower and a higher number in HU")
        low, high = ct_window
        self.modality, self.scale = modality, HounsfieldScale((low, high), mean=low, std=high - low)

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        """Returns the case with its images normalised."""
        d = dict(data)
        for key in self.key_iterator(d):
            image = torch.as_tensor(d[key]).as_subclass(Tensor)
            ct = self.modality == "ct" or (self.modality == "auto" and is_ct(image))
            result = self.scale(image) if ct else normalize_foreground(image)
            d[key] = convert_to_dst_type(result, d[key], dtype=torch.float32)[0]
        return d

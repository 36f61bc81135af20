"""Intensity normalisation on the foreground, for any background value."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any

import torch
from monai.config import KeysCollection
from monai.transforms import MapTransform
from monai.utils import convert_to_dst_type
from torch import Tensor

DOMINATING = 0.5
"""A value is background where it fills more than this share of the volume's six faces."""

NOISE = 1e-5
"""Relative to the background value: resampling a constant gives it back only up to rounding."""


def _border(channel: Tensor) -> Tensor:
    faces = (channel[0], channel[-1], channel[:, 0], channel[:, -1], channel[:, :, 0], channel[:, :, -1])
    return torch.cat([face.flatten() for face in faces])


def background_value(channel: Tensor) -> float | None:
    """Returns the constant that dominates the border of a volume (H, W, D), or None where there is none.

    Masked volumes (skull-stripped, say) are filled with one value around the organ: 0, or -5, -62.3 and the like once
    someone has normalised them. It takes up most of the six faces and is therefore their median. A volume without such
    a value (not masked, or a crop inside the body) has no background.
    """
    border = _border(channel)
    value = float(border.median())
    share = _differs(border, value).logical_not().float().mean()
    return value if share > DOMINATING else None


def _differs(values: Tensor, background: float) -> Tensor:
    if background == 0:
        return values != 0
    return (values - background).abs() > NOISE * abs(background)


def foreground_mask(image: Tensor) -> Tensor:
    """Returns where an image (C, H, W, D) shows something in any channel, as bool (1, H, W, D).

    A channel shows something where it differs from its own background value. Neither `x > 0` (foreground may be
    negative) nor `x != 0` (the background need not be 0) would do.
    """
    mask = torch.zeros(image.shape[1:], dtype=torch.bool, device=image.device)
    for channel in image:
        background = background_value(channel)
        if background is None:
            return torch.ones_like(mask)[None]
        mask |= _differs(channel, background)
    return mask[None] if mask.any() else torch.ones_like(mask)[None]


def normalize_foreground(image: Tensor) -> Tensor:
    """Returns a float32 copy (C, H, W, D): z-score of every channel over the foreground, exactly 0 outside of it.

    A channel that is constant over the foreground becomes 0.
    """
    mask = foreground_mask(image)[0]
    result = torch.empty(image.shape, dtype=torch.float32, device=image.device)
    for index, channel in enumerate(image):
        std, mean = torch.std_mean(channel[mask].to(torch.float32), correction=0)
        result[index] = torch.where(mask, (channel - mean) / (std if std > 0 else 1), 0)
    return result


def is_foreground(normalized: Tensor) -> Tensor:
    """Returns where a normalised image is not 0; the `select_fn` of MONAI's `CropForegroundd`."""
    return normalized != 0


class NormalizeForegroundd(MapTransform):
    """Applies `normalize_foreground` to images (C, H, W, D).

    Differs from MONAI's `NormalizeIntensityd(nonzero=True, channel_wise=True)` in what it takes for background: the
    dominating border value of each channel instead of 0, joined over channels, so a tissue that is dark in one channel
    stays in.

    Args:
        keys: of the images.
        allow_missing_keys: pass over keys that a case does not have.
    """

    def __init__(self, keys: KeysCollection = "image", allow_missing_keys: bool = False) -> None:
        super().__init__(keys, allow_missing_keys)

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        """Returns the case with its images normalised."""
        d = dict(data)
        for key in self.key_iterator(d):
            image = torch.as_tensor(d[key]).as_subclass(Tensor)
            d[key] = convert_to_dst_type(normalize_foreground(image), d[key], dtype=torch.float32)[0]
        return d

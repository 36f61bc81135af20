"""The random transforms of a training, made in one place for every bundle."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from monai.transforms import (
    Compose,
    RandAdjustContrastd,
    RandFlipd,
    RandGaussianNoised,
    RandGaussianSmoothd,
    RandScaleIntensityd,
    RandScaleIntensityFixedMeand,
    RandShiftIntensityd,
    RandSimulateLowResolutiond,
)

from segpeft.data.axial_affine import RandAxialAffined
from segpeft.data.channel_dropout import RandChannelDropoutd
from segpeft.data.crops import RandBalancedCropd
from segpeft.errors import InputError

STYLES = ("light", "nnunet")


def augmentation(
    image_size: int | Sequence[int],
    crops_per_case: int = 1,
    flip_axes: Sequence[int] = (0, 1, 2),
    intensity: float = 0.1,
    channel_dropout: float = 0.0,
    style: str = "light",
    spatial_prob: float = 0.2,
    pos_share: float = 0.5,
    balance_regions: bool = False,
    pad_value: float = 0.0,
) -> Compose:
    """Returns balanced crops, flips, random intensities, [channel dropout] as a `Compose`.

    To stand after `preprocessing`: axis 0 is left-right, 1 posterior-anterior, 2 inferior-superior (RAS). The style
    "light" scales a normalised intensity by up to 1 +- `intensity` and shifts it by up to +- `intensity`; "nnunet"
    turns and scales in the plane and changes intensities as nnU-Net does, see `nnunet_style`.

    Args:
        image_size: of the crops in voxels.
        crops_per_case: how many a case and epoch.
        flip_axes: axes along which half of the crops are flipped; only those along which anatomy may be mirrored.
        intensity: largest change, >= 0; 0 changes nothing.
        channel_dropout: probability of leaving out a channel of a crop, see `RandChannelDropoutd`.
        style: "light" or "nnunet", which does not use `intensity`.
        spatial_prob: of turning and scaling a crop in the style "nnunet"; 0 leaves it out.
        pos_share: of the crops, whose centre is in a labelled structure, 0 to 1.
        balance_regions: so many centres in small regions as in large ones, see `RandBalancedCropd`.
        pad_value: of a case smaller than a crop, the background after normalisation.

    Raises:
        InputError: an axis or number out of range.
    """
    axes = sorted(set(flip_axes))
    if not set(axes) <= {0, 1, 2}:
        raise InputError(f"flip_axes is {list(flip_axes)}; expected some of 0, 1 and 2")
    if intensity < 0:
        raise InputError(f"intensity is {intensity}; expected 0 or more")
    if style not in STYLES:
        raise InputError(f"style is {style!r}; expected one of {', '.join(STYLES)}")
    if not 0 <= pos_share <= 1 or not 0 <= spatial_prob <= 1:
        raise InputError(f"pos_share is {pos_share} and spatial_prob {spatial_prob}; expected 0 to 1 of each")
    keys = ["image", "label"]
    return Compose(
        [
            RandBalancedCropd(
                keys, image_size, crops_per_case, pos_share, 1 - pos_share, (pad_value, 0.0), balance_regions
            ),
            *(RandFlipd(keys, prob=0.5, spatial_axis=axis) for axis in axes),
            *(nnunet_style(spatial_prob) if style == "nnunet" else light_style(intensity)),
            *([RandChannelDropoutd("image", prob=channel_dropout)] if channel_dropout else []),
        ]
    )


def light_style(intensity: float) -> list[Any]:
    """Returns a scale and a shift of every crop's intensities, each by up to `intensity`."""
    return [
        RandScaleIntensityd("image", factors=intensity, prob=1.0),
        RandShiftIntensityd("image", offsets=intensity, prob=1.0),
    ]


def nnunet_style(spatial_prob: float) -> list[Any]:
    """Returns the augmentation of nnU-Net (Isensee et al. 2021, Nature Methods 18:203, supplement) with its numbers.

    Rotation and scaling, noise, blur, brightness, contrast, low resolution, and gamma of the image and of its inverse.
    Three things differ: rotation and scaling are one draw, which repeats the border of the crop; they stay in the
    plane, where voxels are as wide as long and where a network of slices sees them (and cost a tenth); and
    probabilities of blur and low resolution are for all channels at once.

    Args:
        spatial_prob: of rotation by up to 30 degrees and scaling by 0.7 to 1.4; 0 leaves them out.
    """
    return [
        *([RandAxialAffined(["image", "label"], ("bilinear", "nearest"), spatial_prob)] if spatial_prob else []),
        RandGaussianNoised("image", prob=0.1, std=0.316),  # a variance of up to 0.1
        RandGaussianSmoothd("image", sigma_x=(0.5, 1.0), sigma_y=(0.5, 1.0), sigma_z=(0.5, 1.0), prob=0.1),
        RandScaleIntensityd("image", factors=0.25, prob=0.15),
        RandScaleIntensityFixedMeand("image", factors=0.25, preserve_range=True, prob=0.15),
        RandSimulateLowResolutiond("image", zoom_range=(0.5, 1.0), prob=0.125),
        RandAdjustContrastd("image", gamma=(0.7, 1.5), invert_image=True, retain_stats=True, prob=0.1),
        RandAdjustContrastd("image", gamma=(0.7, 1.5), retain_stats=True, prob=0.3),
    ]

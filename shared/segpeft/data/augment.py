"""The random transforms of a training, made in one place for every bundle."""

from __future__ import annotations

from collections.abc import Sequence

from monai.transforms import Compose, RandFlipd, RandScaleIntensityd, RandShiftIntensityd

from segpeft.data.channel_dropout import RandChannelDropoutd
from segpeft.data.crops import RandBalancedCropd
from segpeft.errors import InputError


def augmentation(
    image_size: int | Sequence[int],
    crops_per_case: int = 1,
    flip_axes: Sequence[int] = (0, 1, 2),
    intensity: float = 0.1,
    channel_dropout: float = 0.0,
) -> Compose:
    """Returns balanced crops, flips, a random scale and shift of intensities, [channel dropout] as a `Compose`.

    To stand after `preprocessing`: axis 0 is left-right, 1 posterior-anterior, 2 inferior-superior (RAS), and a
    z-scored intensity is scaled by up to 1 +- `intensity` and shifted by up to +- `intensity`.

    Args:
        image_size: of the crops in voxels.
        crops_per_case: how many a case and epoch.
        flip_axes: axes along which half of the crops are flipped; only those along which anatomy may be mirrored.
        intensity: largest change, >= 0; 0 changes nothing.
        channel_dropout: probability of leaving out a channel of a crop, see `RandChannelDropoutd`.

    Raises:
        InputError: an axis or number out of range.
    """
    axes = sorted(set(flip_axes))
    if not set(axes) <= {0, 1, 2}:
        raise InputError(f"flip_axes is {list(flip_axes)}; expected some of 0, 1 and 2")
    if intensity < 0:
        raise InputError(f"intensity is {intensity}; expected 0 or more")
    keys = ["image", "label"]
    return Compose(
        [
            RandBalancedCropd(keys, image_size, crops_per_case),
            *(RandFlipd(keys, prob=0.5, spatial_axis=axis) for axis in axes),
            RandScaleIntensityd("image", factors=intensity, prob=1.0),
            RandShiftIntensityd("image", offsets=intensity, prob=1.0),
            *([RandChannelDropoutd("image", prob=channel_dropout)] if channel_dropout else []),
        ]
    )

"""The deterministic preprocessing, made in one place so that training and inference cannot diverge."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from monai.config import KeysCollection
from monai.transforms import Compose, CropForegroundd, EnsureTyped, MapTransform, Orientationd
from monai.utils import ensure_tuple
from torch import Tensor

from segpeft.data.body import in_body
from segpeft.data.checks import CheckImaged, CheckLabeld
from segpeft.data.hounsfield import CheckHounsfieldd, HounsfieldScale, ScaleHounsfieldd
from segpeft.data.label_schemes import LabelScheme
from segpeft.data.loading import LoadVolumed
from segpeft.data.normalize import NormalizeForegroundd, is_foreground
from segpeft.data.presence import KeepChannelsd, channel_names
from segpeft.data.regions import LabelToRegionsd
from segpeft.data.spacing import SafeSpacingd
from segpeft.errors import InputError

IMAGE, LABEL = "image", "label"


def preprocessing(
    keys: KeysCollection = (IMAGE,),
    channels: int | Sequence[str] = 4,
    label_scheme: str | LabelScheme | Mapping[str, Any] | None = None,
    spacing: Sequence[float] | None = None,
    margin: int = 0,
    native_label: bool = False,
    resample_channels: bool = False,
    allow_missing: bool = False,
    channels_used: Sequence[str] | None = None,
    intensity: HounsfieldScale | None = None,
) -> Compose:
    """Returns load, check, orient (RAS), [resample], normalise, crop to foreground, [make regions] as a `Compose`.

    Every spatial step is invertible by MONAI's `Invertd`, which brings a prediction back to the file's own grid.

    Args:
        keys: "image", or "image" and "label".
        channels: names of the image's channels, or how many.
        label_scheme: turns the label into region masks; None leaves the values of the file.
        spacing: voxel size in mm to resample to; None keeps the file's.
        margin: voxels kept around the foreground.
        native_label: leave the label on the grid of its file, uncropped (for metrics on native grids).
        resample_channels: where every channel is a file of its own, bring the later ones onto the grid of the first, on
            which the label lies and the prediction is written; otherwise other grids are refused.
        allow_missing: a case may lack channels, see `CheckImaged`.
        channels_used: names of the channels to use; the others are treated as absent although they are there.
        intensity: of a CT: how HU are scaled. The foreground is then the body, and what is padded later has to get
            `intensity.background`. None: a z-score over the foreground, with 0 around it.

    Raises:
        InputError: keys other than "image" and "label", a number out of range, or missing channels of a CT.
    """
    names = [str(key) for key in ensure_tuple(keys)]
    if IMAGE not in names or set(names) - {IMAGE, LABEL}:
        raise InputError(f"keys is {names}; expected 'image', or 'image' and 'label'")
    if margin < 0:
        raise InputError(f"margin is {margin}; expected 0 or more voxels")
    if intensity is not None and (allow_missing or channels_used is not None):
        raise InputError("allow_missing and channels_used put absent channels to 0; expected neither with intensity")
    labels = [LABEL] if LABEL in names else []
    moved = [IMAGE, *([] if native_label else labels)]
    named = () if isinstance(channels, int) else channels
    keys = [IMAGE, *labels]
    load = LoadVolumed(keys, resample_channels=resample_channels, channels=named, allow_missing=allow_missing)
    steps: list[Any] = [load, CheckImaged(IMAGE, channels, allow_missing)]
    if intensity is not None:
        steps.append(CheckHounsfieldd(IMAGE))
    if channels_used is not None:
        steps.append(KeepChannelsd(IMAGE, channel_names(channels), channels_used))
    if labels:
        steps.append(CheckLabeld(keys=LABEL, image_key=IMAGE))
    steps.extend(ct_steps(moved, spacing, margin, intensity) if intensity else spatial_steps(moved, spacing, margin))
    if labels and label_scheme is not None:
        steps.append(LabelToRegionsd(keys=LABEL, label_scheme=label_scheme))
    steps.append(EnsureTyped(keys=[IMAGE, *labels], dtype=torch.float32, track_meta=True))
    return Compose(steps)


def spatial_steps(
    moved: Sequence[str], spacing: Sequence[float] | None, margin: int, normalise: MapTransform | None = None
) -> list[Any]:
    """Returns the steps from a loaded image to a normalised, cropped one; the keys in `moved` are moved alike.

    `normalise` stands for another normalisation than the z-score, which must put the background to 0.

    Raises:
        InputError: `spacing` is not three numbers above 0.
    """
    return [
        *_resampling(moved, spacing),
        normalise or NormalizeForegroundd(keys=IMAGE),
        _crop(moved, is_foreground, margin),
    ]


def ct_steps(
    moved: Sequence[str], spacing: Sequence[float] | None, margin: int, intensity: HounsfieldScale
) -> list[Any]:
    """Returns the steps of a CT; the crop comes first, as the body is told from the table by HU that `intensity` clips.

    Raises:
        InputError: `spacing` is not three numbers above 0.
    """
    return [*_resampling(moved, spacing), _crop(moved, in_body, margin), ScaleHounsfieldd(IMAGE, intensity)]


def _resampling(moved: Sequence[str], spacing: Sequence[float] | None) -> list[Any]:
    if spacing is not None and (len(spacing) != 3 or min(spacing) <= 0):
        raise InputError(f"spacing is {list(spacing)}; expected three voxel sizes in mm above 0")
    steps: list[Any] = [Orientationd(keys=moved, axcodes="RAS", labels=None)]
    if spacing is not None:
        modes = ["bilinear" if key == IMAGE else "nearest" for key in moved]
        steps.append(SafeSpacingd(keys=moved, pixdim=tuple(spacing), mode=modes))
    return steps


def _crop(moved: Sequence[str], select_fn: Callable[[Tensor], Tensor], margin: int) -> CropForegroundd:
    return CropForegroundd(
        keys=moved,
        source_key=IMAGE,
        select_fn=select_fn,
        margin=margin,
        allow_smaller=True,
        start_coord_key=None,
        end_coord_key=None,
    )

"""The volumes of a case, in one orientation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from monai.data import MetaTensor
from monai.transforms import Orientation
from torch import Tensor

from segpeft.data.channel_grid import onto_grid
from segpeft.data.grids import grid_difference
from segpeft.data.label_schemes import LabelScheme
from segpeft.data.loading import LoadVolume
from segpeft.data.provenance import ABSENT
from segpeft.data.regions import labels_to_regions
from segpeft.errors import InputError


def read_volume(path: str) -> MetaTensor:
    """Returns a volume (C, H, W, D), its axes ordered and turned as near to RAS as they can be.

    Raises:
        InputError: it cannot be read, see :class:`~segpeft.data.loading.LoadVolume`.
    """
    loaded: Any = LoadVolume(image_only=True, ensure_channel_first=True, squeeze_non_spatial_dims=True)(path)
    return Orientation(axcodes="RAS", labels=None)(loaded)  # type: ignore[return-value]


def read_regions(path: str, scheme: LabelScheme, grid: MetaTensor | None = None) -> tuple[Tensor, MetaTensor]:
    """Returns the region masks (R, H, W, D) of a label map, and the map.

    Args:
        path: of the label map.
        scheme: which values make which region.
        grid: volume on whose grid it has to lie.

    Raises:
        InputError: it cannot be read, holds other values, or lies on another grid.
    """
    label = read_volume(path)
    if grid is not None:
        difference = grid_difference(label.shape[1:], label.affine, grid.shape[1:], grid.affine)
        if difference:
            raise InputError(f"{path}: {difference} as the truth has")
    return labels_to_regions(label.as_tensor(), scheme, path) > 0.5, label


def read_channel(images: Sequence[str], channel: int, grid: MetaTensor) -> Tensor:
    """Returns one channel (H, W, D) of a case, resampled onto the grid where its file has another.

    Args:
        images: one file, which may hold several channels, or one file or DICOM folder a channel.
        channel: index of the channel.
        grid: volume (C, H, W, D) in RAS.

    Raises:
        InputError: there is no such channel, the case lacks it, or its file cannot be read.
    """
    if channel >= len(images) > 1:
        raise InputError(f"{images[0]}: one of {len(images)} channels; there is none with index {channel}")
    path = images[channel] if len(images) > 1 else images[0]
    if path == ABSENT:
        raise InputError(f"the case has no file of the channel with index {channel}")
    volume: Any = read_volume(path)
    if len(images) == 1 and channel >= volume.shape[0]:
        raise InputError(f"{path}: has {volume.shape[0]} channels; there is none with index {channel}")
    found = volume if len(images) > 1 else volume[channel : channel + 1]
    if grid_difference(found.shape[1:], found.affine, grid.shape[1:], grid.affine):
        found = onto_grid(found, grid, path, "the label")
    return torch.as_tensor(found).as_subclass(Tensor)[0]

"""The channels of a file as volumes of their own."""

from __future__ import annotations

import math
import os
import zlib
from typing import Any

import nibabel
import numpy as np
import torch
from monai.data import MetaTensor

from segpeft.data.loading import LoadVolume
from segpeft.data.naming import is_volume_name
from segpeft.errors import InputError, reason_of

MOST_CHANNELS = 8
"""Of a file with more channels (a time series, diffusion directions) so many neighbouring ones are read."""

MOST_VOXELS = 2**31
"""A damaged header may claim any size; 2^31 voxels take 8.6 GB."""


def read_channels(path: str) -> list[tuple[int, MetaTensor]]:
    """Returns index and volume (1, H, W, D), float32, of every channel of a NIfTI file, or of a folder of DICOM files.

    Which channels of a long series are read depends on the path only.

    Raises:
        InputError: the file cannot be read, or is neither (X, Y, Z) nor (X, Y, Z, channels).
    """
    if os.path.isdir(path) and not is_volume_name(os.path.basename(path)):
        series = LoadVolume(image_only=True, ensure_channel_first=True, squeeze_non_spatial_dims=True)(path)
        return [(0, MetaTensor(series.as_subclass(torch.Tensor).float(), affine=series.affine))]
    try:
        with open(path, "rb") as file:  # nibabel takes a failure of the disk for an unknown format
            file.read(1)
        image: Any = nibabel.load(path)
        shape = tuple(int(size) for size in image.shape)
        first = _first_channel(path, shape)
        window = (slice(first, first + MOST_CHANNELS),) if len(shape) == 4 else ()
        values = np.asarray(image.dataobj[(..., *window)], dtype=np.float32)
        affine = torch.as_tensor(np.asarray(image.affine, dtype=np.float64))
    except InputError:
        raise
    except Exception as error:  # readers raise nearly anything for a damaged file
        raise InputError(f"{path}: cannot be read ({reason_of(error)}); expected an intact NIfTI volume") from error
    stack = torch.from_numpy(values.reshape(*shape[:3], -1)).movedim(-1, 0)  # (C, H, W, D)
    return [(first + c, MetaTensor(stack[c : c + 1], affine=affine)) for c in range(len(stack))]


def _first_channel(path: str, shape: tuple[int, ...]) -> int:
    if len(shape) not in (3, 4) or not all(shape):
        raise InputError(f"{path}: has the shape {list(shape)}; expected (X, Y, Z) or (X, Y, Z, channels)")
    if math.prod(shape[:3]) * min(shape[-1] if len(shape) == 4 else 1, MOST_CHANNELS) > MOST_VOXELS:
        raise InputError(f"{path}: claims the shape {list(shape)}; expected at most {MOST_VOXELS} voxels")
    surplus = shape[3] - MOST_CHANNELS if len(shape) == 4 else 0
    return zlib.crc32(path.encode("utf-8", errors="replace")) % (surplus + 1) if surplus > 0 else 0

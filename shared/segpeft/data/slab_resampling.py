"""Bringing a prediction back to the voxels of a large file without a sampling grid for all of them at once."""

from __future__ import annotations

from math import prod
from typing import Any

import torch
from monai.data import MetaTensor
from monai.transforms import SpatialResample
from monai.transforms.utils import create_translate
from monai.utils import TraceKeys, get_torch_dtype_from_string

SLAB_VOXELS = 8_000_000
"""Of 56 bytes each for a while: MONAI samples in float64, from a grid of three coordinates made of four."""


def inverse_in_slabs(resample: SpatialResample, volume: MetaTensor, slab_voxels: int = SLAB_VOXELS) -> MetaTensor:
    """Returns what ``resample.inverse(volume)`` does, slab by slab along the first axis where that is large.

    For a file of 512 x 512 x 400 voxels MONAI's grid alone takes 6 GB on the way back.

    Args:
        resample: the transform that a volume on the file's voxels went through.
        volume: (C, H, W, D), whose last applied operation is that.
        slab_voxels: about so many are sampled at a time.
    """
    size = [int(n) for n in volume.applied_operations[-1][TraceKeys.ORIG_SIZE]]
    if prod(size) <= slab_voxels:
        return resample.inverse(volume)  # type: ignore[return-value]
    info = resample.pop_transform(volume)[TraceKeys.EXTRA_INFO]
    options = {name: info[name] for name in ("mode", "padding_mode")}
    options["dtype"] = get_torch_dtype_from_string(info["dtype"])
    options["align_corners"] = False if info["align_corners"] == TraceKeys.NONE else info["align_corners"]
    affine = torch.as_tensor(info["src_affine"], dtype=torch.float64)
    thickness = max(1, slab_voxels // prod(size[1:]))
    slabs: list[Any] = []
    for start in range(0, size[0], thickness):
        place = affine @ torch.as_tensor(create_translate(3, [start, 0, 0]), dtype=torch.float64)
        box = [min(thickness, size[0] - start), *size[1:]]
        with resample.trace_transform(False):
            part = resample(volume, place, box, **options)
        slabs.append(part)
    whole = torch.cat([slab.as_tensor() for slab in slabs], 1)
    return MetaTensor(whole, meta=slabs[0].meta, applied_operations=slabs[0].applied_operations)

"""Bringing the channels of a case onto one grid by where they lie in the patient."""

from __future__ import annotations

import numpy as np
import torch
from monai.data import MetaTensor
from monai.transforms import SpatialResample

from segpeft.data.grids import checked_affine
from segpeft.errors import InputError

MIN_OVERLAP = 0.1
"""Of the first volume, in world space. Diffusion of a reduced field shows a fifth of a wide T2; less than half of that
is another station of the scan, or another patient."""

PROBES = 24
"""Places along each axis at which the overlap is measured: 24 slices or fewer are counted exactly."""


def onto_grid(volume: MetaTensor, reference: MetaTensor, path: str, reference_path: str) -> MetaTensor:
    """Returns `volume` (1, H', W', D') resampled linearly onto the grid of `reference` (C, H, W, D), as (1, H, W, D).

    World coordinates alone decide (the two affines, however oblique), and the result has the reference's meta data.
    Voxels outside the field of `volume` get its nearest edge value: 0 would be a measurement that no tissue gives, and
    shift mean and deviation of the channel.

    Args:
        volume: to resample.
        reference: whose grid to take.
        path: file or folder of `volume`, for errors.
        reference_path: file or folder of `reference`.

    Raises:
        InputError: an affine has no inverse, or less than `MIN_OVERLAP` of `reference` lies in `volume`.
    """
    share = overlap(volume, reference, path, reference_path)
    if share < MIN_OVERLAP:
        raise InputError(
            f"{path}: covers {100 * share:.0f} % of {reference_path} in world space; "
            f"expected at least {100 * MIN_OVERLAP:.0f} % (the same patient and examination)"
        )
    resample = SpatialResample(mode="bilinear", padding_mode="border", dtype=np.float64)
    shape = tuple(reference.shape[1:])
    moved = torch.as_tensor(resample(volume, dst_affine=reference.affine, spatial_size=shape))
    return MetaTensor(moved.as_subclass(torch.Tensor).to(volume.dtype), meta=dict(reference.meta))


def overlap(volume: MetaTensor, reference: MetaTensor, path: str, reference_path: str) -> float:
    """Returns the share of `reference` (C, H, W, D) that lies inside `volume`, from 0 to 1.

    Raises:
        InputError: an affine has no inverse.
    """
    to_volume = np.linalg.inv(checked_affine(volume.affine, path)) @ checked_affine(reference.affine, reference_path)
    axes = [np.linspace(0, size - 1, min(size, PROBES)) for size in reference.shape[1:]]
    voxels = np.stack([axis.ravel() for axis in np.meshgrid(*axes, indexing="ij")])  # (3, N)
    found = to_volume[:3, :3] @ voxels + to_volume[:3, 3:]
    limits = np.array(volume.shape[1:])[:, None] - 0.5  # a voxel reaches half its size around its centre
    return float(((found >= -0.5) & (found <= limits)).all(0).mean())

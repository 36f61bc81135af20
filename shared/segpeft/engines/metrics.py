"""Dice and HD95 of regions, with a policy for regions that are empty.

Policy, as in the BraTS challenges: where truth and prediction are both empty, Dice is 1 and HD95 is 0; where only one
of them is, Dice is 0 and HD95 is ``hd95_missing``, by default 373.13 mm (the diagonal of a volume of 240 x 240 x 155 mm
is 373.12866). So every case counts for every region: no NaN leaves a mean, and a false positive on an empty truth costs
what it should.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence

import torch
from monai.data import MetaTensor
from monai.data.utils import affine_to_spacing
from monai.metrics import compute_hausdorff_distance
from torch import Tensor

from segpeft.errors import InputError

BRATS_MISSING_MM = 373.13
DIAGONAL = "diagonal"


def region_dice(pred: Tensor, truth: Tensor) -> list[float]:
    """Returns ``2 |P and T| / (|P| + |T|)`` of each region, 1 where both are empty.

    Args:
        pred: masks (R, H, W, D), bool.
        truth: masks (R, H, W, D), bool.
    """
    both = (pred & truth).flatten(1).sum(1).tolist()
    sizes = (pred.flatten(1).sum(1) + truth.flatten(1).sum(1)).tolist()
    return [2.0 * common / size if size else 1.0 for common, size in zip(both, sizes, strict=True)]


def region_hd95(
    pred: Tensor,
    truth: Tensor,
    spacing: Sequence[float] = (1.0, 1.0, 1.0),
    hd95_missing: float | str = BRATS_MISSING_MM,
) -> list[float]:
    """Returns the 95th percentile Hausdorff distance of each region in mm.

    The larger of the two directed 95th percentiles of the distances between surfaces (MONAI's
    ``compute_hausdorff_distance``, which looks at the bounding box of both masks only); see the module for empty
    regions.

    Args:
        pred: masks (R, H, W, D), bool.
        truth: masks (R, H, W, D), bool.
        spacing: size of a voxel along each axis in mm.
        hd95_missing: distance in mm where one of the two is empty, or ``"diagonal"``: that of the volume itself.
    """
    missing = missing_distance(hd95_missing, truth.shape[1:], spacing)
    distances = []
    for p, t in zip(pred, truth, strict=True):
        empty = (not bool(p.any())) + (not bool(t.any()))
        if empty:
            distances.append(0.0 if empty == 2 else missing)
        else:
            masks, steps = (p[None, None].float(), t[None, None].float()), [float(step) for step in spacing]
            with warnings.catch_warnings():  # MONAI 1.6.1 calls itself with an argument that it deprecates
                warnings.simplefilter("ignore", FutureWarning)
                found = compute_hausdorff_distance(*masks, include_background=True, percentile=95, spacing=steps)
            distances.append(float(found))
    return distances


def missing_distance(hd95_missing: float | str, shape: Sequence[int], spacing: Sequence[float]) -> float:
    """Returns the distance in mm that stands for a missed region.

    Raises:
        InputError: if it is neither a number of at least 0 nor ``"diagonal"``.
    """
    if hd95_missing == DIAGONAL:
        return math.hypot(*(size * step for size, step in zip(shape, spacing, strict=True)))
    if isinstance(hd95_missing, str) or hd95_missing < 0:
        raise InputError(f'hd95_missing {hd95_missing!r} is unknown: expected a distance in mm or "{DIAGONAL}"')
    return float(hd95_missing)


def voxel_spacing(volume: Tensor) -> tuple[float, ...]:
    """Returns the voxel size in mm along each spatial axis of (C, H, W, D), from its affine; 1 for a plain tensor."""
    dimensions = volume.ndim - 1
    if not isinstance(volume, MetaTensor):
        return (1.0,) * dimensions
    affine = torch.as_tensor(volume.affine, dtype=torch.float64)
    return tuple(float(step) for step in affine_to_spacing(affine, dimensions))

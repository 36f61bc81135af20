"""Where a label lies in its image, and what lies under it: as it is stored, and as it would be if it were mirrored."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.ndimage import binary_dilation, binary_erosion

from segpeft.data.normalize import foreground_mask

FloatArray = NDArray[np.float64]

FORMS = (None, 0, 1, 2)
"""As stored, and mirrored along each axis of RAS: left-right, posterior-anterior, inferior-superior."""
AXES = ("left-right", "front-back", "head-foot")
LONGEST = 128
"""Voxels along an axis; of a longer one every second or third voxel is looked at."""
LEAST_DRAWN = 10
SHELL = 2
"""Voxels around a structure that it is compared with."""


@dataclass(frozen=True)
class LabelPlacement:
    """How a label fits its image of C channels, in each of the four `FORMS`.

    Attributes:
        posture: (4, 6), the label's centre in the box of what is shown, from 0 to 1, and the slants of its axes.
        fit: for each value of the label, and under 0 for all of it, (4, 3 + 3 C): its centre relative to that of all;
            the intensity inside, that inside less that of the shell, and the step at its edge, of each channel.
    """

    posture: FloatArray
    fit: Mapping[int, FloatArray]

    def vectors(self, values: Sequence[int]) -> FloatArray:
        """Returns the four forms as (4, F); NaN stands for values that the case does not have."""
        absent = np.full_like(next(iter(self.fit.values())), np.nan)
        return np.concatenate([self.posture, *(self.fit.get(value, absent) for value in values)], axis=1)


def label_placement(channels: Sequence[NDArray[np.float32]], label: NDArray[np.int64]) -> LabelPlacement | None:
    """Returns the placement of a case, None where next to nothing is drawn or shown.

    Args:
        channels: finite volumes (H, W, D) with axes in the order and directions of RAS.
        label: whole values on that grid.
    """
    steps = tuple(slice(None, None, -(-size // LONGEST)) for size in label.shape)
    label = label[steps]
    stacked = np.stack([channel[steps] for channel in channels])  # (C, H, W, D)
    mask = foreground_mask(torch.from_numpy(stacked))[0].numpy()
    images = [_standard(channel, mask) for channel in stacked]
    drawn, where = np.argwhere(label > 0), np.argwhere(mask)
    if len(drawn) < LEAST_DRAWN or len(where) < LEAST_DRAWN:
        return None
    low, size = where.min(axis=0), np.ptp(where, axis=0) + 1
    slopes = [_slope(image) for image in images]
    kinds, counts = np.unique(label[label > 0], return_counts=True)
    masks = {int(kind): label == kind for kind, count in zip(kinds, counts, strict=True) if count >= LEAST_DRAWN}
    masks[0] = label > 0
    centres = [_reflected(drawn, axis, label.shape).mean(axis=0) for axis in FORMS]
    return LabelPlacement(
        posture=np.stack(
            [
                np.concatenate([(centre - low) / size, _slants(_reflected(drawn, axis, label.shape))])
                for axis, centre in zip(FORMS, centres, strict=True)
            ]
        ),
        fit={kind: _fit(mask, images, slopes, centres, size) for kind, mask in masks.items()},
    )


def _standard(channel: NDArray[np.float32], mask: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Returns a channel with mean 0 and deviation 1 over what is shown, without the outermost per cent."""
    inside = channel[mask]
    low, high = np.percentile(inside, (1, 99))
    kept = np.clip(inside, low, high)
    return (np.clip(channel, low, high) - kept.mean()) / (kept.std() + 1e-6)


def _slope(image: NDArray[np.float32]) -> NDArray[np.float32]:
    axes = [axis for axis in range(3) if image.shape[axis] > 1]
    slope = np.sqrt(sum((np.square(np.gradient(image, axis=axis)) for axis in axes), np.zeros_like(image)))
    return slope / (slope.mean() + 1e-6)


def _reflected(points: NDArray[np.int64], axis: int | None, shape: Sequence[int]) -> NDArray[np.int64]:
    if axis is None:
        return points
    moved = points.copy()
    moved[:, axis] = shape[axis] - 1 - moved[:, axis]
    return moved


def _slants(points: NDArray[np.int64]) -> FloatArray:
    """Returns the correlations of x and y, x and z, y and z; a mirror turns the signs of two of them."""
    centred = points - points.mean(axis=0)
    products = centred.T @ centred / len(points)
    spread = np.sqrt(np.diag(products)) + 1e-6
    return (products / np.outer(spread, spread))[[0, 0, 1], [1, 2, 2]]


def _fit(
    mask: NDArray[np.bool_],
    images: Sequence[NDArray[np.float32]],
    slopes: Sequence[NDArray[np.float32]],
    centres: Sequence[FloatArray],
    size: NDArray[np.int64],
) -> FloatArray:
    inside, shell, edge = _parts(mask)
    rows = []
    for axis, centre in zip(FORMS, centres, strict=True):
        i, s, e = (tuple(_reflected(points, axis, mask.shape).T) for points in (inside, shell, edge))
        place = (_reflected(inside, axis, mask.shape).mean(axis=0) - centre) / size
        levels = [image[i].mean() for image in images]
        steps = [level - image[s].mean() for level, image in zip(levels, images, strict=True)]
        rows.append([*place, *levels, *steps, *(np.log(slope[e].mean() + 1e-3) for slope in slopes)])
    return np.asarray(rows, dtype=np.float64)


def _parts(mask: NDArray[np.bool_]) -> list[NDArray[np.int64]]:
    """Returns the voxels inside, those of the shell around, and those on both sides of the edge, each (N, 3)."""
    points = np.argwhere(mask)
    low = np.maximum(points.min(axis=0) - SHELL - 1, 0)
    box = tuple(slice(a, b) for a, b in zip(low, points.max(axis=0) + SHELL + 2, strict=True))
    inside = mask[box]
    shell = binary_dilation(inside, iterations=SHELL) & ~inside
    edge = binary_dilation(inside) & ~binary_erosion(inside, border_value=1)
    if not shell.any():  # the structure fills its volume
        shell = edge = inside
    return [points, np.argwhere(shell) + low, np.argwhere(edge if edge.any() else inside) + low]

"""Voxel size and window: which resolution a network sees, and how much at once."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from .choice import Choice
from .summary import Summary

COARSE = 3.0
"""nnU-Net calls an axis coarse whose voxels are so many times as long as the others, and that has as many fewer."""

DIRECTIONS = ("left-right", "back-front", "feet-head")


def choose_spacing(summary: Summary) -> Choice:
    """Returns the voxel size to resample to: the median of the cases.

    Of a coarse axis it is the 10th percentile, so that most cases keep what they have (nnU-Net, Isensee et al. 2021,
    Nature Methods 18:203).
    """
    target = np.median(summary.spacing, axis=0)
    axis = coarse_axis(target, np.median(summary.size, axis=0))
    if axis is None:
        same = bool(np.allclose(summary.spacing, target, rtol=1e-2))
        why = "every case has it (mm)" if same else f"median of {summary.looked} cases (mm)"
    else:
        others = np.delete(target, axis).max()
        target[axis] = max(float(np.percentile(summary.spacing[:, axis], 10)), float(others))
        why = f"median of {summary.looked} cases; {DIRECTIONS[axis]} is coarse: its 10th percentile (mm)"
    return Choice("spacing", [float(f"{value:.4g}") for value in target], why)


def coarse_axis(spacing: NDArray[np.float64], size: NDArray[np.float64]) -> int | None:
    """Returns the axis of thick slices, None where there is none; `spacing` in mm, `size` in voxels, of each axis."""
    axis = int(spacing.argmax())
    thick = spacing[axis] > COARSE * spacing.min()
    few = size[axis] * COARSE < np.delete(size, axis).min()
    return axis if thick and few else None


def resampled_size(summary: Summary, spacing: Sequence[float]) -> NDArray[np.float64]:
    """Returns the median size of what images show, in voxels of `spacing`."""
    return np.median(summary.size * summary.spacing / np.asarray(spacing), axis=0)


def window(size: NDArray[np.float64], spacing: Sequence[float], multiple: Sequence[int], voxels: float) -> list[int]:
    """Returns the window: it holds the median image where `voxels` allow, and is cut along its longest side if not.

    Args:
        size: of the median image in voxels.
        spacing: mm, by which sides are compared.
        multiple: of what each side has to be.
        voxels: at most.
    """
    sides = [max(1, math.ceil(length / step - 1e-6)) * step for length, step in zip(size, multiple, strict=True)]
    while math.prod(sides) > voxels:
        able = [axis for axis in range(3) if sides[axis] > multiple[axis]]
        if not able:
            break
        longest = max(able, key=lambda axis: sides[axis] * spacing[axis])
        sides[longest] -= multiple[longest]
    if sides == list(multiple):  # of one patch, nothing could be normalised over space
        sides[0] *= 2
    return sides


def whole(sides: Sequence[int], size: NDArray[np.float64]) -> bool:
    """Returns whether a window holds the median image."""
    return all(side >= length - 1e-6 for side, length in zip(sides, size, strict=True))

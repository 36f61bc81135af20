"""When two volumes lie on the same voxel grid."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segpeft.errors import InputError

TOLERANCE = 1e-3
"""Relative: headers store affines as float32, and the same grid written by two tools differs by such noise."""


def grid_difference(
    shape: Sequence[int],
    affine: Any,
    reference_shape: Sequence[int],
    reference_affine: Any,
    tolerance: float = TOLERANCE,
) -> str | None:
    """Returns what differs between two grids in words, or None where they are the same.

    Args:
        shape: voxels along the spatial axes.
        affine: (4, 4), voxels to mm.
        reference_shape: expected voxels.
        reference_affine: expected affine.
        tolerance: allowed difference of affine entries, relative to the entry and to the voxel size.
    """
    if tuple(shape) != tuple(reference_shape):
        return f"has shape {tuple(shape)}, expected {tuple(reference_shape)}"
    found, expected = np.asarray(affine, dtype=float), np.asarray(reference_affine, dtype=float)
    voxel = np.linalg.norm(expected[:3, :3], axis=0).min()
    if np.allclose(found, expected, rtol=tolerance, atol=tolerance * voxel):
        return None
    row, column = np.unravel_index(np.abs(found - expected).argmax(), found.shape)
    return f"has affine entry [{row}, {column}] = {found[row, column]:.5g}, expected {expected[row, column]:.5g}"


def checked_affine(affine: Any, path: str) -> NDArray[np.float64]:
    """Returns an affine (4, 4) as float64.

    Raises:
        InputError: it is not finite or has no inverse, as with a voxel size of 0.
    """
    values = np.asarray(affine, dtype=np.float64)
    if not np.isfinite(values).all() or abs(np.linalg.det(values[:3, :3])) < 1e-12:
        raise InputError(f"{path}: its affine places several voxels at one point; expected an invertible one")
    return values

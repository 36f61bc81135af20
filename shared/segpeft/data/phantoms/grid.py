"""A voxel grid over a fixed field of view: more voxels show the same anatomy finer, never more of it."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from segpeft.data.phantoms.case import FloatArray, Shape
from segpeft.errors import InputError

MIN_VOXELS = 24
SUBSAMPLE_MM = 2.4
MAX_SUBSAMPLES = 3
_VOXELS_PER_BLOCK = 10_000


def check_shape(shape: Shape) -> None:
    """Raises InputError unless the shape has three axes of at least 24 voxels."""
    if len(shape) != 3 or min(shape) < MIN_VOXELS:
        raise InputError(f"shape {' '.join(map(str, shape))}: needs three axes of at least {MIN_VOXELS} voxels")


@dataclass(frozen=True)
class Grid:
    """An axis-aligned RAS grid whose field of view is centred on the world's origin.

    Args:
        shape: voxels along x, y and z, at least 24 each.
        field_of_view: extent along x, y and z in mm.

    Raises:
        InputError: if the shape does not have three axes or an axis is below 24 voxels.
    """

    shape: Shape
    field_of_view: tuple[float, float, float]

    def __post_init__(self) -> None:
        check_shape(self.shape)

    @property
    def spacing(self) -> NDArray[np.float64]:
        """Voxel size along x, y and z in mm."""
        return np.asarray(self.field_of_view, dtype=np.float64) / np.asarray(self.shape, dtype=np.float64)

    @property
    def affine(self) -> NDArray[np.float64]:
        """Voxel indices to RAS mm: diagonal, with the centre of the field of view at 0."""
        affine = np.diag([*self.spacing, 1.0])
        affine[:3, 3] = -0.5 * self.spacing * (np.asarray(self.shape) - 1)
        return affine

    def centres(self, flat_index: NDArray[np.int64]) -> FloatArray:
        """World coordinates of voxel centres.

        Args:
            flat_index: (N,) indices into the flattened (X, Y, Z) volume, C order.

        Returns:
            (N, 3) in mm.
        """
        voxel = np.stack(np.unravel_index(flat_index, self.shape), axis=-1)
        return (voxel * self.spacing + self.affine[:3, 3]).astype(np.float32)

    def blocks(self) -> Iterator[NDArray[np.int64]]:
        """Yields the flat indices of all voxels in blocks whose working arrays stay in the processor's cache."""
        total = int(np.prod(self.shape))
        for begin in range(0, total, _VOXELS_PER_BLOCK):
            yield np.arange(begin, min(begin + _VOXELS_PER_BLOCK, total), dtype=np.int64)

    def offsets(self) -> FloatArray:
        """Sample positions inside one voxel relative to its centre, about 2.4 mm apart: their mean is partial volume.

        Returns:
            (S, 3) in mm; S is 1 on a grid of 1 mm, 8 on one of 3.75 mm, and never above 27.
        """
        counts = np.clip(np.rint(self.spacing / SUBSAMPLE_MM), 1, MAX_SUBSAMPLES).astype(int)
        axes = [
            ((np.arange(n) + 0.5) / n - 0.5) * step
            for n, step in zip(counts.tolist(), self.spacing.tolist(), strict=True)
        ]
        return np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 3).astype(np.float32)

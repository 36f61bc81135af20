"""A voxel grid over a fixed field of view: more voxels show the same anatomy finer, never more of it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from segpeft.data.phantoms.case import SMALLEST_SHAPE, FloatArray, Shape
from segpeft.errors import InputError

SUBSAMPLE_MM = 2.4
MAX_SUBSAMPLES = 3
_VOXELS_PER_BLOCK = 10_000


def check_shape(shape: Shape, smallest: Shape = SMALLEST_SHAPE) -> None:
    """Raises InputError unless the shape has three axes of at least `smallest` voxels."""
    if len(shape) != 3 or any(n < least for n, least in zip(shape, smallest, strict=True)):
        least = ", ".join(map(str, smallest))
        raise InputError(f"shape {' '.join(map(str, shape))}: needs three axes of at least {least} voxels")


@dataclass(frozen=True)
class Grid:
    """A grid over a fixed field of view: axis-aligned RAS around the world's origin unless turned and shifted.

    Args:
        shape: voxels along x, y and z, at least `smallest` each.
        field_of_view: extent along the grid's axes in mm.
        turn: rotation of the axes about x, y and z in degrees.
        centre: world coordinates of the middle of the field of view in mm.
        smallest: the fewest voxels allowed along x, y and z.

    Raises:
        InputError: if the shape does not have three axes or an axis has too few voxels.
    """

    shape: Shape
    field_of_view: tuple[float, float, float]
    turn: tuple[float, float, float] = (0.0, 0.0, 0.0)
    centre: tuple[float, float, float] = (0.0, 0.0, 0.0)
    smallest: Shape = SMALLEST_SHAPE

    def __post_init__(self) -> None:
        check_shape(self.shape, self.smallest)

    @property
    def spacing(self) -> NDArray[np.float64]:
        """Voxel size along the grid's axes in mm."""
        return np.asarray(self.field_of_view, dtype=np.float64) / np.asarray(self.shape, dtype=np.float64)

    @property
    def affine(self) -> NDArray[np.float64]:
        """Voxel indices to RAS mm, with the middle of the field of view at `centre`."""
        affine = np.eye(4)
        affine[:3, :3] = self._axes * self.spacing
        affine[:3, 3] = np.asarray(self.centre) - 0.5 * affine[:3, :3] @ (np.asarray(self.shape) - 1.0)
        return affine

    @property
    def _axes(self) -> NDArray[np.float64]:
        """Unit vectors of the grid's axes as columns."""
        return np.asarray(Rotation.from_euler("xyz", self.turn, degrees=True).as_matrix(), dtype=np.float64)

    def centres(self, flat_index: NDArray[np.int64]) -> FloatArray:
        """World coordinates of voxel centres.

        Args:
            flat_index: (N,) indices into the flattened (X, Y, Z) volume, C order.

        Returns:
            (N, 3) in mm.
        """
        voxel = np.stack(np.unravel_index(flat_index, self.shape), axis=-1)
        affine = self.affine
        return (voxel @ affine[:3, :3].T + affine[:3, 3]).astype(np.float32)

    def blocks(self) -> Iterator[NDArray[np.int64]]:
        """Yields the flat indices of all voxels in blocks whose working arrays stay in the processor's cache."""
        total = int(np.prod(self.shape))
        for begin in range(0, total, _VOXELS_PER_BLOCK):
            yield np.arange(begin, min(begin + _VOXELS_PER_BLOCK, total), dtype=np.int64)

    def offsets(self, axes: Sequence[int] = (0, 1, 2)) -> FloatArray:
        """Sample positions inside one voxel relative to its centre, about 2.4 mm apart: their mean is partial volume.

        Args:
            axes: along which to sample; the voxel's middle stands for the others.

        Returns:
            (S, 3) in mm; along all axes S is 1 on a grid of 1 mm, 8 on one of 3.75 mm, and never above 27.
        """
        counts = np.clip(np.rint(self.spacing / SUBSAMPLE_MM), 1, MAX_SUBSAMPLES).astype(int)
        counts[[axis for axis in range(3) if axis not in axes]] = 1
        steps = [
            ((np.arange(n) + 0.5) / n - 0.5) * step
            for n, step in zip(counts.tolist(), self.spacing.tolist(), strict=True)
        ]
        along = np.stack(np.meshgrid(*steps, indexing="ij"), axis=-1).reshape(-1, 3)
        return (along @ self._axes.T).astype(np.float32)

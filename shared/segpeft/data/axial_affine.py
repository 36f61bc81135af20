"""Turning and scaling crops in the axial plane, all slices alike."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from monai.config import KeysCollection
from monai.transforms import MapTransform, RandomizableTransform
from monai.utils import ensure_tuple_rep
from torch import Tensor
from torch.nn.functional import affine_grid, grid_sample

from segpeft.errors import InputError


class RandAxialAffined(RandomizableTransform, MapTransform):
    """Rotates crops (C, H, W, D) about the third axis and scales them in its plane, by one 2D map for all slices.

    MONAI's `RandAffined` interpolates among eight neighbours at positions made for every voxel; here slices stand as
    channels of one image, so positions are made for one slice. Beyond the edge the edge's values go on, in image and
    label alike.

    Args:
        keys: of the crops to move alike.
        mode: "bilinear" or "nearest", one for all keys or one a key.
        prob: of moving a crop.
        degrees: largest angle to either side.
        scale: smallest and largest factor of size.
        allow_missing_keys: pass over keys that a case does not have.

    Raises:
        InputError: a number out of range.
    """

    def __init__(
        self,
        keys: KeysCollection,
        mode: str | Sequence[str] = "bilinear",
        prob: float = 0.2,
        degrees: float = 30.0,
        scale: Sequence[float] = (0.7, 1.4),
        allow_missing_keys: bool = False,
    ) -> None:
        MapTransform.__init__(self, keys, allow_missing_keys)
        RandomizableTransform.__init__(self, prob)
        if len(scale) != 2 or not 0 < scale[0] <= scale[1]:
            raise InputError(f"scale is {list(scale)}; expected a smaller and a larger factor above 0")
        self.modes = dict(zip(self.keys, ensure_tuple_rep(mode, len(self.keys)), strict=True))
        self.degrees, self.scale = degrees, (float(scale[0]), float(scale[1]))

    def randomize(self, data: Any = None) -> None:
        """Draws whether to move, the angle in rad and the factor."""
        super().randomize(None)
        self.angle = np.radians(self.R.uniform(-self.degrees, self.degrees))
        self.factor = self.R.uniform(*self.scale)

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        """Returns the case with its crops moved; their meta data, which would no longer hold, are left out."""
        d = dict(data)
        self.randomize()
        if self._do_transform:
            for key in self.key_iterator(d):
                d[key] = self._move(torch.as_tensor(d[key]).as_subclass(Tensor), self.modes[key])
        return d

    def _move(self, crop: Tensor, mode: str) -> Tensor:
        channels, height, width, depth = crop.shape
        slices = crop.permute(0, 3, 1, 2).reshape(1, channels * depth, height, width)
        sin, cos = np.sin(self.angle) / self.factor, np.cos(self.angle) / self.factor
        # Positions run from -1 to 1 along each axis, whatever its length: a turn of voxels is a shear of those.
        turn = [[cos, -sin * height / width, 0.0], [sin * width / height, cos, 0.0]]
        grid = affine_grid(torch.tensor([turn], dtype=crop.dtype), [1, 1, height, width], align_corners=False)
        moved = grid_sample(slices, grid, mode=mode, padding_mode="border", align_corners=False)
        return moved.reshape(channels, depth, height, width).permute(0, 2, 3, 1).contiguous()

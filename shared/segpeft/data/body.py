"""Where the body is in a CT, without the table it lies on."""

from __future__ import annotations

import numpy as np
import torch
from scipy.ndimage import binary_dilation, label
from torch import Tensor
from torch.nn.functional import avg_pool3d

BODY_HU = -300.0
"""Half-way between fat and air, and lower where cells at the skin hold a little more air than fat."""

CELL_MM = 5.0
"""The shells of a table are thinner than that: averaged with the foam and the air beside them, they are lighter than
a body. A blanket is, too."""


def in_body(image: Tensor) -> Tensor:
    """Returns where a CT (1, H, W, D) in HU shows the body, as bool (1, H, W, D); everywhere if it shows none.

    The body is the largest connected part of what is denser than air, in cells of `CELL_MM`, and a cell around it; its
    inside may have holes (lungs, bowel), as only its bounding box is used. To be the `select_fn` of MONAI's
    `CropForegroundd`.

    Args:
        image: a `MetaTensor` says how large its voxels are; others are taken to have 1 mm.
    """
    spacing = getattr(image, "pixdim", torch.ones(3))
    volume = image.as_subclass(Tensor).float().clamp(-1024.0, 300.0)  # a metal rod must not outweigh the air around it
    cell = [max(1, round(CELL_MM / float(step))) for step in spacing]
    cell = [min(n, size) for n, size in zip(cell, volume.shape[1:], strict=True)]
    coarse = avg_pool3d(volume[None], cell, ceil_mode=True, count_include_pad=False)[0, 0]
    parts, count = label((coarse > BODY_HU).numpy())
    if not count:
        return torch.ones_like(volume, dtype=torch.bool)
    largest = int(np.bincount(parts.ravel())[1:].argmax()) + 1
    mask = torch.from_numpy(binary_dilation(parts == largest))  # a cell at the skin may hold mostly air
    for axis, n in enumerate(cell):
        mask = mask.repeat_interleave(n, dim=axis).narrow(axis, 0, volume.shape[axis + 1])
    return mask[None]

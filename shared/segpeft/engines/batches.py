"""What a training step takes from a batch."""

from __future__ import annotations

from typing import Any

import torch
from monai.data import MetaTensor
from monai.engines.utils import default_prepare_batch
from torch import Tensor


def plain_batch(
    batchdata: dict[str, Tensor], device: str | torch.device | None = None, non_blocking: bool = False, **kwargs: Any
) -> tuple[Tensor, Tensor | None]:
    """Returns image and label on ``device``: MONAI's ``default_prepare_batch``, but with plain tensors.

    A MetaTensor passes every operation through Python once more; training needs none of what it carries.
    """
    image, label = default_prepare_batch(batchdata, device, non_blocking, **kwargs)
    return plain(image), plain(label)


def plain(value: Any) -> Any:
    """Returns the tensor inside a MetaTensor; anything else as it is."""
    return value.as_tensor() if isinstance(value, MetaTensor) else value


def image_as_target(
    batchdata: dict[str, Tensor], device: str | torch.device | None = None, non_blocking: bool = False, **kwargs: Any
) -> tuple[Tensor, Tensor]:
    """Returns the image twice, as input and as target: for networks that learn to reconstruct it."""
    image = plain(batchdata["image"]).to(device, non_blocking=non_blocking, **kwargs)
    return image, image

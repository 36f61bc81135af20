"""What a training step takes from a batch."""

from __future__ import annotations

from typing import Any

import torch
from monai.data import MetaTensor
from monai.engines.utils import default_prepare_batch
from torch import Tensor

from segpeft.data.presence import PRESENT


def plain_batch(
    batchdata: dict[str, Tensor], device: str | torch.device | None = None, non_blocking: bool = False, **kwargs: Any
) -> tuple[Any, ...]:
    """Returns what :func:`batch_with_presence` does, but as plain tensors.

    A MetaTensor passes every operation through Python once more; training needs none of what it carries.
    """
    image, label, *rest = batch_with_presence(batchdata, device, non_blocking, **kwargs)
    return plain(image), plain(label), *rest


def batch_with_presence(
    batchdata: dict[str, Tensor], device: str | torch.device | None = None, non_blocking: bool = False, **kwargs: Any
) -> tuple[Any, ...]:
    """Returns image and label on ``device``, and ``present`` as an argument of the network where the data have it.

    MONAI's ``default_prepare_batch``; what it returns as third and fourth goes through the inferer to the network.
    """
    image, label = default_prepare_batch(batchdata, device, non_blocking, **kwargs)
    if PRESENT not in batchdata:
        return image, label
    return image, label, (), {PRESENT: batchdata[PRESENT].to(device, non_blocking=non_blocking, **kwargs)}


def plain(value: Any) -> Any:
    """Returns the tensor inside a MetaTensor; anything else as it is."""
    return value.as_tensor() if isinstance(value, MetaTensor) else value


def image_as_target(
    batchdata: dict[str, Tensor], device: str | torch.device | None = None, non_blocking: bool = False, **kwargs: Any
) -> tuple[Tensor, Tensor]:
    """Returns the image twice, as input and as target: for networks that learn to reconstruct it."""
    image = plain(batchdata["image"]).to(device, non_blocking=non_blocking, **kwargs)
    return image, image

"""One picture of a case: image, truth and prediction side by side."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from .batches import plain

# Okabe and Ito's colours, told apart by the colour-blind too
COLOURS = ((0, 114, 178), (230, 159, 0), (213, 94, 0), (0, 158, 115), (204, 121, 167), (86, 180, 233))
OPACITY = 0.55


def side_by_side(image: Tensor, truth: Tensor, pred: Tensor, channel: int = 0) -> npt.NDArray[np.uint8]:
    """Returns image, image with truth and image with prediction, at the slice with the most truth.

    Args:
        image: (C, H, W, D), any intensities; shown between the 1st and 99.5th percentile of the foreground.
        truth: region masks (R, H, W, D).
        pred: region masks or probabilities (R, H, W, D); above 0.5 is predicted.
        channel: of the image to show.

    Returns:
        (W, 3 H, 3): red, green, blue, the image's second axis upwards. Later regions are painted over earlier ones.
    """
    image, truth, pred = (plain(volume).detach().cpu().float() for volume in (image, truth, pred))
    index = fullest_slice(truth > 0.5, pred > 0.5)
    grey = grey_plane(image[channel, :, :, index], image[channel])[..., None].repeat(3, axis=-1)
    panels = [grey, *(_painted(grey, masks[..., index] > 0.5) for masks in (truth, pred))]
    upright = [np.rot90(panel) for panel in panels]
    return np.ascontiguousarray(np.concatenate(upright, axis=1))


def fullest_slice(truth: Tensor, pred: Tensor) -> int:
    """Returns the slice (last axis) with most truth, or most prediction where there is no truth, or the middle."""
    for masks in (truth, pred):
        counts = masks.any(0).sum((0, 1))
        if counts.any():
            return int(counts.argmax())
    return truth.shape[-1] // 2


def grey_plane(plane: Tensor, volume: Tensor) -> npt.NDArray[np.uint8]:
    """Returns a slice (U, V) in grey, from the 1st to the 99.5th percentile of the foreground of its volume."""
    inside = volume[volume != volume.flatten()[0]]  # the corner is background
    low, high = np.percentile((inside if inside.numel() else volume).numpy(), (1, 99.5))
    scaled = ((plane - low) / max(high - low, 1e-6)).clamp(0, 1) * 255
    return scaled.to(torch.uint8).numpy()


def _painted(grey: npt.NDArray[np.uint8], masks: Tensor) -> npt.NDArray[np.uint8]:
    picture = grey.astype(np.float32)
    for mask, colour in zip(masks.numpy(), COLOURS * len(masks), strict=False):
        picture[mask] = (1 - OPACITY) * grey[mask] + OPACITY * np.asarray(colour, np.float32)
    return picture.astype(np.uint8)

"""Whole volumes through a network that sees one window at a time."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import Any

import torch
from monai.inferers import Inferer, SlidingWindowInferer
from monai.utils import convert_to_dst_type
from torch import Tensor

from segpeft.data.presence import PRESENT
from segpeft.errors import InputError

from .batches import plain

SPATIAL = (-3, -2, -1)


class WindowInferer(SlidingWindowInferer):
    """MONAI's sliding window with plain tensors inside: the network sees no MetaTensor, the result is one again.

    A batch may mix windows of several cases, so cases that come with ``present (B, C)`` are done one by one.
    """

    def __call__(self, inputs: Tensor, network: Callable[..., Any], *args: Any, **kwargs: Any) -> Tensor:
        """Maps a volume (B, C, H, W, D) to logits (B, R, H, W, D), float32, with the meta data of ``inputs``."""
        volume, present = plain(inputs), kwargs.pop(PRESENT, None)
        if present is None:
            logits: Any = super().__call__(volume, network, *args, **kwargs)
        else:
            cases = zip(volume.split(1), present.split(1), strict=True)
            each = [super(WindowInferer, self).__call__(one, network, *args, present=p, **kwargs) for one, p in cases]
            logits = torch.cat(each)  # type: ignore[arg-type]
        return convert_to_dst_type(logits, inputs, dtype=torch.float32, device=logits.device)[0]


class FlipTTAInferer(Inferer):
    """Test-time augmentation: the mean probability over all flips of some spatial axes, given as its logit.

    A mean of logits would let one confident window outvote the others, so probabilities are averaged; their logit goes
    on, because what follows takes a sigmoid anyway (and returns the mean). With n axes 2^n times the work.

    Args:
        inferer: what one flip goes through.
        flip_axes: spatial axes, 0 to 2, that the network was trained to see from both sides.

    Raises:
        InputError: there is no axis, or no such axis.
    """

    def __init__(self, inferer: Inferer, flip_axes: Sequence[int] = (0, 1, 2)) -> None:
        if not flip_axes or not set(flip_axes) <= {0, 1, 2}:
            raise InputError(f"flip_axes {list(flip_axes)} is out of range: expected some of 0, 1 and 2 for tta")
        self.inferer = inferer
        spatial = [SPATIAL[axis] for axis in sorted(set(flip_axes))]
        self.flips = [axes for count in range(len(spatial) + 1) for axes in itertools.combinations(spatial, count)]

    def __call__(self, inputs: Tensor, network: Callable[..., Tensor], *args: Any, **kwargs: Any) -> Tensor:
        """Maps a volume (B, C, H, W, D) to logits (B, R, H, W, D), float32, with the meta data of ``inputs``."""
        volume, total = plain(inputs), None
        for axes in self.flips:
            logits = self.inferer(volume.flip(axes), network, *args, **kwargs)
            probability = plain(logits).float().sigmoid_().flip(axes)
            total = probability if total is None else total.add_(probability)
        logits = total.div_(len(self.flips)).logit_(eps=1e-6)  # type: ignore[union-attr]
        return convert_to_dst_type(logits, inputs, dtype=torch.float32, device=logits.device)[0]


def sliding_window(
    image_size: int | Sequence[int],
    overlap: float = 0.5,
    sw_batch_size: int = 1,
    tta: bool = False,
    flip_axes: Sequence[int] = (0, 1, 2),
    device: torch.device | str | None = None,
    cpu_thresh: int | None = None,
    pad_value: float = 0.0,
) -> Inferer:
    """Returns a sliding-window inferer with Gaussian importance.

    Args:
        image_size: window in voxels, as the network was built for.
        overlap: of neighbouring windows, a part of the window, at least 0 and below 1.
        sw_batch_size: windows a forward pass.
        tta: average over flips, see :class:`FlipTTAInferer`.
        flip_axes: of these axes, as in training.
        device: where the windows are stitched; default that of the volume.
        cpu_thresh: volumes with more voxels than this are stitched in host memory.
        pad_value: what a volume smaller than the window is filled up with, its background after normalisation.

    Raises:
        InputError: if a value is out of range.
    """
    if not 0 <= overlap < 1:
        raise InputError(f"overlap {overlap} is out of range: expected 0 <= overlap < 1")
    if sw_batch_size < 1:
        raise InputError(f"sw_batch_size {sw_batch_size} is out of range: expected at least 1")
    size = (image_size,) * 3 if isinstance(image_size, int) else tuple(image_size)
    if len(size) != 3 or min(size) < 1:
        raise InputError(f"image_size {image_size} is out of range: expected one or three positive integers")
    stitched_on = torch.device(device) if device else None
    windows = WindowInferer(
        size, sw_batch_size, overlap, "gaussian", cval=pad_value, device=stitched_on, cpu_thresh=cpu_thresh
    )
    return FlipTTAInferer(windows, flip_axes) if tta else windows

"""What a masked auto-encoder sees and what it makes of it, as a picture."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from ignite.engine import Engine, Events
from torch import Tensor

from segpeft.atomic_files import replacing
from segpeft.errors import InputError
from segpeft.networks.masked_autoencoder import from_patches, to_patches

from .distributed import is_main

ROWS, PANEL = 4, 200
"""Crops in a picture at most, and the height in pixels that each is magnified to at least."""

HIDDEN_GREY = 0.25
"""How bright a hidden patch is shown, between darkest (0) and brightest (1)."""


class ReconstructionPicture:
    """Writes ``reconstruction_<epoch>.png`` of the first crops of a validation, and the same for TensorBoard.

    A row a crop: the image, the image without its hidden patches, and the image with those painted by the network.
    Attach it to the validator: it shows the same held-out crops under the same masks every time.

    Args:
        output_dir: where to write; TensorBoard's file lies there in ``pictures``.
        patch_size: of the network in voxels.
        interval: epochs between two pictures.
        normalised: whether the network predicts normalised patches; they then get the mean and spread of the true ones.
    """

    def __init__(
        self,
        output_dir: str | os.PathLike[str],
        patch_size: Sequence[int],
        interval: int = 10,
        normalised: bool = True,
    ) -> None:
        if interval < 1:
            raise InputError(f"picture_interval {interval} is out of range: expected at least 1 epoch")
        self.output_dir = Path(output_dir)
        self.patch_size = tuple(patch_size)
        self.interval = interval
        self.normalised = normalised
        self.pictured = 0

    def attach(self, engine: Engine) -> None:
        """Attaches to a validator whose output has "image" and "pred"."""
        engine.add_event_handler(Events.ITERATION_COMPLETED, self)

    def __call__(self, engine: Engine) -> None:
        """Writes the picture, on the main process, once in an epoch that is due."""
        epoch = engine.state.epoch
        if not is_main() or epoch % self.interval or self.pictured == epoch:
            return
        self.pictured = epoch
        output: Any = engine.state.output
        patches, mask = output["pred"]
        crops = zip(output["image"][:ROWS], patches[:ROWS], mask[:ROWS], strict=True)
        rows = [
            reconstruction(image[None], painted[None], hidden[None], self.patch_size, self.normalised)
            for image, painted, hidden in crops
        ]
        self._write(magnified(np.concatenate(rows), -(-PANEL // len(rows[0]))), epoch)

    def _write(self, picture: npt.NDArray[np.uint8], epoch: int) -> None:
        from matplotlib.image import imsave  # both are slow to import, and needed every few epochs
        from torch.utils.tensorboard import SummaryWriter

        with replacing(self.output_dir / f"reconstruction_{epoch:04d}.png") as partial:
            imsave(partial, picture)
        with SummaryWriter(str(self.output_dir / "pictures")) as writer:
            writer.add_image("validation/reconstruction", picture, epoch, dataformats="HWC")


def magnified(picture: npt.NDArray[np.uint8], factor: int) -> npt.NDArray[np.uint8]:
    """Returns a picture (H, W, 3) with every pixel shown as `factor` x `factor` of them."""
    return np.ascontiguousarray(picture.repeat(factor, axis=0).repeat(factor, axis=1))


def reconstruction(
    image: Tensor, patches: Tensor, mask: Tensor, patch_size: Sequence[int], normalised: bool = True
) -> npt.NDArray[np.uint8]:
    """Returns the image, the image without its hidden patches, and the image with those painted by the network.

    Args:
        image: (1, 1, H, W) or (1, 1, H, W, D); of a volume the middle slice is shown.
        patches: predicted, (1, N, p).
        mask: (1, N), 1 for hidden.
        patch_size: in voxels.
        normalised: whether predicted patches lack the mean and the spread of the true ones.

    Returns:
        (W, 3 H, 3): red, green, blue, the image's second axis upwards.
    """
    image, patches, mask = (torch.as_tensor(each).detach().cpu().float() for each in (image, patches, mask))
    true = to_patches(image, patch_size)
    if normalised:
        variance, mean = torch.var_mean(true, dim=-1, keepdim=True)
        patches = patches * (variance + 1e-6).sqrt() + mean
    low, high = np.percentile(image.numpy(), (1, 99.5))
    hidden = mask[..., None] > 0
    grey = torch.full_like(true, low + HIDDEN_GREY * (high - low))
    panels = (true, torch.where(hidden, grey, true), torch.where(hidden, patches, true))
    shown = [_middle(from_patches(panel, patch_size, image.shape[2:])) for panel in panels]
    plane = torch.cat([torch.rot90(panel) for panel in shown], dim=1)
    scaled = ((plane - low) / max(float(high - low), 1e-6)).clamp(0, 1) * 255
    return np.ascontiguousarray(scaled.to(torch.uint8).numpy()[..., None].repeat(3, axis=-1))


def _middle(image: Tensor) -> Tensor:
    """Returns (H, W) of an image (1, 1, H, W[, D])."""
    return image[0, 0] if image.ndim == 4 else image[0, 0, ..., image.shape[-1] // 2]

"""From a file of volumes to normalised crops for pre-training."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from monai.data import MetaTensor
from monai.transforms import Compose
from numpy.typing import NDArray
from torch import Tensor

from segpeft.data.checks import check_channel
from segpeft.data.crops import read_window
from segpeft.data.describe import digest
from segpeft.data.hounsfield import HounsfieldScale, not_hounsfield
from segpeft.data.modality import NormalizeModalityd
from segpeft.data.preprocess import IMAGE, spatial_steps
from segpeft.data.volume_cache import VolumeCache
from segpeft.data.volume_channels import read_channels
from segpeft.errors import InputError, reason_of

FULL_ENOUGH = 0.1
"""A crop is taken where at least this share of it is not background."""

TRIES = 8
"""So many crops are drawn until one is full enough; otherwise the fullest is taken, and none where all are empty."""

PASSING = (OSError, MemoryError)
"""Causes that may be gone next time (a share that was away, a full memory): what they leave is not kept."""

FORMAT = 2
"""Raised whenever the same settings would put other values into the cache."""


class VolumeCrops:
    """Reads a file, prepares each of its channels, and draws crops from them.

    Preparation: RAS orientation, resampling, normalisation (`NormalizeModalityd`), crop to the foreground. What is
    smaller than a crop is centred and filled with 0, the background. One file is in memory at a time, at its peak about
    four times its voxels in float32.

    Args:
        image_size: three numbers for 3D crops, two for axial slices.
        num_samples: crops a volume.
        patch_size: an axis shorter than that makes a volume unusable; None: any size is used.
        modality: "mr", "ct" or "auto", see `NormalizeModalityd`.
        ct_window: lower and upper end in HU.
        spacing: voxel size in mm to resample to; None keeps the file's.
        cache_dir: keeps prepared volumes there, for few of them; None reads the files every time.
        intensity: all volumes are CT, and crops are scaled like this (`ct_window` does not count): as the network to be
            fine-tuned will see them.

    Raises:
        InputError: a knob out of range.
    """

    def __init__(
        self,
        image_size: Sequence[int],
        num_samples: int = 1,
        patch_size: Sequence[int] | None = None,
        modality: str = "auto",
        ct_window: Sequence[float] = (-1000.0, 1000.0),
        spacing: Sequence[float] | None = None,
        cache_dir: str | Path | None = None,
        intensity: HounsfieldScale | None = None,
    ) -> None:
        if len(image_size) not in (2, 3) or min(image_size) < 1:
            raise InputError(f"image_size is {list(image_size)}; expected two (slices) or three (volumes) numbers")
        if num_samples < 1:
            raise InputError(f"num_samples is {num_samples}; expected at least 1")
        self.flat = len(image_size) == 2
        self.window = (*image_size, 1) if self.flat else tuple(image_size)
        self.least = tuple(patch_size or ())
        self.num_samples = num_samples
        self.intensity = intensity
        if intensity is not None:
            modality, ct_window = "ct", intensity.window
        steps = spatial_steps([IMAGE], spacing, 0, NormalizeModalityd(IMAGE, modality, ct_window))
        self.cache: VolumeCache | None = None
        if cache_dir is not None:
            self.cache = VolumeCache(Path(cache_dir).expanduser() / digest([FORMAT, self.least, steps]))
        self.prepared = Compose(steps)

    def volumes(self, path: str) -> tuple[list[NDArray[Any]], list[str]]:
        """Returns the usable channels of a file, each (1, H, W, D), and a line for everything that is not usable."""
        found = self.cache.load(path) if self.cache is not None else None
        if found is not None:
            return found
        volumes: list[NDArray[Any]] = []
        errors: list[InputError] = []
        try:
            for index, volume in read_channels(path):
                try:
                    volumes.append(self._prepare(volume, index, path))
                except InputError as error:
                    errors.append(error)
        except InputError as error:
            errors.append(error)
        wrong = [str(error) for error in errors]
        if self.cache is not None and not any(isinstance(error.__cause__, PASSING) for error in errors):
            self.cache.save(path, volumes, wrong)
        return volumes, wrong

    def _prepare(self, volume: MetaTensor, index: int, path: str) -> NDArray[Any]:
        check_channel(volume[0].as_subclass(Tensor), index, path)
        wrong = not_hounsfield(volume[0].as_subclass(Tensor)) if self.intensity is not None else ""
        if wrong:
            raise InputError(f"{path}: channel {index}: {wrong}; expected Hounsfield units (air -1000, water 0)")
        try:
            image = torch.as_tensor(self.prepared({IMAGE: volume})[IMAGE]).as_subclass(Tensor).numpy()
        except Exception as error:  # an affine that cannot be inverted, say; one of thousands must not end the run
            raise InputError(f"{path}: channel {index} cannot be prepared ({reason_of(error)})") from error
        short = [size for size, least in zip(image.shape[1:], self.least, strict=False) if size < least]
        if short:
            shape = list(image.shape[1:])
            raise InputError(f"{path}: channel {index} shows {shape} voxels; expected a patch, {list(self.least)}")
        if not np.any(image):
            raise InputError(f"{path}: channel {index} shows nothing within the window; expected an image")
        return np.ascontiguousarray(image)

    def crops(self, volume: NDArray[Any], rng: np.random.Generator) -> list[Tensor]:
        """Returns up to `num_samples` random crops (1, *image_size), float32, without empty ones."""
        drawn = (self._crop(volume, rng) for _ in range(self.num_samples))
        return [self._finished(crop) for crop in drawn if crop is not None]

    def _finished(self, crop: Tensor) -> Tensor:
        if self.intensity is not None:  # from 0..1, in which 0 is the background
            low, high = self.intensity.window
            crop = self.intensity(crop * (high - low) + low)
        return crop[..., 0] if self.flat else crop

    def _crop(self, volume: NDArray[Any], rng: np.random.Generator) -> Tensor | None:
        best, fullness = None, 0.0
        for _ in range(TRIES):
            spare = [size - wanted for size, wanted in zip(volume.shape[1:], self.window, strict=True)]
            start = [int(rng.integers(s + 1)) if s >= 0 else -(-s // 2) for s in spare]
            crop = read_window(volume, start, self.window)
            share = torch.count_nonzero(crop).item() / crop.numel()
            if share > fullness:
                best, fullness = crop, share
            if share >= FULL_ENOUGH:
                break
        return best

"""The volumes of one case as its files hold them, each read once; a file that can't be read becomes a line of text."""

from __future__ import annotations

import os
from dataclasses import dataclass

import torch
from torch import Tensor

from segpeft.data.layouts import Case
from segpeft.data.loading import LoadVolume
from segpeft.errors import InputError


@dataclass(frozen=True)
class OpenedVolume:
    """One channel, or a label.

    Attributes:
        path: of its file, or its folder of DICOM files.
        voxels: float32 (H, W, D), None where it could not be read.
        affine: float64 (4, 4), voxels to mm, None where it could not be read.
        error: one line, why it could not be read, "" where it was.
    """

    path: str
    voxels: Tensor | None = None
    affine: Tensor | None = None
    error: str = ""


@dataclass(frozen=True)
class OpenedCase:
    """A case and its volumes.

    Attributes:
        case: as it was found on disk.
        channels: in channel order; those of one 4D file have the same path.
        label: None where the case has none.
    """

    case: Case
    channels: tuple[OpenedVolume, ...]
    label: OpenedVolume | None = None

    @property
    def errors(self) -> tuple[str, ...]:
        """What could not be read, a line each."""
        volumes = [*self.channels, *([self.label] if self.label else [])]
        return tuple(dict.fromkeys(volume.error for volume in volumes if volume.error))


def open_case(case: Case) -> OpenedCase:
    """Reads the files of a case; nothing is resampled, turned around or compared."""
    channels = [volume for path in case.images for volume in _volumes(path)]
    if case.label is None:
        return OpenedCase(case, tuple(channels))
    label, *more = _volumes(case.label)
    if more:
        label = OpenedVolume(case.label, error=f"{case.label}: label has {1 + len(more)} channels; expected 1")
    return OpenedCase(case, tuple(channels), label)


def _volumes(path: str) -> list[OpenedVolume]:
    if not os.path.exists(path):
        return [OpenedVolume(path, error=f"{path}: no such file")]
    try:
        loaded = LoadVolume(image_only=True, ensure_channel_first=True, squeeze_non_spatial_dims=True)(path)
    except InputError as error:
        return [OpenedVolume(path, error=str(error))]
    affine = torch.as_tensor(loaded.affine).as_subclass(Tensor).double()
    return [OpenedVolume(path, channel, affine) for channel in loaded.as_subclass(Tensor).float()]

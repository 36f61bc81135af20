"""What is kept of a case once its files are closed: all checks work on that."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from nibabel.orientations import apply_orientation, io_orientation
from numpy.typing import NDArray

from segpeft.data.grids import grid_difference
from segpeft.data.hounsfield import not_hounsfield
from segpeft.data.survey import CaseFacts, OpenedCase, OpenedVolume, case_facts

from .features.channels import ChannelSignature, channel_signature
from .features.placement import LabelPlacement, label_placement


@dataclass(frozen=True)
class CaseLook:
    """What was seen of a case.

    Attributes:
        facts: of its files.
        hounsfield: for each channel why it cannot be in Hounsfield units, "" where it may be.
        signature: of its channels; None where there is one channel, or one of them cannot be used.
        placement: of its label; None where there is none, or something of the case cannot be used.
    """

    facts: CaseFacts
    hounsfield: tuple[str, ...]
    signature: ChannelSignature | None
    placement: LabelPlacement | None


def look(opened: OpenedCase) -> CaseLook:
    """Returns what is to be kept of an opened case."""
    usable = all(_usable(volume) for volume in opened.channels)
    drawn = opened.label if opened.label is not None and _readable(opened.label) else None
    label = None if drawn is None else np.rint(_to_ras(drawn)).astype(np.int64)
    channels = [_to_ras(volume) for volume in opened.channels] if usable else []
    alike = [_on_one_grid(volume, opened.channels[0]) for volume in opened.channels]
    fitting = label is not None and bool(channels) and label.shape == channels[0].shape
    signature = placement = None
    if len(channels) > 1 and all(alike):
        signature = channel_signature(channels, label if fitting else None)
    if fitting and label is not None:
        placement = label_placement([c for c, on_grid in zip(channels, alike, strict=True) if on_grid], label)
    return CaseLook(case_facts(opened), tuple(map(_hounsfield, opened.channels)), signature, placement)


def _readable(volume: OpenedVolume) -> bool:
    return volume.voxels is not None and bool(torch.isfinite(volume.voxels).all())


def _usable(volume: OpenedVolume) -> bool:
    return _readable(volume) and bool((volume.voxels != volume.voxels.flatten()[0]).any())  # type: ignore[union-attr]


def _hounsfield(volume: OpenedVolume) -> str:
    return not_hounsfield(volume.voxels) if volume.voxels is not None and _readable(volume) else ""


def _on_one_grid(volume: OpenedVolume, first: OpenedVolume) -> bool:
    if volume.voxels is None or first.voxels is None:
        return False
    return grid_difference(volume.voxels.shape, volume.affine, first.voxels.shape, first.affine) is None


def _to_ras(volume: OpenedVolume) -> NDArray[np.float32]:
    """Returns the voxels with their axes in the order and directions that are nearest to RAS; nothing is resampled."""
    if volume.voxels is None or volume.affine is None:
        raise ValueError(f"{volume.path}: was not read")
    return np.asarray(apply_orientation(volume.voxels.numpy(), io_orientation(volume.affine.numpy())))


def usable_values(looks: Sequence[CaseLook]) -> list[int]:
    """Returns the label values that at least half of the labelled cases have, ascending, after 0 for all of them."""
    sets = [set(one.placement.fit) if one.placement else set() for one in looks]
    sets = [values for values in sets if values]
    found = set().union(*sets) if sets else set()
    return sorted(value for value in found | {0} if 2 * sum(value in values for values in sets) >= len(sets))

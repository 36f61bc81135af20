"""What is read of the cases before knobs are chosen: their facts, and how large what they show is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from monai.data import MetaTensor

from segpeft.data.body import in_body
from segpeft.data.hounsfield import not_hounsfield
from segpeft.data.layouts import Case
from segpeft.data.modality import is_ct
from segpeft.data.normalize import foreground_mask
from segpeft.data.survey import CaseFacts, OpenedCase, OpenedVolume, case_facts


@dataclass(frozen=True)
class Seen:
    """A case as it was found.

    Args:
        facts: of its files.
        boxes: for each channel the voxels along the axes of its file that are left once the background is cut off.
        hounsfield: for each channel, whether its values can be Hounsfield units.
        air: for each channel, whether it has the air that only a CT shows.
    """

    facts: CaseFacts
    boxes: tuple[tuple[int, ...], ...]
    hounsfield: tuple[bool, ...]
    air: tuple[bool, ...]


def seen(opened: OpenedCase) -> Seen:
    """Returns what there is to know of an opened case; to be given to `segpeft.data.survey.look_at`."""
    hounsfield = tuple(v.voxels is not None and not not_hounsfield(v.voxels) for v in opened.channels)
    air = tuple(v.voxels is not None and is_ct(v.voxels) for v in opened.channels)
    boxes = tuple(_box(*each) for each in zip(opened.channels, hounsfield, air, strict=True))
    return Seen(case_facts(opened), boxes, hounsfield, air)


def sampled(cases: Sequence[Case], most: int) -> list[Case]:
    """Returns at most `most` cases, evenly spaced over all that have their files."""
    there = [case for case in cases if not case.problem] or list(cases)
    step = max(1.0, len(there) / most)
    return [there[int(index * step)] for index in range(min(most, len(there)))]


def same_scans(cases: Sequence[Case]) -> bool:
    """Returns whether all channels of every case are in one file."""
    return all(len({Path(image) for image in case.images}) == 1 for case in cases)


def _box(volume: OpenedVolume, hounsfield: bool, air: bool) -> tuple[int, ...]:
    """Returns the size of what a network is shown of a volume: the body of a CT, the foreground of an MR."""
    if volume.voxels is None:
        return ()
    image = torch.nan_to_num(volume.voxels[None])
    mask = in_body(MetaTensor(image, affine=volume.affine)) if hounsfield and air else foreground_mask(image)
    inside = np.argwhere(torch.as_tensor(mask[0]).numpy())
    return tuple(int(size) for size in inside.max(axis=0) - inside.min(axis=0) + 1)

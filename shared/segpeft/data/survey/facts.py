"""What there is to know of a case without its voxels: plain numbers that a set can be summed up from."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from monai.data import MetaTensor
from nibabel.affines import voxel_sizes
from nibabel.orientations import aff2axcodes
from torch import Tensor

from segpeft.data.checks import stored_like
from segpeft.data.normalize import foreground_mask
from segpeft.data.survey.opened_case import OpenedCase, OpenedVolume

PERCENTILES = (0.5, 50.0, 99.5)

SAMPLED = 2000
"""Voxels of a case whose intensities are kept, evenly spaced over those in question."""

ROUNDED = 1e-3
"""A label value is taken for the whole number that it is at most so far from: some tools write 0.99999997."""


@dataclass(frozen=True)
class GridFacts:
    """Where a volume lies.

    Attributes:
        shape: voxels along each axis.
        spacing: mm along each axis.
        axes: the directions that the axes point to, such as "RAS"; "" where the affine names none.
        affine: rows of the (4, 4) matrix, voxels to mm.
    """

    shape: tuple[int, ...]
    spacing: tuple[float, ...]
    axes: str
    affine: tuple[tuple[float, ...], ...]


@dataclass(frozen=True)
class ChannelFacts:
    """One channel of a case.

    Attributes:
        path: its file.
        grid: None where it could not be read, and then the rest is empty.
        low: least finite value.
        high: greatest finite value.
        percentiles: of the foreground's finite values, at `PERCENTILES`.
        non_finite: how many voxels are NaN or infinite.
        inside: intensities under the label (any value but 0, turned to lie as the image does), at most `SAMPLED`.
        digest: of the voxels and their shape: equal for equal volumes.
    """

    path: str
    grid: GridFacts | None = None
    low: float = 0.0
    high: float = 0.0
    percentiles: tuple[float, ...] = ()
    non_finite: int = 0
    inside: tuple[float, ...] = ()
    digest: str = ""

    @property
    def constant(self) -> bool:
        """Whether all its finite voxels have one value."""
        return self.grid is not None and self.low == self.high


@dataclass(frozen=True)
class LabelFacts:
    """The label of a case.

    Attributes:
        path: its file.
        grid: None where it could not be read, and then the rest is empty.
        counts: voxels of each whole value, 0 included, ascending.
        odd: some of the values that are no whole numbers, at most five.
        digest: as in `ChannelFacts`.
    """

    path: str
    grid: GridFacts | None = None
    counts: tuple[tuple[int, int], ...] = ()
    odd: tuple[float, ...] = ()
    digest: str = ""


@dataclass(frozen=True)
class CaseFacts:
    """A case.

    Attributes:
        name: its id.
        section: "training", "validation" or "test".
        problems: a line each: files that are missing, could not be read, or are not what they should be.
        channels: in channel order.
        label: None where the case has none.
    """

    name: str
    section: str
    problems: tuple[str, ...]
    channels: tuple[ChannelFacts, ...]
    label: LabelFacts | None


def case_facts(opened: OpenedCase) -> CaseFacts:
    """Returns the facts of a case; needs no more memory than the case itself."""
    case, label = opened.case, opened.label
    problems = [line for line in (case.problem, *opened.errors) if line]
    return CaseFacts(
        name=case.name,
        section=case.section,
        problems=tuple(dict.fromkeys(problems)),
        channels=tuple(_channel(volume, label) for volume in opened.channels),
        label=_label(label) if label else None,
    )


def _grid(volume: OpenedVolume, voxels: Tensor) -> GridFacts:
    affine = np.eye(4) if volume.affine is None else volume.affine.numpy()
    return GridFacts(
        shape=tuple(voxels.shape),
        spacing=tuple(float(size) for size in voxel_sizes(affine)),
        axes="".join(axis or "" for axis in aff2axcodes(affine)),
        affine=tuple(tuple(float(entry) for entry in row) for row in affine),
    )


def _channel(volume: OpenedVolume, label: OpenedVolume | None) -> ChannelFacts:
    voxels = volume.voxels
    if voxels is None:
        return ChannelFacts(volume.path)
    finite = torch.isfinite(voxels)
    shown = voxels[finite & foreground_mask(voxels[None])[0]].numpy()
    kept = voxels[finite]
    return ChannelFacts(
        path=volume.path,
        grid=_grid(volume, voxels),
        low=float(kept.min()) if kept.numel() else 0.0,
        high=float(kept.max()) if kept.numel() else 0.0,
        percentiles=tuple(float(value) for value in np.percentile(shown, PERCENTILES)) if shown.size else (),
        non_finite=int((~finite).sum()),
        inside=_inside(volume, finite, label),
        digest=_digest(voxels),
    )


def _inside(volume: OpenedVolume, finite: Tensor, label: OpenedVolume | None) -> tuple[float, ...]:
    if label is None or label.voxels is None or volume.voxels is None:
        return ()
    voxels, image = volume.voxels, MetaTensor(volume.voxels[None], affine=volume.affine)
    turned = stored_like(MetaTensor(label.voxels[None], affine=label.affine), image)
    drawn = turned.as_subclass(Tensor)[0]
    if drawn.shape != voxels.shape:
        return ()
    values = voxels[finite & (drawn.abs() > ROUNDED)]
    return tuple(values[:: max(1, -(-len(values) // SAMPLED))].tolist())


def _label(volume: OpenedVolume) -> LabelFacts:
    voxels = volume.voxels
    if voxels is None:
        return LabelFacts(volume.path)
    whole = voxels.round()
    off = ~((voxels - whole).abs() <= ROUNDED)  # NaN is off as well
    values, counts = torch.unique(whole[~off].long(), return_counts=True)
    return LabelFacts(
        path=volume.path,
        grid=_grid(volume, voxels),
        counts=tuple(zip(_ints(values.tolist()), _ints(counts.tolist()), strict=True)),
        odd=tuple(torch.unique(voxels[off])[:5].tolist()),
        digest=_digest(voxels),
    )


def _ints(values: Sequence[float]) -> list[int]:
    return [int(value) for value in values]


def _digest(voxels: Tensor) -> str:
    hashed = hashlib.sha256(str(tuple(voxels.shape)).encode())
    hashed.update(voxels.contiguous().numpy())  # type: ignore[arg-type]  # a buffer
    return hashed.hexdigest()

"""What tells the channels of a case from each other: a signature that a change of their order changes with them.

Everything is made of ranks and of quantiles relative to each other, so that the scale of a scanner drops out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from segpeft.data.normalize import foreground_mask

FloatArray = NDArray[np.float64]

SAMPLED = 200_000
"""Voxels of the foreground, evenly spaced, that quantiles, ranks and correlations are taken from."""
LEAST_DRAWN = 10
"""Voxels of a label value, below which its mean says nothing."""
QUANTILES = (1, 5, 25, 50, 75, 95, 99)


@dataclass(frozen=True)
class ChannelSignature:
    """The signature of a case with C channels.

    Attributes:
        shape: (C, 5), the tails and the upper half of each channel's histogram, in interquartile ranges.
        ranks: for each value of the label, and under 0 for all of it, the mean rank (C,) of its voxels, from 0 to 1.
        alike: (C, C), rank correlations.
        apart: (C, C, 2), how lopsided the difference of the ranks of two channels is, at its ends and near them.
    """

    shape: FloatArray
    ranks: Mapping[int, FloatArray]
    alike: FloatArray
    apart: FloatArray

    def vector(self, order: Sequence[int], values: Sequence[int]) -> FloatArray:
        """Returns the signature that the case would have with its channels in another order, as (F,).

        Args:
            order: which of its channels stands at each place.
            values: of the label; NaN stands for those that the case does not have.
        """
        order, pairs = list(order), np.triu_indices(len(order), 1)
        absent = np.full(len(order), np.nan)
        ranks = np.stack([self.ranks.get(value, absent)[order] for value in values])  # (V, C)
        return np.concatenate(
            [
                self.shape[order].ravel(),
                ranks.ravel(),
                self.alike[np.ix_(order, order)][pairs],
                self.apart[np.ix_(order, order)][pairs].ravel(),
                (ranks[:, pairs[0]] - ranks[:, pairs[1]]).ravel(),
            ]
        )


def channel_signature(
    channels: Sequence[NDArray[np.float32]], label: NDArray[np.int64] | None
) -> ChannelSignature | None:
    """Returns the signature of a case, None where a channel shows nothing.

    Args:
        channels: two or more finite volumes (H, W, D) on one grid.
        label: whole values on that grid, None where there is none.
    """
    stacked = np.stack(channels)  # (C, H, W, D)
    where = foreground_mask(torch.from_numpy(stacked))[0].numpy()
    values = stacked[:, where]  # (C, N)
    sample = values[:, :: max(1, values.shape[1] // SAMPLED)].astype(np.float64)
    ordered = np.sort(sample)
    quantiles = np.percentile(ordered, QUANTILES, axis=1).T
    middle, spread = quantiles[:, 3:4], quantiles[:, 4:5] - quantiles[:, 2:3]
    if sample.shape[1] < LEAST_DRAWN or not spread.all():
        return None
    ranked = _ranks(ordered, sample)
    return ChannelSignature(
        shape=((quantiles - middle) / spread)[:, [0, 1, 4, 5, 6]],
        ranks=_ranks_of_values(ordered, values, label[where]) if label is not None else {},
        alike=np.atleast_2d(np.corrcoef(ranked)),
        apart=_apart(ranked),
    )


def _ranks(ordered: FloatArray, values: NDArray[np.floating]) -> FloatArray:
    found = [np.searchsorted(known, row) for known, row in zip(ordered, values, strict=True)]
    return np.stack(found) / ordered.shape[1]


def _ranks_of_values(
    ordered: FloatArray, values: NDArray[np.float32], drawn: NDArray[np.int64]
) -> dict[int, FloatArray]:
    kinds, counts = np.unique(drawn[drawn > 0], return_counts=True)
    masks = {int(kind): drawn == kind for kind, count in zip(kinds, counts, strict=True) if count >= LEAST_DRAWN}
    if counts.sum() >= LEAST_DRAWN:
        masks[0] = drawn > 0
    found = {}
    for kind, mask in masks.items():
        inside = values[:, mask]
        found[kind] = _ranks(ordered, inside[:, :: max(1, inside.shape[1] // SAMPLED)]).mean(axis=1)
    return found


def _apart(ranked: FloatArray) -> FloatArray:
    count = len(ranked)
    apart = np.zeros((count, count, 2))
    for one in range(count):
        for other in range(one + 1, count):
            difference = ranked[one] - ranked[other]
            ends = np.percentile(difference, (0.5, 99.5, 2, 98)) / (difference.std() + 1e-6)
            apart[one, other] = ends[0] + ends[1], ends[2] + ends[3]
            apart[other, one] = -apart[one, other]
    return apart

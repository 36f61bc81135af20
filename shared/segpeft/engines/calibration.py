"""Whether probabilities mean what they say: the expected calibration error of regions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from segpeft.data.label_schemes import LabelScheme
from segpeft.errors import InputError

from .outputs import PROBABILITIES
from .region_metrics import RegionMetric


def expected_calibration_error(probability: Tensor, truth: Tensor, bins: int = 15) -> float:
    """Returns ``sum over m of |B_m| / n * |acc(B_m) - conf(B_m)|`` (Guo et al. 2017, arXiv 1706.04599, eq. 3).

    A voxel's confidence is the probability of what is predicted for it, max(p, 1 - p), and it is right where p > 0.5
    agrees with the truth. B_m are the voxels whose confidence is in ((m - 1) / M, m / M].

    Args:
        probability: of the region, any shape.
        truth: bool, of the same shape.
        bins: M, of equal width over [0, 1].
    """
    p = probability.flatten().double()
    confidence = torch.maximum(p, 1 - p)
    right = ((p > 0.5) == truth.flatten()).double()
    index = (confidence * bins).ceil().long().clamp(1, bins) - 1
    gap = torch.bincount(index, weights=right - confidence, minlength=bins)  # |B_m| (acc - conf)
    return float(gap.abs().sum() / p.numel())


def seen_box(probabilities: Tensor) -> tuple[slice, ...]:
    """Returns the bounding box of what the network saw, of probabilities (R, H, W, D) on the grid of the file.

    Preprocessing crops to the box of the foreground (the brain), and its inverse fills with exactly 0 around it.
    Without any value above 0 it is the whole volume.
    """
    seen = (probabilities > 0).any(0)
    axes = [seen.any(2).any(1), seen.any(2).any(0), seen.any(1).any(0)]
    found = [axis.nonzero()[:, 0] for axis in axes]
    return tuple(slice(int(f[0]), int(f[-1]) + 1) if len(f) else slice(None) for f in found)


class RegionECE(RegionMetric):
    """Expected calibration error of each region, over the voxels in the box of the foreground.

    Binary for each region, since regions overlap. The empty air around the box, of which every network is rightly
    certain, would bring any error near 0 and is left out (:func:`seen_box`). As with the other metrics the value of a
    run is the mean over cases.

    Args:
        label_scheme: as in :class:`~segpeft.engines.region_metrics.RegionMetric`.
        bins: M, of equal width.
        pred_key: of the probabilities (R, H, W, D); ``postprocessing(keep_probabilities=True)`` leaves them there.
        **options: of :class:`~segpeft.engines.region_metrics.RegionMetric`.

    Raises:
        InputError: ``bins`` is below 1; (update) a prediction holds no probabilities.
    """

    def __init__(
        self,
        label_scheme: str | LabelScheme | Mapping[str, Any],
        bins: int = 15,
        pred_key: str = PROBABILITIES,
        **options: Any,
    ) -> None:
        if bins < 1:
            raise InputError(f"bins {bins} is out of range: expected at least 1")
        self.bins = bins
        super().__init__(label_scheme, pred_key=pred_key, **options)

    def values(self, pred: Tensor, pred_mask: Tensor, truth: Tensor, spacing: Sequence[float]) -> list[float]:
        """Returns the error by region."""
        if pred.shape != truth.shape or not bool(pred.max() <= 1):
            raise InputError(f"the calibration needs probabilities {tuple(truth.shape)}: got {tuple(pred.shape)}")
        box = seen_box(pred)
        pred = pred.to(truth.device)
        return [expected_calibration_error(p[box], t[box], self.bins) for p, t in zip(pred, truth, strict=True)]

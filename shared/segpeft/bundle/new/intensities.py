"""How intensities become what a network sees: a z-score for MR, a window of Hounsfield units for CT."""

from __future__ import annotations

import numpy as np

from segpeft.errors import InputError

from .choice import Choice
from .summary import Summary

CLIPPED = (0.5, 99.5)
"""Percentiles of the labelled voxels at which nnU-Net clips a CT (Isensee et al. 2021, Nature Methods 18:203)."""


def choose_intensity(summary: Summary, knob_there: bool) -> list[Choice]:
    """Returns the scale of a CT; of an MR none.

    Args:
        summary: of the data set.
        knob_there: the template has the knob, for a CT of its own.

    Raises:
        InputError: no label lies on a CT.
    """
    if not summary.ct:
        return [Choice("intensity", None, "no CT: z-score over what is not background")] if knob_there else []
    if not summary.inside.size:
        raise InputError(f"{summary.title}: no label has the shape of its image; expected both on one grid")
    low, high = (round(float(value)) for value in np.percentile(summary.inside, CLIPPED))
    high = max(high, low + 1)
    clipped = summary.inside.clip(low, high)
    value = {
        "_target_": "segpeft.data.HounsfieldScale",
        "window": [low, high],
        "mean": round(float(clipped.mean()), 1),
        "std": round(max(float(clipped.std()), 1.0), 1),
    }
    why = "CT: percentiles 0.5 and 99.5, mean and deviation of the HU under the labels, as nnU-Net takes them"
    return [Choice("intensity", value, why)]

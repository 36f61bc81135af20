"""Summaries of data sets that nobody has to write to disk."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from segpeft.bundle.new.summary import Region, Summary

PLAIN = Summary(
    title="set",
    cases=40,
    looked=3,
    bad=(),
    channels=("MRI",),
    lacking=0,
    ct=False,
    said_ct=False,
    own_grids=False,
    spacing=np.ones((3, 3)),
    size=np.full((3, 3), 32.0),
    regions=(Region(1, 1.0, 100), Region(2, 1.0, 80)),
    inside=np.array([1.0]),
    fixed_folds=0,
)


def summary(**changes: Any) -> Summary:
    """Forty cases of MR with two regions, except for `changes`; of each case one row of spacing and size."""
    arrays = {name: np.array(changes[name], dtype=float) for name in ("spacing", "size", "inside") if name in changes}
    if "spacing" in arrays and "size" not in arrays:
        arrays["size"] = np.full(arrays["spacing"].shape, 32.0)
    return replace(PLAIN, **{**changes, **arrays})

"""Volumes as batches of slices and back: the only place that permutes them."""

from __future__ import annotations

from torch import Tensor


def fold_slices(x: Tensor) -> Tensor:
    """Maps volumes (B, C, H, W, D) to slices (B * D, C, H, W), slices fastest."""
    return x.permute(0, 4, 1, 2, 3).flatten(0, 1)


def unfold_slices(y: Tensor, slices: int) -> Tensor:
    """Maps slices (B * D, K, H, W) back to volumes (B, K, H, W, D).

    Args:
        y: what :func:`fold_slices` or a network made of its result gave.
        slices: D.
    """
    return y.unflatten(0, [-1, slices]).permute(0, 2, 3, 4, 1)

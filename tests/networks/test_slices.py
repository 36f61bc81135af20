"""Folding: which slice goes where."""

import torch

from segpeft.networks import fold_slices, unfold_slices


def test_slices_are_fastest_in_the_batch():
    volume = torch.randn(2, 3, 4, 5, 6)
    folded = fold_slices(volume)
    assert folded.shape == (12, 3, 4, 5)
    assert torch.equal(folded[6 + 2], volume[1, ..., 2])


def test_unfolding_undoes_folding():
    volume = torch.randn(2, 3, 4, 5, 6)
    assert torch.equal(unfold_slices(fold_slices(volume), 6), volume)

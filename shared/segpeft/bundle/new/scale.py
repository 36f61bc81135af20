"""How much may be computed: one set of sizes for machines with a GPU, one for those without."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Scale:
    """Sizes that follow from the machine, not from the data.

    Args:
        name: what `--scale` calls it.
        voxels: of a window, at most: on a CPU a larger one takes seconds a step.
        feature_size: width of UNETR's decoder at full resolution.
        slice_features: width of the decoder of slices; None: that of its paper.
        hidden_size, num_layers, num_heads: of an encoder that is pre-trained on the data set's own images.
        tokens: of one window of one channel, at most.
        crops: that a training sees in all.
        pretraining_crops: that a pre-training sees in all.
        num_workers: processes that read.
    """

    name: str
    voxels: int
    feature_size: int
    slice_features: int | None
    hidden_size: int
    num_layers: int
    num_heads: int
    tokens: int
    crops: int
    pretraining_crops: int
    num_workers: int


SCALES = {
    scale.name: scale
    for scale in (
        Scale("cpu", 120_000, 8, 32, 96, 4, 6, 512, 3000, 4000, 0),
        Scale("gpu", 128**3, 16, None, 384, 12, 6, 2048, 100_000, 200_000, 4),
    )
}

"""Source: Swin Transformer (Liu et al. 2021, arXiv 2103.14030), of Microsoft's code or of timm's."""

from __future__ import annotations

from .encoder import Encoder, rename
from .weight_file import WeightFile

NAME = "swin"
LICENCE = "MIT"

DROPPED = (r"head\..*", r".*\.attn_mask", r".*\.relative_position_index")


def matches(file: WeightFile) -> bool:
    """Tells a Swin Transformer by its bias tables; the second version has none."""
    return "layers.0.blocks.0.attn.relative_position_bias_table" in file.tensors


def convert(file: WeightFile) -> Encoder:
    """Returns the encoder without head, and without what a network computes itself (masks, indices).

    MONAI counts stages from 1, each a list of one. Microsoft's ``layers.i.downsample`` ends stage i, while timm's
    begins it: the same weights stand one further there.
    """
    early = int("layers.0.downsample.norm.weight" in file.tensors)
    stages = {i: i + 1 for i in range(4)}
    rules = [
        rule
        for old, new in stages.items()
        for rule in (
            (rf"layers\.{old}\.blocks\.(\d+)\.mlp\.fc([12])\.(.*)", rf"layers{new}.0.blocks.\1.mlp.linear\2.\3"),
            (rf"layers\.{old}\.blocks\.(.*)", rf"layers{new}.0.blocks.\1"),
            (rf"layers\.{old}\.downsample\.(.*)", rf"layers{old + early}.0.downsample.\1"),
        )
    ]
    encoder = rename(file.tensors, rules, DROPPED)
    encoder.settings = {"norm_eps": 1e-5, "activation": "gelu"}
    return encoder

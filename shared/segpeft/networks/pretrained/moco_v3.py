"""Source: MoCo v3 (Chen et al. 2021, arXiv 2104.02057): timm's names under ``base_encoder``."""

from __future__ import annotations

from .encoder import Encoder, below
from .timm_vit import convert_names, is_timm_vit, note_heads
from .weight_file import WeightFile

NAME = "moco_v3"
LICENCE = "CC-BY-NC 4.0: not for commercial use"
_PREFIX = "base_encoder."
HEADS = {384: 12, 768: 12}
"""Width -> attention heads; MoCo's small ViT has twice as many as others."""


def matches(file: WeightFile) -> bool:
    """Tells MoCo v3 by the prefix of its query encoder; those with a ResNet are no ViT."""
    return is_timm_vit(below(file.tensors, _PREFIX))


def convert(file: WeightFile) -> Encoder:
    """Returns the query encoder without class token and projection; predictor and momentum encoder stay behind."""
    encoder = convert_names(below(file.tensors, _PREFIX), file.path).under(_PREFIX)
    note_heads(encoder, HEADS)
    return encoder

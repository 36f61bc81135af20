"""Source: the image encoder of Segment Anything (Kirillov et al. 2023, arXiv 2304.02643): ViT-B, L or H."""

from __future__ import annotations

from .encoder import VIT_PATCHES, Encoder, below, start_as_identity
from .timm_vit import convert_names, is_timm_vit
from .weight_file import WeightFile

NAME = "sam"
LICENCE = "Apache-2.0"
_PREFIX = "image_encoder."


def matches(file: WeightFile) -> bool:
    """Tells SAM by the prefix of its image encoder and its relative positions."""
    inner = below(file.tensors, _PREFIX)
    return is_timm_vit(inner) and "blocks.0.attn.rel_pos_h" in inner


def convert(file: WeightFile) -> Encoder:
    """Returns the blocks; neck, prompt encoder and mask decoder stay behind. There is no class token and no last norm.

    Its windowed attention with relative positions is a knob of the network's encoder, ``attention_window``.
    """
    encoder = convert_names(below(file.tensors, _PREFIX), file.path, (r"neck\..*",)).under(_PREFIX)
    width = encoder.tensors[VIT_PATCHES].shape[0]
    encoder.settings["num_heads"] = width // encoder.tensors["blocks.0.attn.rel_pos_h"].shape[1]
    start_as_identity(encoder, "norm", width, "SAM")
    return encoder

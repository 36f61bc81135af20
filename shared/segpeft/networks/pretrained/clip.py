"""Source: the image tower of OpenAI's CLIP (Radford et al. 2021, arXiv 2103.00020), a ViT."""

from __future__ import annotations

import torch

from .encoder import POSITION, VIT_PATCHES, Encoder, rename, without_class_tokens
from .timm_vit import HEADS, note_heads
from .weight_file import WeightFile

NAME = "clip"
LICENCE = "MIT"

RULES = (
    (r"visual\.conv1\.weight", VIT_PATCHES),
    (r"visual\.positional_embedding", POSITION),
    (r"visual\.ln_pre\.(weight|bias)", r"patch_embedding.norm.\1"),
    (r"visual\.ln_post\.(weight|bias)", r"norm.\1"),
    (r"visual\.transformer\.resblocks\.(\d+)\.ln_([12])\.(weight|bias)", r"blocks.\1.norm\2.\3"),
    (r"visual\.transformer\.resblocks\.(\d+)\.attn\.in_proj_(weight|bias)", r"blocks.\1.attn.qkv.\2"),
    (r"visual\.transformer\.resblocks\.(\d+)\.attn\.out_proj\.(weight|bias)", r"blocks.\1.attn.out_proj.\2"),
    (r"visual\.transformer\.resblocks\.(\d+)\.mlp\.c_fc\.(weight|bias)", r"blocks.\1.mlp.linear1.\2"),
    (r"visual\.transformer\.resblocks\.(\d+)\.mlp\.c_proj\.(weight|bias)", r"blocks.\1.mlp.linear2.\2"),
)
DROPPED = (r"visual\.class_embedding", r"visual\.proj", r"(?!visual\.).*")


def matches(file: WeightFile) -> bool:
    """Tells CLIP with a ViT by the names of its image tower; those with a ResNet have other ones."""
    return {"visual.conv1.weight", "visual.class_embedding", "visual.ln_pre.weight"} <= set(file.tensors)


def convert(file: WeightFile) -> Encoder:
    """Returns the image tower without class token and projection: its fused ``in_proj`` is MONAI's ``qkv``."""
    encoder = rename(file.tensors, RULES, DROPPED)
    without_class_tokens(encoder, file.path)
    width = encoder.tensors[VIT_PATCHES].shape[0]
    bias = VIT_PATCHES.replace("weight", "bias")
    encoder.put(bias, torch.zeros(width), (), "CLIP has none: zero")
    encoder.settings = {"norm_eps": 1e-5, "activation": "quick_gelu"}
    note_heads(encoder, HEADS)
    return encoder

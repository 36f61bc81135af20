"""Source: ViT of timm (its augreg and original weights), and the names that MAE, MoCo v3 and SAM share."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor

from .encoder import POSITION, VIT_PATCHES, Encoder, rename, without_class_tokens
from .weight_file import WeightFile

NAME = "timm_vit"
LICENCE = "Apache-2.0 for Google's ImageNet weights; others as their model card says"

RULES = (
    (r"patch_embed\.proj\.(weight|bias)", r"patch_embedding.patch_embeddings.\1"),
    (r"pos_embed", POSITION),
    (r"blocks\.(\d+)\.attn\.proj\.(weight|bias)", r"blocks.\1.attn.out_proj.\2"),
    (r"blocks\.(\d+)\.mlp\.(?:fc|lin)([12])\.(weight|bias)", r"blocks.\1.mlp.linear\2.\3"),
)
DROPPED = (r"cls_token", r"dist_token", r"(head|head_dist|pre_logits|fc_norm)\..*")
HEADS = {192: 3, 384: 6, 768: 12, 1024: 16, 1280: 16}
"""Width -> attention heads of the published ViTs, Ti to H: no tensor shows them."""


def is_timm_vit(tensors: Mapping[str, Tensor]) -> bool:
    """Tells timm's names of a ViT."""
    return {"patch_embed.proj.weight", "pos_embed", "blocks.0.attn.qkv.weight"} <= set(tensors)


def matches(file: WeightFile) -> bool:
    """Tells a ViT of timm that is none of those that share its names."""
    return is_timm_vit(file.tensors)


def convert(file: WeightFile) -> Encoder:
    """Returns the encoder without class token and head."""
    return convert_names(file.tensors, file.path)


def convert_names(tensors: Mapping[str, Tensor], path: str, dropped: tuple[str, ...] = ()) -> Encoder:
    """Returns the encoder of tensors under timm's names; LayerNorm's epsilon is 1e-6 and GELU is exact in all of them.

    Args:
        tensors: by timm's names.
        path: of the file, for messages.
        dropped: expressions for what else is no part of the encoder.

    Raises:
        InputError: if the position embedding is of no square grid.
    """
    encoder = rename(tensors, RULES, (*DROPPED, *dropped))
    without_class_tokens(encoder, path)
    encoder.settings = {"norm_eps": 1e-6, "activation": "gelu"}
    note_heads(encoder, HEADS)
    return encoder


def note_heads(encoder: Encoder, heads: Mapping[int, int]) -> None:
    """Notes the attention heads of a ViT whose width is in ``heads``."""
    width = encoder.tensors[VIT_PATCHES].shape[0]
    if width in heads:
        encoder.settings["num_heads"] = heads[width]

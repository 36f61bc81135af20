"""Source: MONAI's ViT, alone, under a prefix, or inside a UNETR; and the encoder files of this package."""

from __future__ import annotations

import json

from .encoder import POSITION, UNUSED_NORMS, Encoder, below, rename, told
from .weight_file import WeightFile

NAME = "monai_vit"
LICENCE = "as the file's author says"

DROPPED = (UNUSED_NORMS, r"(?!patch_embedding\.|blocks\.|norm\.).*")
"""Besides, class token and head."""


def matches(file: WeightFile) -> bool:
    """Tells a ViT of MONAI by the name of its position embedding."""
    return any(key.endswith(POSITION) for key in file.tensors)


def convert(file: WeightFile) -> Encoder:
    """Returns the entries of the ViT without the prefix they stand under, with the token grid if a header says it."""
    prefix = next(key for key in file.tensors if key.endswith(POSITION)).removesuffix(POSITION)
    encoder = rename(below(file.tensors, prefix), (), DROPPED).under(prefix)
    encoder.grid = json.loads(file.header["grid"]) if "grid" in file.header else None
    encoder.settings.update(told(file.header, "num_heads", "norm_eps"))
    return encoder

"""Source: the masked auto-encoder of He et al. 2021 (arXiv 2111.06377), its encoder alone or the whole model."""

from __future__ import annotations

from .encoder import Encoder
from .timm_vit import convert_names, is_timm_vit
from .weight_file import WeightFile

NAME = "mae"
LICENCE = "CC-BY-NC 4.0: not for commercial use"


def matches(file: WeightFile) -> bool:
    """Tells MAE by its decoder, or by timm's names under ``model`` without a head."""
    headless = file.container == "torch ['model']" and "head.weight" not in file.tensors
    return is_timm_vit(file.tensors) and ("decoder_embed.weight" in file.tensors or headless)


def convert(file: WeightFile) -> Encoder:
    """Returns the encoder without class token and decoder."""
    return convert_names(file.tensors, file.path, (r"mask_token", r"decoder_.*"))

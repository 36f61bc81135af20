"""Source: a state dict of MONAI's MaskedAutoEncoderViT."""

from __future__ import annotations

import re
from collections.abc import Mapping

from torch import Tensor

from .encoder import UNUSED_NORMS, Encoder, rename
from .weight_file import WeightFile

NAME = "monai_mae"
LICENCE = "as the file's author says"

DROPPED = (UNUSED_NORMS, r"(?!patch_embedding\.|blocks\.).*")


def matches(file: WeightFile) -> bool:
    """Tells a masked auto-encoder of MONAI by its decoder's mask token."""
    return "mask_tokens" in file.tensors


def convert(file: WeightFile) -> Encoder:
    """Returns the encoder without class token and decoder."""
    return encoder_of(file.tensors)


def encoder_of(tensors: Mapping[str, Tensor]) -> Encoder:
    """Returns the encoder inside the state dict of a masked auto-encoder.

    MONAI keeps the final norm as the last entry of ``blocks``; a ViT calls it ``norm``. The class token, which takes no
    part in segmentation, and the decoder are left out.
    """
    last = max(int(found[1]) for key in tensors if (found := re.match(r"blocks\.(\d+)\.", key)))
    return rename(tensors, ((rf"blocks\.{last}\.(weight|bias)", r"norm.\1"),), DROPPED)

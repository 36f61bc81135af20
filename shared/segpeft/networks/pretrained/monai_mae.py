"""Source: a state dict of MONAI's MaskedAutoEncoderViT."""

from __future__ import annotations

import re

from torch import Tensor

NAME = "monai_mae"


def matches(state: dict[str, Tensor]) -> bool:
    """Tells a masked auto-encoder by its decoder's mask token."""
    return "mask_tokens" in state


def encoder_state(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Returns the encoder under MONAI ViT's names.

    MONAI keeps the final norm as the last entry of ``blocks``; a ViT calls it ``norm``. The class token, which takes no
    part in segmentation, and the decoder are left out.
    """
    blocks = {int(found[1]) for key in state if (found := re.match(r"blocks\.(\d+)\.", key))}
    last = f"blocks.{max(blocks)}."
    encoder = {}
    for key, value in state.items():
        if key.startswith(last):
            encoder["norm." + key.removeprefix(last)] = value
        elif key.startswith(("blocks.", "patch_embedding.")):
            encoder[key] = value
    return encoder

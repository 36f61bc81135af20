"""Source: a state dict of MONAI's ViT, alone, under a prefix, or inside a UNETR."""

from __future__ import annotations

from torch import Tensor

NAME = "monai_vit"
_MARK = "patch_embedding.position_embeddings"


def matches(state: dict[str, Tensor]) -> bool:
    """Tells a ViT of MONAI by the name of its position embedding."""
    return any(key.endswith(_MARK) for key in state)


def encoder_state(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Returns the entries of the ViT without the prefix they stand under."""
    prefix = next(key for key in state if key.endswith(_MARK)).removesuffix(_MARK)
    return {key.removeprefix(prefix): value for key, value in state.items() if key.startswith(prefix)}

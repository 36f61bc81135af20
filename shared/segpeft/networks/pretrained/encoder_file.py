"""The encoder of a masked auto-encoder as a file of its own."""

from __future__ import annotations

import json
import os
from pathlib import Path

from safetensors.torch import save_file

import segpeft
from segpeft.atomic_files import replacing

from ..masked_autoencoder import MaskedAutoEncoder
from .monai_mae import encoder_of

FORMAT = "segpeft-encoder"


def save_encoder(network: MaskedAutoEncoder, path: str | os.PathLike[str]) -> int:
    """Writes the encoder of ``network`` under MONAI ViT's names; returns the bytes. The file is replaced atomically.

    The header holds the token grid and the patch size, so that the position embedding can be resized from any shape.
    """
    path = Path(path)
    grid = [size // patch for size, patch in zip(network.img_size, network.patch_size, strict=True)]
    header = {
        "format": FORMAT,
        "segpeft_version": segpeft.__version__,
        "grid": json.dumps(grid),
        "patch_size": json.dumps(list(network.patch_size)),
    }
    tensors = encoder_of(network.state_dict()).tensors
    state = {key: value.detach().float().cpu().contiguous() for key, value in tensors.items()}
    with replacing(path) as partial:
        save_file(state, partial, metadata=header)
    return path.stat().st_size

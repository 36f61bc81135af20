"""The encoder of a pre-training as a file of its own."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any, Protocol

from torch import Tensor

from segpeft import __version__
from segpeft.tensor_files import write_tensors

FORMAT = "segpeft-encoder"


class Pretraining(Protocol):
    """A network that trains an encoder.

    Attributes:
        encoder_header: what the file's header shall say: ``kind``, ``patch_size`` and what else tensors do not show.
    """

    encoder_header: dict[str, Any]

    def encoder_state(self) -> dict[str, Tensor]:
        """Returns the encoder under MONAI's names."""


def save_encoder(network: Pretraining, path: str | os.PathLike[str]) -> int:
    """Writes the encoder of ``network`` as float32; returns the bytes. The file is replaced atomically.

    The header holds text only: what is no text stands there as JSON.
    """
    path = Path(path)
    header = {"format": FORMAT, "segpeft_version": __version__}
    for name, value in network.encoder_header.items():
        header[name] = value if isinstance(value, str) else json.dumps(value)
    state = {}
    for key, value in network.encoder_state().items():
        value = value.detach().cpu().contiguous()
        state[key] = value.float() if value.is_floating_point() else value
    write_tensors(path, state, header)
    return path.stat().st_size

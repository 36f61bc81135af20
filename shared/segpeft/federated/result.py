"""What a federation leaves: the averaged network, as a training would have written it."""

from __future__ import annotations

from pathlib import Path

from torch import nn

from segpeft.engines.saving import ModelSaver


def save_result(network: nn.Module, out: Path) -> None:
    """Writes ``model.pt``, the whole network, and ``adapter.safetensors``, its trainable state, to ``out``."""
    ModelSaver(network, out / "model.pt", out / "adapter.safetensors").save("the federation ended")

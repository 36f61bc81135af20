"""The weights that a packed bundle holds."""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from pathlib import Path
from typing import Any

import torch
from monai.bundle import ConfigParser

from segpeft.config_entry import built
from segpeft.engines import load_model
from segpeft.peft import save_adapter


def write_weights(config: Mapping[str, Any], model: Path | None, folder: Path) -> None:
    """Writes ``models/model.pt``, and the trained part alone as ``models/adapters/<bundle>.safetensors``.

    Args:
        config: of inference, whose ``network_def`` they belong to.
        model: state dict of the whole network; None draws one, seed 0.
        folder: of the bundle.

    Raises:
        InputError: the network can't be built, or the weights are not those of that network.
    """
    torch.manual_seed(0)
    network = built(ConfigParser(deepcopy(dict(config))), "network_def")
    if model is not None:
        load_model(network, model)
    (folder / "models").mkdir()
    torch.save(network.state_dict(), folder / "models" / "model.pt")
    applied = getattr(network, "peft", None)
    if applied is not None and not applied.method.trains_backbone:
        adapter = folder / "models" / "adapters" / f"{folder.name}.safetensors"
        adapter.parent.mkdir()
        save_adapter(network, adapter)

"""The network that a bundle's config describes, and its weights."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from monai.bundle import ConfigParser
from torch import nn

from segpeft.atomic_files import replacing
from segpeft.config_entry import built
from segpeft.errors import InputError, reason_of
from segpeft.settings import settings_of


def configured_network(configs: Sequence[str], knobs: Sequence[str], plain: bool) -> nn.Module:
    """Builds the network of a bundle's config, in evaluation mode.

    Args:
        configs: a config and its overlays, in order.
        knobs: ``NAME=VALUE``, the value in JSON (or a word).
        plain: without the method.

    Raises:
        InputError: a file is missing or broken, or the config has no ``network_def`` made by ``apply_peft``.
    """
    for path in configs:
        if not Path(path).is_file():
            raise InputError(f"{path}: no such file; run from inside the bundle's folder")
    parser, values = ConfigParser(), settings_of(knobs)
    try:
        parser.read_config(list(configs))
        for name, value in values.items():
            parser[name] = value
        wanted = "network_def#network" if plain else "network_def"
        if parser.get(wanted) is None:
            raise InputError(f"{configs[0]}: has no {wanted}, which apply_peft would make")
    except (KeyError, ValueError, RuntimeError) as error:
        raise InputError(f"{', '.join(configs)}: {reason_of(error)}") from error
    network = built(parser, wanted)
    if not isinstance(network, nn.Module):
        raise InputError(f"{configs[0]}: {wanted} is no network")
    return network.eval()


def save_state(network: nn.Module, path: Path) -> None:
    """Writes the state dict of ``network``; the file is replaced atomically."""
    with replacing(path) as partial:
        torch.save(network.state_dict(), partial)
